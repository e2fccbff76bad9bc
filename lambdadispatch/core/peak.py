"""The largest of recent values, at the cost of two numbers."""

from __future__ import annotations


class Peak:
    """The largest value noted within the last one to two ``window`` seconds."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._since = float("-inf")
        self._current = 0
        self._previous = 0

    def note(self, value: int, now: float) -> None:
        """The value is this now."""
        if value > self._current or now - self._since >= self._window:
            self._turn(now)
            self._current = max(self._current, value)

    def at(self, now: float) -> int:
        """The peak."""
        self._turn(now)
        return max(self._current, self._previous)

    def _turn(self, now: float) -> None:
        age = now - self._since
        if age >= self._window:
            self._previous = self._current if age < 2 * self._window else 0
            self._current = 0
            self._since = now
