"""The files of a run: the report, every value as JSON, and a chart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.chart import bar_chart
from bench.figures import Column, Round, errors_of, ratios_of, spread, values_of


def as_data(
    case: str,
    machine: Mapping[str, str],
    columns: Sequence[Column],
    contenders: Sequence[str],
    rounds: Sequence[Round],
    base: str,
) -> dict[str, Any]:
    """Everything, for JSON; ratios only where the base was measured."""

    def figure(contender: str, column: Column) -> dict[str, Any]:
        values = values_of(rounds, contender, column.key)
        found: dict[str, Any] = spread(values)._asdict() | {"values": values}
        ratios = ratios_of(rounds, contender, base, column.key) if base in contenders else []
        if column.ratio and ratios:
            found["ratio"] = spread(ratios)._asdict()
        return found

    return {
        "case": case,
        "base": base,
        "machine": dict(machine),
        "titles": {column.key: column.title for column in columns},
        "contenders": {
            name: {
                "figures": {column.key: figure(name, column) for column in columns},
                "errors": errors_of(rounds, name),
            }
            for name in contenders
        },
    }


def chart_of(case: str, column: Column, contenders: Sequence[str], rounds: Sequence[Round]) -> str:
    """The chart of one figure."""
    bars = {name: spread(values_of(rounds, name, column.key)) for name in contenders}
    return bar_chart(f"{case}: {column.title}", bars, column.decimals)


def write(directory: Path, case: str, page: str, data: Mapping[str, Any], chart: str) -> None:
    """Write the three files, named after the case."""
    directory.mkdir(exist_ok=True)
    (directory / f"{case}.md").write_text(page)
    (directory / f"{case}.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    (directory / f"{case}.svg").write_text(chart)
