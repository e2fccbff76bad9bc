"""``lambdadispatch simulate``: from arguments to a table."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from lambdadispatch.simulator import prices as price_list
from lambdadispatch.simulator.arguments import ArgumentError, parser
from lambdadispatch.simulator.asking import scenario_of
from lambdadispatch.simulator.plots import picture
from lambdadispatch.simulator.priming import PrimingError
from lambdadispatch.simulator.progress import Progress
from lambdadispatch.simulator.record import Record
from lambdadispatch.simulator.report import Figures, as_json, comparison, figures, refusals, table
from lambdadispatch.simulator.scenario import HERE, IDEAL, OWN, Scenario, planned, run_all

INTERRUPTED = 130
BAD_ARGUMENTS = 2


def main(arguments: Sequence[str], out: TextIO, err: TextIO) -> int:
    """Run the command; the exit status: 0, 2 for bad arguments, 130 if it was interrupted."""
    try:
        asked = parser().parse_args(arguments)
        scenario, notes = scenario_of(asked)
        for note in notes:
            err.write(f"access log: {note}\n")
        return _report(asked, scenario, out, err)
    except (ArgumentError, PrimingError) as error:
        err.write(f"lambdadispatch simulate: {error}\n")
        return BAD_ARGUMENTS
    except KeyboardInterrupt:
        err.write("interrupted\n")
        return INTERRUPTED


def _report(asked: Namespace, scenario: Scenario, out: TextIO, err: TextIO) -> int:
    progress = Progress(err)
    rows: list[Figures] = []
    runs: list[tuple[str, Record]] = []
    status = 0
    try:
        plan = planned(scenario, asked.rows, _concurrencies(asked, scenario))
        for name, changed, record in run_all(plan, progress.watch):
            rows.append(figures(name, record, changed.prices))
            if name in {HERE, OWN, IDEAL}:
                runs.append((name, record))
    except KeyboardInterrupt:
        status = INTERRUPTED
    progress.clear()
    if status:
        err.write("interrupted: only the rows that were ready are shown\n")
    out.write(_shown(asked, scenario, rows))
    if asked.plot is not None and runs:
        _write(asked.plot, picture(f"{scenario.workload.title}: {_told(scenario)}", runs))
    return status


def _shown(asked: Namespace, scenario: Scenario, rows: list[Figures]) -> str:
    about = {
        "workload": scenario.workload.title,
        "seed": scenario.seed,
        "requests": max((row.requests for row in rows), default=0),
        "prices": {
            "region": price_list.REGION,
            "as_of": price_list.AS_OF,
            "sources": price_list.SOURCES,
            **vars(scenario.prices),
        },
    }
    if asked.json:
        return as_json(about, rows)
    found = {row.name: row for row in rows}
    text = f"{scenario.workload.title}: {about['requests']:,} requests, seed {scenario.seed}\n"
    text += f"{_told(scenario)}\n\n{table(rows)}"
    if HERE in found and OWN in found:
        text += "\n" + comparison(found[HERE], found[OWN])
    told = refusals(rows)
    return text + (f"\nOutcomes where not all were answered:\n{told}" if told else "")


def _told(scenario: Scenario) -> str:
    settings = scenario.settings
    return (
        f"{settings.max_concurrent_count} requests per instance, multiplier "
        f"{settings.instance_count_multiplier}, algorithm {settings.scaling_algorithm}, cold start "
        f"{scenario.cold_start.text}, {scenario.prices.memory * 1024:.0f} MB"
    )


def _concurrencies(asked: Namespace, scenario: Scenario) -> tuple[int, ...]:
    if asked.what_if_concurrency is not None:
        given: tuple[int, ...] = asked.what_if_concurrency
        return given
    here = scenario.settings.max_concurrent_count
    return tuple(sorted({1, max(1, here // 2), min(1000, 2 * here)}))


def _write(name: str, text: str) -> None:
    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ArgumentError(
            f"argument --plot: {name!r} cannot be written: {error.strerror}; "
            "allowed: the name of a file"
        ) from None
