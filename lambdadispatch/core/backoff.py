"""Full-jitter back-off: after a failed start the next may come after a random part of a window
that doubles with each failure in a row (AWS Architecture Blog, "Exponential Backoff And Jitter").
"""

from __future__ import annotations

from collections.abc import Callable

_LARGEST_POWER = 30


class Backoff:
    """``first`` and ``most`` bound the window in seconds.

    ``random`` gives a number in [0, 1) and is an argument so that tests and simulations repeat.
    """

    def __init__(self, first: float, most: float, random: Callable[[], float]) -> None:
        self._first = first
        self._most = most
        self._random = random
        self.failures = 0
        """Failed starts in a row."""
        self.not_before = float("-inf")

    def failed(self, now: float) -> None:
        """A start did not become an instance that can serve."""
        window = min(self._most, self._first * 2 ** min(self.failures, _LARGEST_POWER))
        self.failures += 1
        self.not_before = now + window * self._random()

    def succeeded(self) -> None:
        """A start became an instance that can serve."""
        self.failures = 0
        self.not_before = float("-inf")
