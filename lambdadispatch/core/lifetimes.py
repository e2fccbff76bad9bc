"""When instances will leave, and which of them are to be replaced before.

Theory of operation. An invocation has a deadline, so an instance says when it will leave. Some time
before, the lead, it is *expiring*: it serves as before, but no longer counts as one that will serve
and not against the pool's largest size, so that the ordinary decision starts another one if one is
wanted. It leaves when others that can serve are enough without it, or at its own time. So for
the length of a lead a pool may be larger than ``max_instances``, by those that are expiring (those
that drain were never counted). The lead is twice what starts take, at least 1 and at most 60 s, and
at most half of the instance's time.

Rejected: replacements within ``max_instances`` (a pool at its limit would shrink at each deadline).
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final

from lambdadispatch.core.roster import Instance

TIMES_START: Final = 2.0
SHORTEST_LEAD: Final = 1.0
LONGEST_LEAD: Final = 60.0
SHARE: Final = 0.5


class Lifetimes:
    """Which instances expire when; ``expiring`` are those whose lead has begun, in order."""

    def __init__(self) -> None:
        self._order: list[tuple[float, str]] = []
        self._known: dict[str, Instance] = {}
        self.expiring: dict[Instance, None] = {}

    def note(self, instance: Instance, leaves_in: float, start_time: float, now: float) -> None:
        """It will leave in so many seconds; starts take ``start_time``."""
        lead = min(LONGEST_LEAD, max(SHORTEST_LEAD, TIMES_START * start_time))
        expires = now + leaves_in - min(lead, leaves_in * SHARE)
        if instance.name not in self._known:
            self._known[instance.name] = instance
            heappush(self._order, (expires, instance.name))

    def passed(self, now: float) -> None:
        """Time has passed: those whose lead has begun expire."""
        while self._order and self._order[0][0] <= now:
            instance = self._known.get(heappop(self._order)[1])
            if instance is not None:
                self.expiring[instance] = None

    def forget(self, instance: Instance) -> None:
        """It leaves or is gone."""
        self._known.pop(instance.name, None)
        self.expiring.pop(instance, None)
