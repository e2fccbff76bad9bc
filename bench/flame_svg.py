"""Stacks that py-spy collapsed: without those of waiting threads, as a picture and as a table.

py-spy draws pictures itself, but in some virtual machines it cannot tell that a thread waits, and
a picture is then mostly the reactor's idle thread pool.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Self

Stacks = Mapping[tuple[str, ...], int]
"""Samples by stack, the outermost frame first."""

WIDTH = 1180
ROW = 17
TOP = 30
LEAST = 0.3
"""Pixels below which a frame is not drawn."""
LETTER = 6.3
"""Pixels."""
WAITING = ("threading.py", "_threadworker.py")
LOOP = "asyncioreactor.py"
"""A stack that ends there is in libuv or the kernel."""
_PLACE = re.compile(r"\((?:[^()]*/(?:site-packages|lib/python3\.\d+)/)?([^():]*)(?::\d+)?\)$")


def parse(raw: str, root: str) -> Stacks:
    """Read py-spy's ``raw`` format; sources are named from ``root`` or site-packages on."""
    found: Counter[tuple[str, ...]] = Counter()
    for line in raw.splitlines():
        text, _, count = line.rpartition(" ")
        frames = tuple(
            _PLACE.sub(r"(\1)", frame.replace(root + "/", "")) for frame in text.split(";")
        )
        if not any(file in frame for frame in frames for file in WAITING):
            found[frames] += int(count)
    return found


def by_layer(stacks: Stacks) -> dict[str, float]:
    """Per cent of the samples by the package of the innermost frame, the largest first."""
    found: Counter[str] = Counter()
    for frames, count in stacks.items():
        found[layer_of(frames[-1])] += count
    total = max(1, found.total())
    return {name: count / total * 100 for name, count in found.most_common()}


def layer_of(frame: str) -> str:
    """``lambdadispatch/http11``, say; libuv and kernel for the loop itself; or the top package."""
    place = frame.rpartition("(")[2].rstrip(")")
    if LOOP in place:
        return "libuv and the kernel"
    parts = place.split("/")
    if len(parts) == 1:
        return "the standard library"
    return "/".join(parts[:2]) if parts[0] == "lambdadispatch" else parts[0]


@dataclass
class Frame:
    """A frame with the samples in it and below it."""

    samples: int = 0
    inner: dict[str, Self] = field(default_factory=dict)


def tree(stacks: Stacks) -> Frame:
    """All stacks, joined from the outermost frame on."""
    root = Frame()
    for frames, count in stacks.items():
        at = root
        at.samples += count
        for name in frames:
            at = at.inner.setdefault(name, Frame())
            at.samples += count
    return root


def draw(stacks: Stacks, title: str) -> str:
    """The picture: the outermost frames on top, as wide as their share of the samples."""
    root = tree(stacks)
    rows = list(_frames(root, 0.0, WIDTH / max(1, root.samples), 0))
    height = TOP + ROW * (1 + max((depth for _, _, depth, _, _ in rows), default=0)) + 6
    drawn = "".join(_rectangle(*row, root.samples) for row in rows)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" style="font-family:sans-serif;font-size:11px">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n'
        f'<text x="6" y="19" style="font-size:13px">{escape(title)}</text>\n{drawn}</svg>\n'
    )


def _frames(
    frame: Frame, left: float, scale: float, depth: int
) -> Iterable[tuple[str, float, int, float, int]]:
    for name, inner in sorted(frame.inner.items(), key=lambda item: -item[1].samples):
        width = inner.samples * scale
        if width >= LEAST:
            yield name, left, depth, width, inner.samples
            yield from _frames(inner, left, scale, depth + 1)
        left += width


def _rectangle(name: str, left: float, depth: int, width: float, samples: int, total: int) -> str:
    top = TOP + depth * ROW
    colour = "#c8743c" if "(lambdadispatch/" in name else "#9db4cc"
    room = int((width - 6) / LETTER)
    shown = name if len(name) <= room else name[: room - 1] + "…" if room > 3 else ""
    text = f'<text x="{left + 3:.1f}" y="{top + 12}">{escape(shown)}</text>' if shown else ""
    return (
        f"<g><title>{escape(name)}: {samples / total * 100:.1f} %</title>"
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{ROW - 1}" '
        f'fill="{colour}" stroke="#ffffff" stroke-width="0.5"/>{text}</g>\n'
    )
