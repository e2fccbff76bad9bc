"""The table, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lambdadispatch.simulator.prices import MILLION, Prices
from lambdadispatch.simulator.record import Record, quantile


@dataclass(frozen=True)
class Figures:
    """One row. Waits and ``instance_seconds`` are in seconds.

    Waits are those of requests that an instance took, from arrival to then. ``refused`` ended
    without the application's answer. ``instances`` are environments with an open invocation, as
    peak and as mean up to the end of the last request; ``starts`` are those asked for, ``cold``
    those that AWS had to make. ``instance_seconds`` are what AWS bills.
    """

    name: str
    requests: int
    wait_p50: float
    wait_p99: float
    wait_max: float
    refused: int
    outcomes: Mapping[str, int]
    instances_peak: int
    instances_mean: float
    starts: int
    cold: int
    instance_seconds: float
    dollars: float
    dollars_a_million: float


def figures(name: str, record: Record, prices: Prices) -> Figures:
    """The row of one run."""
    waits = type(record.waits)("d", sorted(record.waits))
    dollars = prices.of(record)
    return Figures(
        name=name,
        requests=record.requests,
        wait_p50=quantile(waits, 0.5),
        wait_p99=quantile(waits, 0.99),
        wait_max=quantile(waits, 1.0),
        refused=record.refused,
        outcomes=dict(sorted(record.outcomes.items())),
        instances_peak=record.instances.peak,
        instances_mean=record.instances.mean(record.until),
        starts=record.starts,
        cold=record.cold_starts,
        instance_seconds=record.billed_ms / 1000,
        dollars=dollars,
        dollars_a_million=dollars * MILLION / record.requests if record.requests else 0.0,
    )


_COLUMNS: Final[tuple[tuple[str, Callable[[Figures], str]], ...]] = (
    ("", lambda f: f.name),
    ("wait p50 s", lambda f: f"{f.wait_p50:.3f}"),
    ("p99 s", lambda f: f"{f.wait_p99:.3f}"),
    ("max s", lambda f: f"{f.wait_max:.3f}"),
    ("refused", lambda f: f"{f.refused:,}"),
    ("instances peak", lambda f: f"{f.instances_peak:,}"),
    ("mean", lambda f: f"{f.instances_mean:,.1f}"),
    ("starts", lambda f: f"{f.starts:,}"),
    ("cold", lambda f: f"{f.cold:,}"),
    ("instance-s", lambda f: f"{f.instance_seconds:,.1f}"),
    ("dollars", lambda f: f"{f.dollars:.4f}"),
    ("per million", lambda f: f"{f.dollars_a_million:.2f}"),
)


def table(rows: Sequence[Figures]) -> str:
    """A table in Markdown, its columns aligned."""
    cells = [[title for title, _ in _COLUMNS]]
    cells += [[show(row) for _, show in _COLUMNS] for row in rows]
    widths = [max(3, *(len(row[index]) for row in cells)) for index in range(len(_COLUMNS))]
    rule = [
        "-" * width if not index else "-" * (width - 1) + ":" for index, width in enumerate(widths)
    ]
    lines = [_line(cells[0], widths), f"| {' | '.join(rule)} |"]
    lines += [_line(row, widths) for row in cells[1:]]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.rjust(width) if index else cell.ljust(width)
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"| {' | '.join([first, *rest])} |"


def comparison(here: Figures, own: Figures) -> str:
    """How the p99 waits compare, in a sentence; empty if AWS Lambda's is 0."""
    if not own.wait_p99:
        return ""
    return (
        f"p99 wait of this dispatcher: {here.wait_p99 / own.wait_p99:.3f} of AWS Lambda's own "
        f"({here.wait_p99:.3f} s and {own.wait_p99:.3f} s).\n"
    )


def refusals(rows: Iterable[Figures]) -> str:
    """What the refused were told, a line for each row that has some."""
    return "".join(
        f"{row.name.strip()}: "
        + ", ".join(f"{count:,} {word}" for word, count in row.outcomes.items())
        + "\n"
        for row in rows
        if row.refused
    )


def as_json(about: Mapping[str, Any], rows: Iterable[Figures]) -> str:
    """The same as JSON: ``about`` what was asked, ``rows`` with all figures."""
    found = [{**vars(row), "name": row.name.strip()} for row in rows]
    return json.dumps({**about, "rows": found}, indent=2) + "\n"
