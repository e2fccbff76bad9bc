"""Line charts as SVG, by hand: no library, and the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Final, NamedTuple, TypeAlias

Points: TypeAlias = Sequence[tuple[float, float]]

WIDTH: Final = 760
HEIGHT: Final = 230
LEFT: Final = 70
RIGHT: Final = 20
TOP: Final = 34
BOTTOM: Final = 40
COLOURS: Final = ("#c8743c", "#5b7fa6", "#6a9a5b")
MARKS: Final = 5

_STYLE = "font-family:sans-serif;font-size:12px"


@dataclass(frozen=True)
class Chart:
    """One chart: a line of points for each name, both axes from 0.

    ``tens`` makes equal steps upwards of 1, 10, 100 and so on, with 0 at the bottom.
    """

    title: str
    across: str
    lines: Sequence[tuple[str, Points]]
    tens: bool = False


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
    across = _even_axis(max((x for x, _ in points), default=0.0))
    most = max((y for _, y in points), default=0.0)
    up = _axis_of_tens(most) if chart.tens else _even_axis(most)
    wide, high, left, ground = (
        WIDTH - LEFT - RIGHT,
        HEIGHT - TOP - BOTTOM,
        LEFT,
        top + HEIGHT - BOTTOM,
    )
    parts = [f'<text x="10" y="{top + 20}" style="font-weight:bold">{escape(chart.title)}</text>\n']
    for mark in up.marks:
        y = ground - up.share(mark) * high
        parts.append(
            f'<line x1="{left}" y1="{y:.1f}" x2="{left + wide}" y2="{y:.1f}" stroke="#dddddd"/>\n'
            f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{mark:g}</text>\n'
        )
    for mark in across.marks:
        x = left + across.share(mark) * wide
        parts.append(f'<text x="{x:.1f}" y="{ground + 16}" text-anchor="middle">{mark:g}</text>\n')
    parts.append(
        f'<text x="{left + wide}" y="{ground + 32}" text-anchor="end">'
        f"{escape(chart.across)}</text>\n"
    )
    # What is drawn last lies on top, and that is the first line.
    for index, (_, line) in reversed(list(enumerate(chart.lines))):
        drawn = " ".join(
            f"{left + across.share(x) * wide:.1f},{ground - up.share(y) * high:.1f}"
            for x, y in line
        )
        parts.append(
            f'<polyline points="{drawn}" fill="none" stroke="{COLOURS[index]}" '
            f'stroke-width="1.5"/>\n'
        )
    return "".join(parts)


class _Axis(NamedTuple):
    """Where on an axis a value stands, from 0 to 1, and the values that are marked."""

    share: Callable[[float], float]
    marks: Sequence[float]


def _even_axis(most: float) -> _Axis:
    """Marks at 1, 2 or 5 times a power of ten."""
    if most <= 0:
        return _Axis(lambda value: value, (0.0, 1.0))
    power = 10.0 ** floor(log10(most / MARKS))
    step = next(power * size for size in (1, 2, 5, 10) if power * size * MARKS >= most * 0.999)
    count = ceil(most * 0.999 / step)
    return _Axis(lambda value: value / (count * step), [step * index for index in range(count + 1)])


def _axis_of_tens(most: float) -> _Axis:
    power = ceil(log10(max(most, 10.0)) - 0.001)
    end = log10(1 + 10**power)
    marks = (0.0, *(10.0**each for each in range(power + 1)))
    return _Axis(lambda value: log10(1 + value) / end, marks)
