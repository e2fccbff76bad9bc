"""Scaling by Little's law: what runs on average is how much arrives times how long it takes.

Theory of operation. Arrivals, requests begun, the seconds that requests ran and the seconds that
have passed are four sums that decay together (half in ``HALF_LIFE`` seconds). Arrivals by seconds
is the rate; running seconds by requests begun is the duration, which so needs no clock for each
request. Their product is how many requests would run at once if none had to wait. A fifth is added
to spare, as in ``simple``.

The averages know nothing of a burst that has just begun, and nothing at all before the first
request ran. So what is here now sets the least: what runs at full concurrency, and half of what
waits.

Rejected: an average of single durations (a time stamp and a subtraction for every request);
running seconds by requests ended (far too much at first, when many run and few have ended).
"""

from __future__ import annotations

from math import ceil, log
from typing import Final

HALF_LIFE: Final = 15.0
SPARE: Final = 1.2
SHORTEST: Final = 0.01
"""Seconds: observations that follow sooner are taken together with the next."""
NEGLIGIBLE: Final = 0.1
"""An expectation of fewer requests at once keeps no instance."""
REGULAR: Final = 5.0
"""Seconds: after a longer silence than this the pool has slept, see ``Ewma.observe``."""
_NOISE: Final = 1e-9
_TOO_FEW: Final = 1e-6
"""Requests begun, decayed: below this the last known duration stands."""


class Ewma:
    """``max_concurrent`` and ``multiplier`` are as in ``scaling.simple``.

    ``rate`` is in requests a second, ``duration`` in seconds.
    """

    def __init__(self, max_concurrent: int, multiplier: int) -> None:
        self.rate = 0.0
        self.duration = 0.0
        self._most = max_concurrent
        self._target = -(-max_concurrent // multiplier)
        self._arrivals = self._begins = self._busy = self._seconds = 0.0
        self._arrived = self._begun = self._running = 0
        self._observed: float | None = None
        self._noted = float("inf")
        self._ran = 0.0
        """Seconds that requests ran since the last observation."""

    def desired(self, waiting: int, running: int, instances: int, now: float) -> int:
        """How many instances there should be."""
        self._note(running, now)
        present = running / self._most + waiting / self._most / 2
        expected = self.rate * self.duration
        if expected < NEGLIGIBLE:
            expected = 0.0
        return ceil(max(expected / self._target * SPARE, present) * (1 - _NOISE))

    def observe(self, arrived: int, begun: int, now: float) -> None:
        """So many requests have arrived, and begun to run, since the pool was made."""
        self._note(self._running, now)
        before = self._observed
        if before is not None and 0 <= now - before < SHORTEST:
            return
        self._observed = now
        if before is None or now < before:
            return
        fade = 0.5 ** ((now - before) / HALF_LIFE)
        self._arrivals = self._arrivals * fade + arrived - self._arrived
        self._begins = self._begins * fade + begun - self._begun
        self._busy = self._busy * fade + self._ran
        passed = now - before
        if passed > REGULAR:
            # What many observations would have left of these seconds. Taken whole they would
            # count as seconds without a request for as long again after the pool slept.
            passed = HALF_LIFE / log(2) * (1 - fade)
        self._seconds = self._seconds * fade + passed
        self._arrived, self._begun, self._ran = arrived, begun, 0.0
        self.rate = self._arrivals / self._seconds
        if self._begins > _TOO_FEW:
            self.duration = self._busy / self._begins

    def _note(self, running: int, now: float) -> None:
        if now > self._noted:
            self._ran += self._running * (now - self._noted)
        self._noted = now
        self._running = running
