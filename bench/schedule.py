"""When requests of an open-loop load are due, whether or not those before have been answered."""

from __future__ import annotations

from collections import deque


class Schedule:
    """``count`` requests at ``rate`` a second from ``start`` on; times in seconds."""

    def __init__(self, start: float, rate: float, count: int) -> None:
        self._start = start
        self._rate = rate
        self._count = count
        self._released = 0
        self._waiting: deque[float] = deque()

    @property
    def over(self) -> bool:
        """Whether every request has been taken."""
        return self._released == self._count and not self._waiting

    def release(self, now: float) -> None:
        """Put in line what has become due."""
        while self._released < self._count and self._due(self._released) <= now:
            self._waiting.append(self._due(self._released))
            self._released += 1

    def take(self) -> float | None:
        """The due time of the request that has waited longest; None when none waits."""
        return self._waiting.popleft() if self._waiting else None

    def pause(self, now: float, longest: float) -> float:
        """How long to wait for the next to become due, at most ``longest``."""
        if self._released == self._count:
            return longest
        return min(longest, max(0.0, self._due(self._released) - now))

    def _due(self, number: int) -> float:
        return self._start + number / self._rate
