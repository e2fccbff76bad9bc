"""A bar chart as SVG: a bar for the median, a line for the range."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from bench.figures import Spread

WIDTH = 720
LEFT = 170
RIGHT = 150
TOP = 44
ROW = 30
BAR = 18
COLOURS = ("#5b7fa6", "#c8743c")
"""Of the others, and of the router."""

_STYLE = "font-family:sans-serif;font-size:13px"


def bar_chart(title: str, bars: Mapping[str, Spread], decimals: int, left: int = LEFT) -> str:
    """One bar for each name, from above in their order; values below 0 are drawn as 0.

    ``left`` is the room for the names, in pixels.
    """
    most = max([0.0, *(found.most for found in bars.values())])
    width = WIDTH + left - LEFT
    scale = (WIDTH - LEFT - RIGHT) / most if most else 0.0
    height = TOP + ROW * len(bars) + 10
    rows = "".join(
        _row(index, name, found, scale, decimals, left)
        for index, (name, found) in enumerate(bars.items())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" style="{_STYLE}">\n'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n'
        f'<text x="10" y="24" style="font-weight:bold">{escape(title)}</text>\n{rows}</svg>\n'
    )


def _row(index: int, name: str, found: Spread, scale: float, decimals: int, left: int) -> str:
    top = TOP + index * ROW
    middle, text = top + BAR / 2, top + BAR - 4
    end, least, most = (left + max(0.0, value) * scale for value in found)
    colour = COLOURS[name.startswith("lambdadispatch")]
    return (
        f'<text x="{left - 8}" y="{text}" text-anchor="end">{escape(name)}</text>\n'
        f'<rect x="{left}" y="{top}" width="{end - left:.1f}" height="{BAR}" fill="{colour}"/>\n'
        f'<line x1="{least:.1f}" y1="{middle}" x2="{most:.1f}" y2="{middle}" stroke="#202020"/>\n'
        f'<text x="{max(end, most) + 8:.1f}" y="{text}">{found.median:,.{decimals}f}</text>\n'
    )
