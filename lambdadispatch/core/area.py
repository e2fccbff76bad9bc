"""The area under a level (so many of something, for so long) over a sliding window of time.

The window is cut into buckets, so that a change of the level costs the same however many came
before it, and nothing is kept of the single changes. What is inside the newest, unfinished bucket
counts on top: the window is between ``buckets`` and ``buckets + 1`` buckets long, never shorter.
"""

from __future__ import annotations

from collections import deque


class SlidingArea:
    """A window of ``buckets`` buckets of ``width`` seconds each."""

    def __init__(self, width: float, buckets: int) -> None:
        self._width = width
        self._full: deque[float] = deque(maxlen=buckets)
        self._total = 0.0
        self._began = float("-inf")
        """When the unfinished bucket began."""
        self._noted = 0.0
        self._partial = 0.0
        self._level = 0

    def note(self, level: int, now: float) -> None:
        """The level is this from now on."""
        self._advance(now)
        if level and not self._level and not self._total and not self._partial:
            self._begin(now)
        self._level = level

    def total(self, now: float) -> float:
        """The area: level times seconds."""
        self._advance(now)
        return self._total + self._partial

    def average(self, now: float) -> float:
        """The mean level over the window, or since the first level after a window of nothing."""
        total = self.total(now)
        seconds = len(self._full) * self._width + now - self._began
        return total / seconds if seconds > 0 else float(self._level)

    def _begin(self, now: float) -> None:
        self._full.clear()
        self._began = self._noted = now

    def _advance(self, now: float) -> None:
        age = now - self._began
        if age < self._width:
            # A clock that was set back gives no time, and takes none.
            self._partial += self._level * max(0.0, now - self._noted)
        elif self._level or self._partial or self._total:
            self._turn(int(age // self._width), now)
        else:
            self._begin(now)
        self._noted = now

    def _turn(self, passed: int, now: float) -> None:
        """So many buckets have been finished."""
        full = self._level * self._width
        end = self._began + self._width
        self._full.append(self._partial + self._level * max(0.0, end - self._noted))
        for _ in range(min(passed - 1, self._full.maxlen or 0)):
            self._full.append(full)
        self._began += passed * self._width
        self._partial = self._level * max(0.0, now - self._began)
        self._total = sum(self._full)
