"""How long starts have taken of late: their median, at the cost of a short list."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from typing import Final

REMEMBERED: Final = 31


class StartTimes:
    """The last REMEMBERED times, in seconds, from the decision to start until the call back."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []

    def note(self, seconds: float) -> None:
        """A start has taken so long."""
        if len(self._recent) == REMEMBERED:
            oldest = self._recent.popleft()
            del self._sorted[bisect_left(self._sorted, oldest)]
        self._recent.append(seconds)
        insort(self._sorted, seconds)

    @property
    def median(self) -> float:
        """The one in the middle, of two the longer; 0 before the first start."""
        times = self._sorted
        return times[len(times) // 2] if times else 0.0
