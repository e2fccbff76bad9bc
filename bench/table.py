"""The report as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bench.figures import Column, Round, Spread, errors_of, ratios_of, spread, values_of

NOISY = 10.0
"""Per cent of the measured core used by others from which on the report warns."""


def cell(found: Spread, decimals: int) -> str:
    """Median and range; one value where all are the same."""
    middle, least, most = (f"{value:,.{decimals}f}" for value in found)
    return middle if least == most else f"{middle} ({least}..{most})"


def markdown_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    rule = ["---", *["---:"] * (len(titles) - 1)]
    lines = [titles, rule, *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def errors_text(errors: Mapping[str, int]) -> str:
    """Counts by kind, or 0."""
    return ", ".join(f"{kind} {count:,}" for kind, count in sorted(errors.items())) or "0"


def figures_table(
    columns: Sequence[Column], contenders: Sequence[str], rounds: Sequence[Round]
) -> str:
    """Median and range of every figure, and the errors."""
    rows = []
    for contender in contenders:
        cells = [
            cell(spread(values_of(rounds, contender, column.key)), column.decimals)
            for column in columns
        ]
        rows.append([contender, *cells, errors_text(errors_of(rounds, contender))])
    return markdown_table(["", *(column.title for column in columns), "errors"], rows)


def ratios_table(
    columns: Sequence[Column], contenders: Sequence[str], rounds: Sequence[Round], base: str
) -> str:
    """Ratios to the base within each round; empty when there is nothing to compare."""
    shown = [column for column in columns if column.ratio]
    if not shown or base not in contenders or len(contenders) < 2:
        return ""
    rows = []
    for contender in contenders:
        found = [ratios_of(rounds, contender, base, column.key) for column in shown]
        rows.append([contender, *(cell(spread(each), 2) if each else "-" for each in found)])
    return markdown_table([f"ratio to {base}", *(column.title for column in shown)], rows)


def warning(contenders: Sequence[str], rounds: Sequence[Round]) -> str:
    """Say so when others used the measured core; empty when they did not."""
    busy = [
        sample.figures.get("others_share", 0.0)
        for each in rounds
        for name, sample in each.items()
        if name in contenders
    ]
    worst = max(busy, default=0.0)
    if worst < NOISY:
        return ""
    return (
        f"**The machine was not quiet: others used up to {worst:.0f} % of the measured core. "
        "Compare the ratios, not the figures.**\n"
    )


def report(
    title: str,
    about: str,
    machine: Mapping[str, str],
    columns: Sequence[Column],
    contenders: Sequence[str],
    rounds: Sequence[Round],
    base: str,
    appendix: str = "",
) -> str:
    """The whole page."""
    parts = [
        f"# {title}\n",
        f"{about[0].upper()}{about[1:]}. Median (least..most); rounds: {len(rounds)}.\n",
        warning(contenders, rounds),
        figures_table(columns, contenders, rounds),
        ratios_table(columns, contenders, rounds, base),
        appendix,
        markdown_table(["measured on", ""], machine.items()).replace("| ---: |", "| --- |"),
    ]
    return "\n".join(part for part in parts if part)
