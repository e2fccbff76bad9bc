"""The dispatcher of one pool: requests on one side, channels on the other.

Theory of operation. Events come in as method calls, decisions go out as lists of actions. After
each event either nobody waits or no instance can take a request; that is the whole invariant, and
``_settle`` restores it. Requests are taken strictly in the order in which they arrived (by class
first, where there are classes), so a newcomer joins the line even when a slot is free and is then
first in it. One that was not served returns to the place it had.

The sets and their sizes are in ``live_sets``; how long the line may be in ``bounds``, who is given
nothing because it failed in ``resting``, who is to be replaced in ``lifetimes``.

How many instances there should be is asked of the supply after each event, and what it starts is
one more sort of action. An instance with nothing to do asks whether it may leave: the decision is
made on this side, where demand is known, not in the instance.

Rejected: closing an idle instance from this side on a timer (the instance knows to the millisecond
when it last worked, and asks); counting capacity in slots (the formula is in instances, and a
starting instance has no slots yet).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

from lambdadispatch.core.actions import Action, Assign, Close, Refuse, Retire
from lambdadispatch.core.bounds import most_waiting
from lambdadispatch.core.breaker import UNWELL
from lambdadispatch.core.limits import PoolLimits
from lambdadispatch.core.live_sets import LiveSets, Run
from lambdadispatch.core.outcomes import InstanceFailure, RequestOutcome, StartFailure
from lambdadispatch.core.roster import Instance
from lambdadispatch.core.scaling import Algorithm
from lambdadispatch.core.starts import StartGate
from lambdadispatch.core.supply import Supply
from lambdadispatch.core.waiting import Place

__all__ = ["FAILURES_TOLD", "Dispatcher", "PoolLimits"]

FAILURES_TOLD = 3
"""After this many failed starts in a row those who wait are told, if nothing else runs."""


class Dispatcher(LiveSets):
    """All decisions for one pool. Requests and channels are whatever the caller hashes.

    ``octets`` says how much memory is held for a request that waits.
    """

    def __init__(
        self,
        limits: PoolLimits,
        algorithm: Algorithm,
        gate: StartGate,
        octets: Callable[[Hashable], int] | None = None,
    ) -> None:
        scaling = algorithm(limits.max_concurrent, limits.multiplier)
        super().__init__(limits, Supply(limits, scaling, gate))
        self._octets = octets
        self._gate = gate
        self._unready = self._supply.unready
        self._arrived = 0
        self._ended = 0
        self._draining = False

    def why_not_ready(self, now: float) -> str | None:
        """Why a request that came now would not be served; None if it would."""
        if self._draining:
            return RequestOutcome.DRAINING.value
        reason = None if self._roster.open else self._supply.why_not_ready(now)
        return None if reason is None else reason.value

    def capacity_state(self, now: float) -> Mapping[str, object]:
        """How many instances are wanted, and what holds starts back, for ``/state``."""
        return {"desired": self._supply.desired(*self._demand, now), **self._supply.state(now)}

    # -- requests

    def submit(self, request: Hashable, now: float, rank: int = 0) -> list[Action]:
        """A request arrived; ``rank`` is its class, 0 the highest."""
        if self._draining:
            return [Refuse(request, RequestOutcome.DRAINING)]
        instance = None if self._line else self._roster.least_busy()
        if instance is None:
            return self._join(request, now, rank)
        self._arrived += 1
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
        self._arrived += 1
        line.join(request, now, octets, rank)
        return self._start(now)

    def cancel(self, request: Hashable, now: float) -> list[Action]:
        """The client of a waiting request is gone."""
        self._line.leave(request)
        return []

    def finished(self, request: Hashable, now: float, served: bool = False) -> list[Action]:
        """An assigned request has ended; its channel is told of separately.

        ``served`` says that the instance gave the whole response, and not for one that had failed.
        """
        run = self._take_run(request)
        if run is None:
            return []
        self._ended += 1
        self._look(run.instance, now)
        if served and self._gate.suspicious:
            self._gate.served()
        return self._settle(now)

    def exchange_ended(
        self, request: Hashable, channel: Hashable, name: str, now: float, served: bool = True
    ) -> list[Action]:
        """A request has ended and its channel is idle: ``finished`` and ``channel_idle`` in one."""
        if self._take_run(request) is not None:
            self._ended += 1
        if served and self._gate.suspicious:
            self._gate.served()
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
        self._look(run.instance, now)
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
        if self._unready:
            self._supply.offered(name)
        if self._channelless.since:
            self._channelless.forget(instance)
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
            self._channelless.look(instance, now)
        return []

    # -- invocations and instances

    def instance_opened(self, start: int, name: str, now: float) -> list[Action]:
        """The invocation of this start has called back as instance ``name``.

        A start that was given up is retired at once, and so is one that comes while draining.
        """
        since = self._supply.called_back(start, name)
        if since is None:
            return [Retire(name, "given_up")]
        self._start_times.note(now - since)
        instance = Instance(name, self._limits.max_concurrent)
        self._roster.add(instance)
        return self._retire(instance, "drain") if self._draining else self._settle(now)

    def start_failed(self, start: int, failure: StartFailure, now: float) -> list[Action]:
        """The invocation of this start ended without an instance."""
        if self._supply.starting.pop(start, None) is None:
            return []
        return self._after_failure(failure, now)

    def invocation_ended(self, start: int, now: float) -> list[Action]:
        """The Invoke call of this start has come back: nothing more is paid for it.

        What that means for its instance and requests is told by the other events.
        """
        self._gate.ended(start, now)
        return []

    def instance_idle(self, name: str, now: float) -> list[Action]:
        """An instance has nothing to do and asks whether it may leave."""
        instance = self._roster.get(name)
        if instance is None or instance.draining or instance.running:
            return []
        # Only those that can serve already: what starts, or has no channel yet, may still fail.
        away = self._resting.quarantined.keys() | {instance}
        if instance not in self._lifetimes.expiring:
            away |= self._lifetimes.expiring.keys()
        others = self._roster.open - len(self._unready) - len(away)
        if others < self._supply.enough(*self._demand, now):
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
        unready = name in self._unready
        actions = self._retire(instance, reason)
        if unready:
            actions += self._after_failure(StartFailure.ENDED, now)
        elif reason in UNWELL:
            self._gate.exited(now)
        return actions + self._settle(now)

    def instance_lost(self, name: str, now: float) -> list[Action]:
        """An instance is gone. Its requests end by ``finished`` when their channels break.

        To be told before that: a slot that frees at a dead instance must be nobody's.
        """
        instance = self._roster.remove(name)
        if instance is None:
            return []
        self._forget(instance)
        for channel in instance.idle:
            self._channels.pop(channel, None)
        instance.idle.clear()
        for request in instance.running:
            self._stranded[request] = self._running.pop(request)
        return self._after_exit(instance, now) + self._settle(now)

    def _after_exit(self, instance: Instance, now: float) -> list[Action]:
        """An instance is gone; that nobody told it to go may be a bad sign for others."""
        if self._unready.pop(instance.name, None) is not None:
            return self._after_failure(StartFailure.ENDED, now)
        if not instance.draining:
            self._gate.exited(now)
        return []

    # -- time and the end

    def tick(self, now: float) -> list[Action]:
        """Time has passed: end what has waited too long, start what was held back."""
        self._supply.observe(self._arrived, self._ended + self.running, now)
        outcome = self._why_late
        actions: list[Action] = [
            Refuse(request, outcome) for request in self._line.take_since(now - self.queue_timeout)
        ]
        self._lifetimes.passed(now)
        for instance in self._resting.over(now):
            self._roster.rested(instance)
        actions += self._give_up(now) + self._settle(now)
        if self._draining:
            return actions
        return actions + self._retire_replaced(now) + self._scale_in(now)

    def keep(self, minimum: int) -> None:
        """From the next tick on so many instances are to be there, asked for or not."""
        self._supply.minimum = minimum

    def may_sleep(self, now: float) -> bool:
        """Whether a tick would change nothing until the next request comes, nor any after it.

        To be asked after a tick. What then comes first has to be a tick again.
        """
        return not (
            self._line
            or self._running
            or self._stranded
            or len(self._roster)
            or self._supply.is_wanted(now)
        )

    def warm_up(self, now: float) -> list[Action]:
        """Start one instance although nothing asks for it yet, if there is none."""
        if self._capacity or self._draining:
            return []
        return list(self._supply.warm_up(now))

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
    def _demand(self) -> tuple[int, int, int]:
        """(waiting, running, open instances); what runs at dead instances wants none."""
        return len(self._line), len(self._running), self._roster.open

    @property
    def _why_late(self) -> RequestOutcome:
        """What those are told who have waited too long."""
        serving = self._roster.open > len(self._unready)
        if self._gate.failures and not serving:
            return RequestOutcome.START_FAILED
        return RequestOutcome.QUEUE_TIMEOUT

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
        instances = self._roster.open
        away = expiring = 0
        if self._lifetimes.expiring or self._resting.quarantined:
            away, expiring = self._away, len(self._lifetimes.expiring)
        missing = self._supply.missing(
            len(self._line), len(self._running), instances, now, away, expiring
        )
        if missing <= 0:
            return []
        actions: list[Action] = [*self._supply.start(missing, instances, now)]
        refusal = self._supply.refusal
        return actions if refusal is None else self._refuse_waiting(refusal)

    def _give_up(self, now: float) -> list[Action]:
        """Those that cannot serve after their time have failed to start."""
        starts, names = self._supply.late(now)
        actions: list[Action] = []
        for start in starts:
            del self._supply.starting[start]
            actions += self._after_failure(StartFailure.SILENT, now)
        for instance in filter(None, map(self._roster.get, names)):
            actions += self._retire(instance, "given_up")
            actions += self._after_failure(StartFailure.SILENT, now)
        for instance in self._channelless.late(now):
            self._gate.exited(now)
            actions += self._retire(instance, "no_channel")
        return actions

    def _scale_in(self, now: float) -> list[Action]:
        waiting, running, instances = self._demand
        if not self._supply.has_surplus(waiting, running, instances - self._away, now):
            return []
        instance = self._roster.least_busy()
        return [] if instance is None else self._retire(instance, "surplus")

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
        ready = {
            each for each in self._roster.all() if (each.idle or each.running) and not each.shut
        }
        if ready <= expiring.keys():
            return []
        wanted = max(1, self._supply.enough(*self._demand, now))
        actions: list[Action] = []
        for instance in tuple(expiring):
            # One that expires but rests, or has no channel yet, is no reason for another to leave.
            if len(ready) - (instance in ready) >= wanted:
                ready.discard(instance)
                actions += self._retire(instance, "replaced")
        return actions

    def _look(self, instance: Instance, now: float) -> None:
        if instance.name in self._roster:
            self._channelless.look(instance, now)

    def _forget(self, instance: Instance) -> None:
        self._resting.forget(instance)
        self._lifetimes.forget(instance)
        self._channelless.forget(instance)

    def _retire(self, instance: Instance, reason: str) -> list[Action]:
        self._roster.drain(instance)
        self._unready.pop(instance.name, None)
        self._forget(instance)
        actions: list[Action] = [Retire(instance.name, reason)]
        for channel in instance.idle:
            self._channels.pop(channel, None)
            actions.append(Close(channel))
        instance.idle.clear()
        return actions
