"""The dispatcher of one pool: requests on one side, channels on the other.

Theory of operation. Events come in as method calls, decisions go out as lists of actions. After
each event either nobody waits or no instance can take a request; that is the whole invariant, and
``_settle`` restores it. Requests are taken strictly in the order in which they arrived (by class
first, where there are classes), so a newcomer joins the line even when a slot is free and is then
first in it. One that was not served returns to the place it had.

The sets and their sizes are in ``live_sets``; how long the line may be in ``bounds``, who is given
nothing because it failed in ``resting``, who is to be replaced in ``lifetimes``.

How many instances there should be is asked of the scaling function after each event; the
difference to those that live or are starting goes through the start gate. An instance with
nothing to do asks whether it may leave, and may when enough remain without it: the decision is
made here, where demand is known, not in the instance. Demand moves with every request; an instance
goes only if the peak of a whole idle window did not need it, for to let it go and start it again
costs more than to keep it.

Rejected: closing an idle instance from this side on a timer (the instance knows to the millisecond
when it last worked, and asks); counting capacity in slots (the formula is in instances, and a
starting instance has no slots yet).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache

from lambdadispatch.core.actions import Action, Assign, Close, Invoke, Refuse, Retire
from lambdadispatch.core.bounds import most_waiting
from lambdadispatch.core.limits import PoolLimits
from lambdadispatch.core.live_sets import LiveSets, Run
from lambdadispatch.core.outcomes import InstanceFailure, RequestOutcome, StartFailure
from lambdadispatch.core.peak import Peak
from lambdadispatch.core.roster import Instance
from lambdadispatch.core.scaling import Scaling
from lambdadispatch.core.starts import StartGate
from lambdadispatch.core.waiting import Place

__all__ = ["Dispatcher", "PoolLimits"]

REMEMBERED = 4096

FAILURES_TOLD = 3
"""After this many failed starts in a row those who wait are told, if nothing else runs."""


class Dispatcher(LiveSets):
    """All decisions for one pool. Requests and channels are whatever the caller hashes.

    ``octets`` says how much memory is held for a request that waits.
    """

    def __init__(
        self,
        limits: PoolLimits,
        scaling: Scaling,
        gate: StartGate,
        octets: Callable[[Hashable], int] | None = None,
    ) -> None:
        super().__init__(limits)
        self._octets = octets
        # The same few pairs of (waiting, running) come again and again.
        self._scaling = lru_cache(maxsize=REMEMBERED)(scaling)
        self._gate = gate
        self._starts = 0
        self._draining = False
        self._wanted = Peak(limits.idle_window)

    @property
    def why_not_ready(self) -> str | None:
        """Why a request that came now would not be served; None if it would."""
        if self._draining:
            return RequestOutcome.DRAINING.value
        if self._gate.failures and not self._roster.open:
            return RequestOutcome.START_FAILED.value
        return None

    # -- requests

    def submit(self, request: Hashable, now: float, rank: int = 0) -> list[Action]:
        """A request arrived; ``rank`` is its class, 0 the highest."""
        if self._draining:
            return [Refuse(request, RequestOutcome.DRAINING)]
        instance = None if self._line else self._roster.least_busy()
        if instance is None:
            return self._join(request, now, rank)
        # Nobody waits and somebody is free: the newcomer is first in line and leaves it at once.
        place = self._line.pass_through(now, rank)
        return [self._assign(instance, request, place), *self._start(now)]

    def _join(self, request: Hashable, now: float, rank: int) -> list[Action]:
        limits, line = self._limits, self._line
        octets = self._octets(request) if self._octets is not None else 0
        if len(line) >= most_waiting(limits, self._roster.open) or (
            limits.queue_octets and line.octets + octets > limits.queue_octets
        ):
            return [Refuse(request, RequestOutcome.QUEUE_FULL)]
        line.join(request, now, octets, rank)
        return self._start(now)

    def cancel(self, request: Hashable, now: float) -> list[Action]:
        """The client of a waiting request is gone."""
        self._line.leave(request)
        return []

    def finished(self, request: Hashable, now: float) -> list[Action]:
        """An assigned request has ended; its channel is told of separately."""
        return [] if self._take_run(request) is None else self._settle(now)

    def exchange_ended(
        self, request: Hashable, channel: Hashable, name: str, now: float
    ) -> list[Action]:
        """A request has ended and its channel is idle: ``finished`` and ``channel_idle`` in one."""
        self._take_run(request)
        return self.channel_idle(channel, name, now)

    def assignment_failed(self, request: Hashable, now: float) -> list[Action]:
        """The channel was gone before anything was sent: the request takes its old place."""
        return self.returned(request, request, now)

    def request_failed(
        self, request: Hashable, failure: InstanceFailure, now: float
    ) -> list[Action]:
        """Its instance failed an assigned request; told before ``finished`` or ``returned``."""
        run = self._running.get(request)
        if run is not None and not run.instance.draining:
            rests = failure is not InstanceFailure.SLOW
            if self._resting.failed(run.instance, rests, now, self._roster.open):
                self._roster.rest(run.instance)
        return []

    def returned(
        self, request: Hashable, again: Hashable, now: float, *, anew: bool = False
    ) -> list[Action]:
        """An assigned request was not served and, as ``again``, takes its old place.

        ``anew`` is whether its time in the line is counted from now: it has run meanwhile.
        """
        run = self._take_run(request)
        if run is None:
            return []
        if self._draining:
            return [Refuse(again, RequestOutcome.DRAINING)]
        octets = self._octets(again) if self._octets is not None else 0
        since = now if anew else run.place.since
        place = Place(run.place.number, since, octets, run.place.rank)
        self._line.rejoin(again, place)
        return self._settle(now)

    # -- channels

    def channel_idle(self, channel: Hashable, name: str, now: float) -> list[Action]:
        """A channel of instance ``name`` was opened, or its exchange has ended."""
        instance = self._roster.get(name)
        if instance is None or instance.draining:
            return [Close(channel), *self._settle(now)]
        self._channels[channel] = instance
        instance.idle[channel] = None
        self._roster.changed(instance)
        return self._settle(now)

    def channel_lost(self, channel: Hashable, now: float) -> list[Action]:
        """A channel is gone; a request on it is told of separately, by ``finished``."""
        instance = self._channels.pop(channel, None)
        if instance is not None:
            instance.idle.pop(channel, None)
            self._roster.changed(instance)
        return []

    # -- invocations and instances

    def instance_opened(self, start: int, name: str, now: float) -> list[Action]:
        """The invocation of this start has called back as instance ``name``.

        A start that was given up is retired at once, and so is one that comes while draining.
        """
        since = self._starting.pop(start, None)
        if since is None:
            return [Retire(name, "given_up")]
        self._start_times.note(now - since)
        self._gate.succeeded()
        instance = Instance(name, self._limits.max_concurrent)
        self._roster.add(instance)
        return self._retire(instance, "drain") if self._draining else self._settle(now)

    def start_failed(self, start: int, failure: StartFailure, now: float) -> list[Action]:
        """The invocation of this start ended without an instance."""
        if self._starting.pop(start, None) is None:
            return []
        return self._after_failure(failure, now)

    def instance_idle(self, name: str, now: float) -> list[Action]:
        """An instance has nothing to do and asks whether it may leave."""
        instance = self._roster.get(name)
        if instance is None or instance.draining or instance.running:
            return []
        if instance in self._lifetimes.expiring:
            # Who replaces it has not come yet: only those that are open count.
            others = self._roster.open - len(self._resting.quarantined.keys() | {instance})
        else:
            others = self._serving - (instance not in self._resting.quarantined)
        if others < max(self._desired, self._wanted.at(now)):
            return []
        return self._retire(instance, "idle")

    def leave_planned(self, name: str, leaves_in: float, now: float) -> list[Action]:
        """An instance says in how many seconds it will have to leave."""
        instance = self._roster.get(name)
        if instance is not None and not instance.draining:
            self._lifetimes.note(instance, leaves_in, self.start_time, now)
        return []

    def instance_leaving(self, name: str, reason: str, now: float) -> list[Action]:
        """An instance will leave: nothing new for it."""
        instance = self._roster.get(name)
        if instance is None or instance.draining:
            return []
        return self._retire(instance, reason) + self._settle(now)

    def instance_lost(self, name: str, now: float) -> list[Action]:
        """An instance is gone. Its requests end by ``finished`` when their channels break.

        To be told before that: a slot that frees at a dead instance must be nobody's.
        """
        instance = self._roster.remove(name)
        if instance is None:
            return []
        self._resting.forget(instance)
        self._lifetimes.forget(instance)
        for channel in instance.idle:
            self._channels.pop(channel, None)
        instance.idle.clear()
        for request in instance.running:
            self._stranded[request] = self._running.pop(request)
        return self._settle(now)

    # -- time and the end

    def tick(self, now: float) -> list[Action]:
        """Time has passed: end what has waited too long, start what was held back."""
        actions: list[Action] = [
            Refuse(request, RequestOutcome.QUEUE_TIMEOUT)
            for request in self._line.take_since(now - self.queue_timeout)
        ]
        self._lifetimes.passed(now)
        for instance in self._resting.over(now):
            self._roster.rested(instance)
        late = now - self._limits.start_timeout
        for start in [start for start, since in self._starting.items() if since <= late]:
            del self._starting[start]
            actions += self._after_failure(StartFailure.SILENT, now)
        return actions + self._settle(now) + self._retire_replaced(now)

    def warm_up(self, now: float) -> list[Action]:
        """Start one instance although nothing asks for it yet, if there is none."""
        if self._capacity or self._draining:
            return []
        return self._invoke(self._gate.allowed(1, 0, now), now)

    def drain(self, now: float) -> list[Action]:
        """Refuse newcomers and those who wait, start nothing, retire every instance."""
        self._draining = True
        actions = self._refuse_waiting(RequestOutcome.DRAINING)
        for instance in self._roster.all():
            if not instance.draining:
                actions += self._retire(instance, "drain")
        return actions

    # -- decisions

    @property
    def _desired(self) -> int:
        limits = self._limits
        wanted = self._scaling(
            limits.max_concurrent, limits.multiplier, len(self._line), len(self._running)
        )
        return min(wanted, limits.max_instances)

    def _settle(self, now: float) -> list[Action]:
        actions: list[Action] = []
        while self._line:
            instance = self._roster.least_busy()
            if instance is None:
                break
            actions.append(self._assign(instance, *self._line.take_first()))
        return actions if self._draining else actions + self._start(now)

    def _assign(self, instance: Instance, request: Hashable, place: Place) -> Assign:
        channel, _ = instance.idle.popitem()
        del self._channels[channel]
        instance.running.add(request)
        self._running[request] = Run(instance, place)
        self._roster.changed(instance)
        return Assign(request, channel)

    def _take_run(self, request: Hashable) -> Run | None:
        run = self._running.pop(request, None) or self._stranded.pop(request, None)
        if run is not None:
            run.instance.running.discard(request)
            self._roster.changed(run.instance)
        return run

    def _start(self, now: float) -> list[Action]:
        desired = self._desired
        self._wanted.note(desired, now)
        missing = desired - self._capacity
        expiring = self._lifetimes.expiring
        if expiring or self._resting.quarantined:
            room = self._limits.max_instances - self._capacity + len(expiring)
            missing = min(desired - self._serving, room)
        if missing <= 0:
            return []
        return self._invoke(self._gate.allowed(missing, len(self._starting), now), now)

    def _invoke(self, count: int, now: float) -> list[Action]:
        starts: list[Action] = []
        for _ in range(count):
            self._starts += 1
            self._starting[self._starts] = now
            starts.append(Invoke(self._starts))
        return starts

    def _after_failure(self, failure: StartFailure, now: float) -> list[Action]:
        self._gate.failed(now)
        if self._capacity or (
            failure is not StartFailure.REFUSED and self._gate.failures < FAILURES_TOLD
        ):
            return []
        if failure is StartFailure.REFUSED:
            return self._refuse_waiting(RequestOutcome.INVOKE_REFUSED)
        return self._refuse_waiting(RequestOutcome.START_FAILED)

    def _refuse_waiting(self, outcome: RequestOutcome) -> list[Action]:
        return [Refuse(request, outcome) for request in self._line.take_since(float("inf"))]

    def _retire_replaced(self, now: float) -> list[Action]:
        """Expiring instances leave as soon as enough others can serve: are open, with a channel."""
        expiring = self._lifetimes.expiring
        if not expiring:
            return []
        ready = [
            each for each in self._roster.all() if (each.idle or each.running) and not each.shut
        ]
        others = len([each for each in ready if each not in expiring])
        wanted = max(1, self._desired, self._wanted.at(now))
        actions: list[Action] = []
        for instance in tuple(expiring) if others else ():
            if others + len(expiring) > wanted:
                actions += self._retire(instance, "replaced")
        return actions

    def _retire(self, instance: Instance, reason: str) -> list[Action]:
        self._roster.drain(instance)
        self._resting.forget(instance)
        self._lifetimes.forget(instance)
        actions: list[Action] = [Retire(instance.name, reason)]
        for channel in instance.idle:
            self._channels.pop(channel, None)
            actions.append(Close(channel))
        instance.idle.clear()
        return actions
