"""How many instances there are to be: what is wanted, what is started, what may leave.

Theory of operation. What the scaling algorithm wants is kept between minimum and maximum. What is
missing goes through the start gate. What is too much may leave, but never so that less is left
than was wanted at any moment of the last idle window: demand moves with every request, and to let
an instance go and start it again costs more than to keep it. Where all instances are a little busy
none of them ever has nothing to do; so when there have been too many for a longer while, the least
busy one is drained, one at a time.

An instance that has called back is not good for anything until it offers a channel: until then it
is unready. If it ends before that, its start has failed after all; if it takes too long it is
given up, as one is that does not call back.
"""

from __future__ import annotations

from collections.abc import Mapping

from lambdadispatch.core.actions import Invoke
from lambdadispatch.core.brakes import TOLD, Brake
from lambdadispatch.core.limits import PoolLimits
from lambdadispatch.core.outcomes import RequestOutcome
from lambdadispatch.core.peak import Peak
from lambdadispatch.core.scaling import Scaling
from lambdadispatch.core.starts import StartGate


class Supply:
    """``starting`` and ``unready`` say since when: invocations that have not called back by the
    number of their start, and instances that have, but offered no channel yet, by name.

    ``waiting`` and ``running`` are requests, ``instances`` those open, unready ones included.
    """

    def __init__(self, limits: PoolLimits, scaling: Scaling, gate: StartGate) -> None:
        self.gate = gate
        self.minimum = limits.min_instances
        self.starting: dict[int, float] = {}
        self.unready: dict[str, float] = {}
        self.refusal: RequestOutcome | None = None
        """What those who wait are to be told if no instance will come, by the last ``start``."""
        self._limits = limits
        self._most = limits.max_instances
        self._scaling = scaling
        self._starts = 0
        self._cap: Brake | None = None
        self._wanted = Peak(limits.idle_window)
        self._surplus_since: float | None = None

    # -- more

    def missing(
        self,
        waiting: int,
        running: int,
        instances: int,
        now: float,
        away: int = 0,
        expiring: int = 0,
    ) -> int:
        """How many are wanted and allowed, and neither open nor starting; asked for every event.

        ``away`` of the instances do not count as serving; the ``expiring`` ones of these do not
        count against the maximum either.
        """
        desired = self._scaling.desired(waiting, running, instances, now)
        if desired < self.minimum:  # noqa: PLR1730  max() costs a call
            desired = self.minimum
        brake = None
        if desired > self._most:
            desired, brake = self._most, Brake.MAX_INSTANCES
        self._wanted.note(desired, now)
        missing = desired - len(self.starting) - instances
        if away:
            room = self._most - len(self.starting) - instances + expiring
            missing, brake = self._within(missing + away, room, brake)
        if missing > 0:
            self._cap = brake
        elif self.gate.brake is not brake:
            self.gate.rest(brake, now)
        return missing

    def _within(self, missing: int, room: int, brake: Brake | None) -> tuple[int, Brake | None]:
        return (room, Brake.MAX_INSTANCES) if missing > room else (missing, brake)

    def start(self, missing: int, instances: int, now: float) -> list[Invoke]:
        """Start what is missing, as far as the gate lets it through."""
        count = self.gate.admit(missing, len(self.starting) + len(self.unready), now)
        if count == missing:
            self.gate.rest(self._cap, now)
        hopeless = not count and not instances and not self.starting
        brake = self.gate.brake
        self.refusal = TOLD.get(brake) if hopeless and brake is not None else None
        return self._invoke(count, now)

    def _invoke(self, count: int, now: float) -> list[Invoke]:
        starts = range(self._starts + 1, self._starts + count + 1)
        self._starts += count
        self.starting.update(dict.fromkeys(starts, now))
        self.gate.began(starts, now)
        return [Invoke(start) for start in starts]

    def warm_up(self, now: float) -> list[Invoke]:
        """Start one although nothing asks for it."""
        return self._invoke(self.gate.admit(1, 0, now), now)

    # -- what becomes of a start

    def called_back(self, start: int, name: str) -> float | None:
        """The invocation of this start is now an instance; since when it started, None if it was
        given up.
        """
        since = self.starting.pop(start, None)
        if since is not None:
            self.unready[name] = since
        return since

    def offered(self, name: str) -> None:
        """An instance has offered a channel."""
        if self.unready.pop(name, None) is not None:
            self.gate.succeeded()

    def late(self, now: float) -> tuple[list[int], list[str]]:
        """The starts and the unready instances that have had time enough."""
        limit = now - self._limits.start_timeout
        return (
            [start for start, since in self.starting.items() if since <= limit],
            [name for name, since in self.unready.items() if since <= limit],
        )

    # -- less

    def has_surplus(self, waiting: int, running: int, instances: int, now: float) -> bool:
        """Whether the least busy is to be drained; to be asked regularly."""
        if self._capacity(instances) <= self.enough(waiting, running, instances, now):
            self._surplus_since = None
            return False
        if self._surplus_since is None:
            self._surplus_since = now
        room = (instances - len(self.unready) - 1) * self._limits.max_concurrent
        lasting = now - self._surplus_since >= self._limits.scale_in_delay
        return lasting and room >= waiting + running

    def _capacity(self, instances: int) -> int:
        return len(self.starting) + instances

    def enough(self, waiting: int, running: int, instances: int, now: float) -> int:
        """How many have to stay: those wanted now and at any moment of the last idle window."""
        desired = self.desired(waiting, running, instances, now)
        return max(min(desired, self._most), self._wanted.at(now))

    def desired(self, waiting: int, running: int, instances: int, now: float) -> int:
        """How many there should be, be it more than are allowed."""
        return max(self._scaling.desired(waiting, running, instances, now), self.minimum)

    def is_wanted(self, now: float) -> bool:
        """Whether instances start, are wanted or were of late, or a brake may yet let go, with no
        request and no instance there.
        """
        return bool(
            self.starting
            or self.minimum
            or self._scaling.desired(0, 0, 0, now)
            or self._wanted.at(now)
            or (self.gate.brake is not None and not self.gate.breaker_open)
        )

    # -- time, and what there is to see

    def observe(self, arrived: int, begun: int, now: float) -> None:
        """So many requests have arrived, and begun to run, since the pool was made."""
        self._scaling.observe(arrived, begun, now)

    def why_not_ready(self, now: float) -> RequestOutcome | None:
        """Why no instance would come for a request, there being none; None if a start would pass.

        Were it anything else, a load balancer that is told so would never send the request that
        shows whether starts succeed again.
        """
        if self.gate.admits(now):
            return None
        if self.gate.breaker_open:
            return RequestOutcome.BREAKER_OPEN
        if self.gate.brake is not None and self.gate.brake in TOLD:
            return TOLD[self.gate.brake]
        return RequestOutcome.START_FAILED if self.gate.failures else None

    def state(self, now: float) -> Mapping[str, object]:
        """How many are allowed, and what holds starts back, for ``/state``."""
        return {
            "min_instances": self.minimum,
            "max_instances": self._most,
            **self.gate.state(now),
        }
