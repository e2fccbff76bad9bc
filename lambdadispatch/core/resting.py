"""Instances that are given nothing for a while, because they have failed.

Theory of operation. A request that goes back to its place must not meet the same dying instance
at once: the connections of a lost instance break one after another, in any order. So an instance
that lost or refused a request rests for ``REST`` seconds, which is longer than it takes to hear
that it is gone. That is all for a first failure. After ``FAILURES`` of them within ``WITHIN``
seconds it is quarantined for ``QUARANTINE`` seconds and then tried again, if no more than a fifth
of the open instances are in quarantine then: a fault that all of them share (the application, what
it depends on) must not take the pool away. So a pool of fewer than five has no quarantine.

Rejected: a request that carries the names of instances to avoid (each choice would have to search);
a longer rest after each failure (that is quarantine without its bound).
"""

from __future__ import annotations

from collections import deque
from typing import Final

from lambdadispatch.core.roster import Instance

REST: Final = 0.25
FAILURES: Final = 3
WITHIN: Final = 10.0
QUARANTINE: Final = 10.0
OF_A_POOL: Final = 5
"""One of this many open instances may be in quarantine."""


class Resting:
    """Who rests, until when, and what everybody's last failures were.

    ``quarantined`` are those in quarantine.
    """

    def __init__(self) -> None:
        self._failures: dict[Instance, deque[float]] = {}
        self._until: dict[Instance, float] = {}
        self.quarantined: dict[Instance, None] = {}

    def __len__(self) -> int:
        return len(self._until)

    def failed(self, instance: Instance, rests: bool, now: float, open_instances: int) -> bool:
        """It has failed a request, one of ``open_instances``; whether it is to be given nothing.

        ``rests`` is whether one failure of this kind is enough for a rest.
        """
        failures = self._failures.setdefault(instance, deque(maxlen=FAILURES))
        failures.append(now)
        many = len(failures) == FAILURES and now - failures[0] <= WITHIN
        allowed = (len(self.quarantined) + 1) * OF_A_POOL <= open_instances
        if many and allowed and instance not in self.quarantined:
            failures.clear()
            self.quarantined[instance] = None
            self._until[instance] = now + QUARANTINE
        elif rests and instance not in self.quarantined:
            self._until[instance] = now + REST
        return instance in self._until

    def over(self, now: float) -> list[Instance]:
        """Those whose time is over; they rest no longer."""
        rested = [instance for instance, until in self._until.items() if until <= now]
        for instance in rested:
            del self._until[instance]
            self.quarantined.pop(instance, None)
        return rested

    def forget(self, instance: Instance) -> None:
        """It leaves or is gone."""
        self._failures.pop(instance, None)
        self._until.pop(instance, None)
        self.quarantined.pop(instance, None)
