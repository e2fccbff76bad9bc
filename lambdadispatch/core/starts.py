"""The gate that every start of an invocation passes.

After a failed start the next may come after a random part of a window that doubles with each
failure in a row (full jitter), one at a time, until an instance has called back.
"""

from __future__ import annotations

from collections.abc import Callable

_LARGEST_POWER = 30


class StartGate:
    """Says how many starts are allowed now.

    ``first`` and ``most`` bound the back-off window in seconds; ``random`` gives a number in
    [0, 1) and is an argument so that tests and simulations repeat.
    """

    def __init__(self, first: float, most: float, random: Callable[[], float]) -> None:
        self._first = first
        self._most = most
        self._random = random
        self.failures = 0
        self.not_before = float("-inf")

    def allowed(self, wanted: int, starting: int, now: float) -> int:
        """How many of ``wanted`` starts may happen while ``starting`` are under way."""
        if not self.failures:
            return wanted
        if starting or now < self.not_before:
            return 0
        return min(wanted, 1)

    def failed(self, now: float) -> None:
        """A start did not become an instance."""
        window = min(self._most, self._first * 2 ** min(self.failures, _LARGEST_POWER))
        self.failures += 1
        self.not_before = now + window * self._random()

    def succeeded(self) -> None:
        """An instance called back."""
        self.failures = 0
        self.not_before = float("-inf")
