"""Scaling by two averages of demand, one slow and one quick, in the manner of Knative's KPA.

Theory of operation. Demand is what waits and runs. Its average over a minute says how many
instances there should be, so a short dip or a short peak changes little. Its average over 6
seconds is looked at too: if that alone would need twice as many instances as are open, there is
panic. From then on the quick average is followed, upwards only, until for a whole minute there has
been no cause for panic. (Knative Serving's documentation, "Additional autoscaling configuration
for Knative Pod Autoscaler": stable window 60 s, panic window 10 % of it, threshold 200 %.)

Averages are taken over the time since demand began, where that is shorter than the window: a burst
out of nothing is met at once and not diluted by the silence before it.

Rejected: a limit on the rate of scale-up (the start gate has one, for all algorithms).
"""

from __future__ import annotations

from math import ceil
from typing import Final

from lambdadispatch.core.area import SlidingArea

STABLE: Final = 60.0
PANIC: Final = 6.0
THRESHOLD: Final = 2
BUCKETS: Final = 12
_NOISE: Final = 1e-9
"""Floating point sums may be this much above the number meant, relatively."""


class Windows:
    """``max_concurrent`` and ``multiplier`` are as in ``scaling.simple``."""

    def __init__(self, max_concurrent: int, multiplier: int) -> None:
        self._target = -(-max_concurrent // multiplier)
        self._stable = SlidingArea(STABLE / BUCKETS, BUCKETS)
        self._panic = SlidingArea(PANIC / BUCKETS, BUCKETS)
        self._panic_until = float("-inf")
        self._held = 0

    def desired(self, waiting: int, running: int, instances: int, now: float) -> int:
        """How many instances there should be."""
        demand = waiting + running
        self._stable.note(demand, now)
        self._panic.note(demand, now)
        least = 1 if demand else 0
        quick = max(least, self._instances(self._panic, now))
        if quick >= THRESHOLD * max(1, instances):
            self._panic_until = now + STABLE
        if now < self._panic_until:
            self._held = max(self._held, quick)
            return self._held
        self._held = 0
        return max(least, self._instances(self._stable, now))

    def observe(self, arrived: int, begun: int, now: float) -> None:
        """Nothing of this is used."""

    @property
    def panicking(self) -> bool:
        """Whether the quick average was followed when it was last asked."""
        return self._held > 0

    def _instances(self, window: SlidingArea, now: float) -> int:
        return ceil(window.average(now) / self._target * (1 - _NOISE))
