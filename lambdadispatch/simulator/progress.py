"""How far a run is, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from lambdadispatch.simulator.events import Arrival

WIDTH = 30
STEP = 5000
"""Requests between two looks at the bar."""


class Progress:
    """A bar on one line of ``stream`` for each run; nothing if that is not a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = stream.isatty()

    def watch(self, name: str, total: float, arrivals: Iterator[Arrival]) -> Iterator[Arrival]:
        """Give the arrivals on, of which there will be about ``total``."""
        if not self._shown:
            return arrivals
        return self._watched(name.strip(), total, arrivals)

    def clear(self) -> None:
        """Take the bar away."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _watched(self, name: str, total: float, arrivals: Iterator[Arrival]) -> Iterator[Arrival]:
        for count, arrival in enumerate(arrivals):
            if count % STEP == 0:
                self._show(name, count, total)
            yield arrival

    def _show(self, name: str, count: int, total: float) -> None:
        share = min(1.0, count / total) if total else 1.0
        bar = "#" * round(share * WIDTH)
        self._stream.write(f"\r\x1b[K{name} [{bar:<{WIDTH}}] {count:,} requests")
        self._stream.flush()
