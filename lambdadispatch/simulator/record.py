"""What one run of a model left behind."""

from __future__ import annotations

from array import array
from collections import Counter
from math import ceil

from lambdadispatch.core.outcomes import RequestOutcome

ANSWERED = RequestOutcome.ANSWERED.value
THROTTLED = "throttled"
"""AWS Lambda refused the request itself (429). The router has no such outcome."""


class Level:
    """A number that goes up and down: its largest value, its mean and its whole course."""

    __slots__ = ("_area", "_since", "now", "peak", "times", "values")

    def __init__(self) -> None:
        self.now = 0
        self.peak = 0
        self.times = array("d")
        self.values = array("l")
        self._area = 0.0
        self._since = 0.0

    def change(self, time: float, by: int) -> None:
        """Go up or down by so much at this time."""
        self._area += self.now * (time - self._since)
        self._since = time
        self.now += by
        self.peak = max(self.peak, self.now)
        if self.times and self.times[-1] == time:
            self.values[-1] = self.now
        else:
            self.times.append(time)
            self.values.append(self.now)

    def area(self) -> float:
        """The integral from time 0 to the last change, in seconds."""
        return self._area

    def mean(self, until: float) -> float:
        """The mean from time 0 to ``until``; 0 if that is no time at all."""
        if until <= 0:
            return 0.0
        area = self._area + max(0.0, until - self._since) * self.now
        index = len(self.times) - 1
        while index > 0 and self.times[index] > until:
            began = max(until, self.times[index - 1])
            area -= self.values[index - 1] * (self.times[index] - began)
            index -= 1
        return area / until


class Record:
    """Waits, outcomes and what is to be paid for.

    ``arrivals`` and ``waits`` are pairs, one for each request that an instance took: when it came,
    and how long it waited, in seconds. ``billed_ms`` is the time for which AWS charges, each
    invocation rounded up to a millisecond.
    """

    __slots__ = (
        "arrivals",
        "billed_ms",
        "cold_starts",
        "instances",
        "invocations",
        "outcomes",
        "router",
        "starts",
        "until",
        "waits",
    )

    def __init__(self, *, router: bool = False) -> None:
        self.router = router
        """Whether there is a router to be paid for."""
        self.arrivals = array("d")
        self.waits = array("d")
        self.outcomes: Counter[str] = Counter()
        self.instances = Level()
        self.starts = 0
        self.cold_starts = 0
        self.invocations = 0
        self.billed_ms = 0
        self.until = 0.0
        """When the last request ended."""

    def began(self, arrival: float, wait: float) -> None:
        """An instance took a request."""
        self.arrivals.append(arrival)
        self.waits.append(wait)

    def ended(self, outcome: str, now: float) -> None:
        """A request has ended."""
        self.outcomes[outcome] += 1
        self.until = now

    def bill(self, seconds: float) -> None:
        """AWS charges for an invocation of this length, rounded up to a millisecond.

        https://aws.amazon.com/lambda/pricing/
        """
        # The inner rounding takes away what floating point added: 0.3 s are 300 ms, not 301.
        self.billed_ms += ceil(round(seconds * 1000, 6))

    @property
    def requests(self) -> int:
        """All that ended, however they did."""
        return self.outcomes.total()

    @property
    def refused(self) -> int:
        """Those that ended without the application's whole answer."""
        return self.requests - self.outcomes[ANSWERED]


def quantile(ordered: array[float], share: float) -> float:
    """The smallest value that at least ``share`` of the sorted values do not exceed; 0 of none."""
    if not ordered:
        return 0.0
    return ordered[max(0, ceil(round(share * len(ordered), 6)) - 1)]
