"""How fast a count grows."""

from __future__ import annotations

from typing import Final

WINDOW: Final = 5.0


class Pace:
    """The growth of a count over the last WINDOW to twice that many seconds."""

    def __init__(self) -> None:
        self._since = 0.0
        self._then = 0
        self._next_since = 0.0
        self._next_then = 0

    def note(self, count: int, now: float) -> None:
        """The count is this now; to be told regularly."""
        if now - self._next_since >= 2 * WINDOW:
            # Nobody told, for nothing grew (the pool slept).
            self._since, self._then = now - WINDOW, count
            self._next_since, self._next_then = now, count
        elif now - self._next_since >= WINDOW:
            self._since, self._then = self._next_since, self._next_then
            self._next_since, self._next_then = now, count

    def per_second(self, count: int, now: float) -> float:
        """How much it grows in a second; 0 if that is not known."""
        seconds = now - self._since
        return (count - self._then) / seconds if seconds > 0 else 0.0
