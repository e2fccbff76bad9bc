"""The table of targets: as Markdown, as data and as a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.chart import bar_chart
from bench.figures import Spread
from bench.table import cell, markdown_table
from bench.targets import Verdict

TITLES = ("figure", "target", "measured", "", "best known reason if not met")


def measured_text(verdict: Verdict) -> str:
    """Median and range with the unit."""
    if verdict.found is None:
        return "-"
    middle, *spread = cell(verdict.found, verdict.target.decimals).split(" ", 1)
    return " ".join([middle + verdict.target.unit, *spread])


def targets_table(verdicts: Sequence[Verdict]) -> str:
    """A row for each target; none is left out."""
    rows = [
        [
            verdict.target.figure,
            verdict.target.wanted,
            measured_text(verdict),
            verdict.text,
            verdict.target.reason if verdict.text == "not met" else "",
        ]
        for verdict in verdicts
    ]
    text = markdown_table(TITLES, rows)
    return text.replace("| --- | ---: | ---: | ---: | ---: |", "| --- | --- | ---: | --- | --- |")


def targets_page(
    verdicts: Sequence[Verdict],
    machine: Mapping[str, str],
    notes: Sequence[str],
    rounds: Mapping[str, int],
) -> str:
    """The whole page."""
    met = sum(verdict.met for verdict in verdicts)
    counts = ", ".join(f"{case} {count}" for case, count in rounds.items())
    parts = [
        "# Bench: targets\n",
        f"{met} of {len(verdicts)} met. Median (least..most); CPU is that of the router's process, "
        "as a ratio to nginx in the same round.\n",
        *(f"**{note}**\n" for note in notes),
        targets_table(verdicts),
        f"Rounds: {counts}. Every figure is in CASE.md and CASE.json beside this.\n",
        markdown_table(["measured on", ""], machine.items()).replace("| ---: |", "| --- |"),
    ]
    return "\n".join(parts)


def targets_data(verdicts: Sequence[Verdict], machine: Mapping[str, str]) -> dict[str, Any]:
    """Everything, for JSON."""
    return {
        "machine": dict(machine),
        "targets": [
            {
                "figure": verdict.target.figure,
                "target": verdict.target.wanted,
                "limit": verdict.target.limit,
                "measured": verdict.found._asdict() if verdict.found else None,
                "verdict": verdict.text,
            }
            for verdict in verdicts
        ],
    }


def targets_chart(verdicts: Sequence[Verdict]) -> str:
    """Each figure as a share of what its target allows: a bar beyond 100 is not met."""
    bars = {
        verdict.target.figure: share(verdict)
        for verdict in verdicts
        if verdict.found is not None and verdict.found.median
    }
    return bar_chart("measured, in per cent of what the target allows", bars, 0, left=370)


def share(verdict: Verdict) -> Spread:
    """The figure in per cent of its limit; the other way about where more is better."""
    assert verdict.found is not None, "only what was measured is drawn"
    middle, least, most = verdict.found
    limit = verdict.target.limit
    if verdict.target.least:
        return Spread(*(limit / value * 100 for value in (middle, most, least)))
    return Spread(*(value / limit * 100 for value in (middle, least, most)))
