"""``lambdadispatch simulate``: from arguments to a table."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, TextIO

from lambdadispatch.simulator import prices as price_list
from lambdadispatch.simulator.access_log import AccessLogError, Recorded, read_access_log
from lambdadispatch.simulator.arguments import (
    COMMON,
    DEFAULT_COLD_START,
    SHAPE,
    ArgumentError,
    parser,
    refuse_unused,
    settings_of,
)
from lambdadispatch.simulator.distributions import Distribution, distribution
from lambdadispatch.simulator.own_dispatch import Billing
from lambdadispatch.simulator.plots import picture
from lambdadispatch.simulator.prices import Prices
from lambdadispatch.simulator.priming import PrimingError
from lambdadispatch.simulator.progress import Progress
from lambdadispatch.simulator.record import Record
from lambdadispatch.simulator.report import Figures, as_json, comparison, figures, refusals, table
from lambdadispatch.simulator.scenario import HERE, IDEAL, OWN, Scenario, planned, run_all
from lambdadispatch.simulator.workloads import BUILTIN, Shape, Trace, Workload

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
        _write(asked.plot, picture(scenario.workload.title, runs))
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
    text = f"{scenario.workload.title}, {about['requests']:,} requests, seed {scenario.seed}\n\n"
    text += table(rows)
    if HERE in found and OWN in found:
        text += "\n" + comparison(found[HERE], found[OWN])
    told = refusals(rows)
    return text + (f"\nOutcomes where not all were answered:\n{told}" if told else "")


def scenario_of(asked: Namespace) -> tuple[Scenario, tuple[str, ...]]:
    """Give what is asked for, and notes on the access log. Raises ArgumentError."""
    settings = settings_of(asked)
    row = BUILTIN.get(asked.workload or "")
    defaults: dict[str, Any] = dict(row.defaults) if row else {}
    cold_start = asked.cold_start or defaults.pop("cold_start", None)
    defaults.pop("cold_start", None)
    if asked.access_log is not None:
        workload, notes = _recorded(asked)
    else:
        workload, notes = _builtin(asked, defaults), ()
    if workload.warm > min(settings.max_instances, asked.account_concurrency):
        raise ArgumentError(
            f"argument --warm: {workload.warm} is refused; allowed: at most --max-instances "
            f"({settings.max_instances}) and --account-concurrency ({asked.account_concurrency})"
        )
    scenario = Scenario(
        settings=settings,
        workload=workload,
        typical=_duration(asked, defaults).mean,
        cold_start=cold_start or distribution(DEFAULT_COLD_START),
        call_back=asked.call_back,
        keep_warm=asked.keep_warm,
        account=asked.account_concurrency,
        billing=Billing(asked.function_timeout, asked.billed_start_share),
        prices=_prices(asked),
        seed=asked.seed,
    )
    return scenario, notes


def _duration(asked: Namespace, defaults: dict[str, Any]) -> Distribution:
    found: Distribution = asked.duration or defaults.get("duration") or distribution("100ms")
    return found


def _builtin(asked: Namespace, defaults: dict[str, Any]) -> Workload:
    if asked.workload is None:
        raise ArgumentError(
            f"argument --workload: not given, nor --access-log; allowed: {', '.join(BUILTIN)}"
        )
    if asked.log_duration is not None:
        raise ArgumentError("argument --log-duration: there is no log; allowed with: --access-log")
    row = BUILTIN[asked.workload]
    refuse_unused(asked, (*row.takes, *COMMON), f"--workload {asked.workload}")
    given = {name: getattr(asked, name) for name in SHAPE if getattr(asked, name) is not None}
    shape = Shape(**{**defaults, **given, "duration": _duration(asked, defaults)})
    if asked.requests is not None and asked.seconds is None:
        shape = replace(shape, seconds=float("inf")) if asked.workload != "ramp" else shape
    if shape.load_rate == float("inf"):
        raise ArgumentError("argument --duration: its mean is 0; allowed with step: more than 0")
    told = " ".join(f"--{name} {value:g}" for name, value in given.items())
    title = f"{asked.workload} {told}".strip() + f", requests take {shape.duration.text}"
    return row.workload(title, shape, asked.seed)


def _recorded(asked: Namespace) -> tuple[Workload, tuple[str, ...]]:
    if asked.workload is not None:
        raise ArgumentError("argument --access-log: not allowed with argument --workload")
    refuse_unused(asked, ("requests", "warm"), "--access-log")
    recorded = _read_log(asked.access_log, asked.log_duration)
    requests = recorded.requests[: asked.requests]
    duration = _duration(asked, {})

    def begin() -> Trace:
        draw = duration.draws(Random(f"{asked.seed}/durations"))
        return Trace((time, draw() if took is None else took) for time, took in requests)

    workload = Workload(
        title=f"access log {Path(asked.access_log).name}",
        begin=begin,
        total=len(requests),
        warm=asked.warm or 0,
    )
    return workload, recorded.notes


def _read_log(name: str, unit: str | None) -> Recorded:
    try:
        if name == "-":
            return read_access_log(sys.stdin, unit)
        with Path(name).open(encoding="utf-8", errors="replace") as lines:
            return read_access_log(lines, unit)
    except OSError as error:
        raise ArgumentError(
            f"argument --access-log: {name!r} cannot be read: {error.strerror}; "
            f"allowed: a file, or - for standard input"
        ) from None
    except AccessLogError as error:
        raise ArgumentError(f"argument --access-log: {name!r}: {error}") from None


def _prices(asked: Namespace) -> Prices:
    listed = price_list.LIST[asked.architecture]

    def chosen(given: float | None, price: float) -> float:
        return price if given is None else given

    return Prices(
        gb_second=chosen(asked.price_gb_second, listed.gb_second),
        million_requests=chosen(asked.price_million_requests, price_list.MILLION_REQUESTS),
        router_hour=chosen(asked.price_router_hour, listed.router_hour),
        memory=asked.memory / 1024,
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
