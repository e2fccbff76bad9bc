"""What there is of one pool now: requests, instances, channels, starts.

Every count is the size of a live set, so none can be wrong by one that was not counted.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from lambdadispatch.core.bounds import longest_wait, most_waiting
from lambdadispatch.core.channelless import Channelless
from lambdadispatch.core.classes import ClassedLine
from lambdadispatch.core.lifetimes import Lifetimes
from lambdadispatch.core.limits import PoolLimits
from lambdadispatch.core.resting import Resting
from lambdadispatch.core.roster import Instance, Roster
from lambdadispatch.core.start_times import StartTimes
from lambdadispatch.core.supply import Supply
from lambdadispatch.core.waiting import Place, WaitingLine


class Run(NamedTuple):
    """Where a request runs, and the place in line it came from."""

    instance: Instance
    place: Place


class LiveSets:
    """The sets that the dispatcher changes, and their sizes for who wants to know."""

    def __init__(self, limits: PoolLimits, supply: Supply) -> None:
        self._limits = limits
        self._supply = supply
        self._line: WaitingLine | ClassedLine = (
            ClassedLine(limits.classes) if limits.classes > 1 else WaitingLine()
        )
        self._roster = Roster()
        self._resting = Resting()
        self._lifetimes = Lifetimes()
        self._channelless = Channelless()
        self._start_times = StartTimes()
        self._running: dict[Hashable, Run] = {}
        # Assigned to an instance that is gone, and not ended yet: these want no other instance.
        self._stranded: dict[Hashable, Run] = {}
        self._channels: dict[Hashable, Instance] = {}

    @property
    def waiting(self) -> int:
        """Requests in the line."""
        return len(self._line)

    def everybody_waiting(self) -> list[Hashable]:
        """The requests in the line, in no order; costs something for each."""
        return self._line.everybody()

    @property
    def waiting_octets(self) -> int:
        """What is held for them."""
        return self._line.octets

    @property
    def most_waiting(self) -> int:
        """How many may wait now."""
        return most_waiting(self._limits, self._roster.open)

    @property
    def queue_timeout(self) -> float:
        """Seconds that a request may wait now."""
        return longest_wait(self._limits, self._start_times)

    @property
    def start_time(self) -> float:
        """Seconds that starts have taken of late (median); 0 before the first."""
        return self._start_times.median

    @property
    def running(self) -> int:
        """Requests assigned and not finished."""
        return len(self._running) + len(self._stranded)

    @property
    def starting(self) -> int:
        """Invocations that have not called back."""
        return len(self._supply.starting)

    @property
    def open_instances(self) -> int:
        """Instances that take requests."""
        return self._roster.open

    @property
    def draining_instances(self) -> int:
        """Instances that finish what they run."""
        return len(self._roster) - self._roster.open

    @property
    def resting_instances(self) -> int:
        """Instances that are given nothing for a while because they failed."""
        return len(self._resting)

    @property
    def quarantined_instances(self) -> int:
        """Those of them that failed often."""
        return len(self._resting.quarantined)

    @property
    def expiring_instances(self) -> int:
        """Open instances that will soon leave and are replaced."""
        return len(self._lifetimes.expiring)

    @property
    def idle_channels(self) -> int:
        """Channels on which nothing runs."""
        return len(self._channels)

    @property
    def _capacity(self) -> int:
        return len(self._supply.starting) + self._roster.open

    @property
    def _away(self) -> int:
        """Open instances that will soon leave, or are given nothing for a while."""
        return len(self._lifetimes.expiring.keys() | self._resting.quarantined.keys())

    @property
    def _serving(self) -> int:
        """Instances that serve and go on, or will."""
        return self._capacity - self._away
