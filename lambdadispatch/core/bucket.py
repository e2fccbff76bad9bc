"""A token bucket: so many at once, and so many a second after that."""

from __future__ import annotations

from math import floor

_NOISE = 1e-9


class TokenBucket:
    """Full at first. In any time of T seconds at most ``burst + rate * T`` tokens are taken."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._noted = float("-inf")

    def available(self, now: float) -> int:
        """How many tokens there are."""
        if now > self._noted:
            self._tokens = min(self._burst, self._tokens + self._rate * (now - self._noted))
        self._noted = now
        return floor(self._tokens + _NOISE)

    def take(self, count: int, now: float) -> None:
        """Use so many of those that are available."""
        self._tokens -= min(count, self.available(now))
