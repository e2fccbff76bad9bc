"""Line charts as SVG, by hand: no library, and the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10
from typing import Final, TypeAlias

Points: TypeAlias = Sequence[tuple[float, float]]

WIDTH: Final = 760
HEIGHT: Final = 230
LEFT: Final = 70
RIGHT: Final = 20
TOP: Final = 34
BOTTOM: Final = 40
COLOURS: Final = ("#c8743c", "#5b7fa6", "#6a9a5b")
TICKS: Final = 5

_STYLE = "font-family:sans-serif;font-size:12px"


@dataclass(frozen=True)
class Chart:
    """One chart: a line of points for each name, both axes from 0."""

    title: str
    across: str
    up: str
    lines: Sequence[tuple[str, Points]]


def svg(title: str, charts: Sequence[Chart]) -> str:
    """All charts, one below the other, under one title and one legend."""
    height = 60 + len(charts) * HEIGHT
    body = "".join(_chart(chart, 60 + index * HEIGHT) for index, chart in enumerate(charts))
    names = [name for name, _ in charts[0].lines]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" style="{_STYLE}">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n'
        f'<text x="10" y="22" style="font-weight:bold;font-size:14px">{escape(title)}</text>\n'
        f"{_legend(names)}{body}</svg>\n"
    )


def _legend(names: Sequence[str]) -> str:
    return "".join(
        f'<rect x="{LEFT + 200 * index}" y="36" width="14" height="4" fill="{COLOURS[index]}"/>\n'
        f'<text x="{LEFT + 200 * index + 20}" y="43">{escape(name)}</text>\n'
        for index, name in enumerate(names)
    )


def _chart(chart: Chart, top: int) -> str:
    points = [point for _, line in chart.lines for point in line]
    most_x, step_x = _scale(max((x for x, _ in points), default=0.0))
    most_y, step_y = _scale(max((y for _, y in points), default=0.0))
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    floor_y = top + TOP + high
    parts = [f'<text x="10" y="{top + 20}" style="font-weight:bold">{escape(chart.title)}</text>\n']
    for index in range(round(most_y / step_y) + 1):
        y = floor_y - index * step_y / most_y * high
        parts.append(
            f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>\n'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{index * step_y:g}</text>\n'
        )
    for index in range(round(most_x / step_x) + 1):
        x = LEFT + index * step_x / most_x * wide
        parts.append(
            f'<text x="{x:.1f}" y="{floor_y + 16}" text-anchor="middle">{index * step_x:g}</text>\n'
        )
    parts.append(
        f'<text x="{WIDTH - RIGHT}" y="{floor_y + 32}" text-anchor="end">'
        f"{escape(chart.across)}</text>\n"
        f'<text x="{LEFT}" y="{top + TOP - 4}" text-anchor="end">{escape(chart.up)}</text>\n'
    )
    # The last line lies on top: the first, which is what the chart is about, is drawn last.
    for index, (_, line) in reversed(list(enumerate(chart.lines))):
        drawn = " ".join(
            f"{LEFT + x / most_x * wide:.1f},{floor_y - y / most_y * high:.1f}" for x, y in line
        )
        parts.append(
            f'<polyline points="{drawn}" fill="none" stroke="{COLOURS[index]}" '
            f'stroke-width="1.5"/>\n'
        )
    return "".join(parts)


def _scale(most: float) -> tuple[float, float]:
    """Give the end of an axis and the step of its marks: 1, 2 or 5 times a power of ten."""
    if most <= 0:
        return 1.0, 0.2
    power = 10.0 ** floor(log10(most / TICKS))
    step = next(power * size for size in (1, 2, 5, 10) if power * size * TICKS >= most * 0.999)
    count = -(-most * 0.999 // step)
    return step * count, step
