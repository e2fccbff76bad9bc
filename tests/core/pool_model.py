"""A pool as plain lists: what must be true of it, searched for one by one.

The model carries the dispatcher's actions out and fails on any that breaks a rule. It shares no
code with the core but the actions, the outcomes and the scaling formula.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lambdadispatch.core.actions import Action, Assign, Close, Invoke, Refuse, Retire
from lambdadispatch.core.dispatcher import Dispatcher, PoolLimits
from lambdadispatch.core.outcomes import RequestOutcome
from lambdadispatch.core.scaling import simple
from tests.core.gate_model import GateModel, GateRules


@dataclass(eq=False)
class NaiveRequest:
    """A request; ``number`` is its place among all arrivals."""

    number: int
    since: float
    outcome: RequestOutcome | None = None


@dataclass(eq=False)
class NaiveInstance:
    name: str
    start: int
    since: float
    """When its invocation was started."""
    ready: bool = False
    draining: bool = False
    idle: list[str] = field(default_factory=list)


@dataclass(eq=False)
class NaiveRun:
    request: NaiveRequest
    channel: str
    instance: NaiveInstance


class PoolModel:
    """What there is, and what may happen next."""

    def __init__(self, limits: PoolLimits, rules: GateRules) -> None:
        self.limits = limits
        self.gate = GateModel(rules)
        self.minimum = limits.min_instances
        self.surplus: list[tuple[float, bool]] = []
        """At each tick, whether there were more instances than wanted."""
        self.surplus_retired = 0
        self.now = 0.0
        self.drained = False
        self.waiting: list[NaiveRequest] = []
        self.running: list[NaiveRun] = []
        self.ended: list[NaiveRequest] = []
        self.arrived: list[NaiveRequest] = []
        self.starting: list[tuple[int, float]] = []
        self.given_up: list[int] = []
        self.instances: list[NaiveInstance] = []
        self.rejected: list[str] = []
        """Channels and instances that the pool does not know and may send away."""
        self.wishes: list[tuple[float, int]] = []
        """When how many instances were wanted."""
        self.starts = 0

    # -- looking

    @property
    def open(self) -> list[NaiveInstance]:
        return [instance for instance in self.instances if not instance.draining]

    @property
    def capacity(self) -> int:
        return len(self.starting) + len(self.open)

    @property
    def unready(self) -> list[NaiveInstance]:
        return [instance for instance in self.open if not instance.ready]

    @property
    def on_their_way(self) -> int:
        return len(self.starting) + len(self.unready)

    @property
    def free(self) -> int:
        """How many starts the gate has to let through."""
        return self.gate.free(self.on_their_way, self.now)

    @property
    def living(self) -> list[NaiveRun]:
        return [run for run in self.running if run.instance in self.instances]

    def load(self, instance: NaiveInstance) -> int:
        return len([run for run in self.running if run.instance is instance])

    def can_take(self, instance: NaiveInstance) -> bool:
        free = self.load(instance) < self.limits.max_concurrent
        return bool(instance.idle) and free and not instance.draining

    def wanted(self) -> int:
        limits = self.limits
        waiting, running = len(self.waiting), len(self.living)
        wanted = simple(limits.max_concurrent, limits.multiplier, waiting, running)
        return min(max(wanted, self.minimum), limits.max_instances)

    def wanted_since(self, past: float) -> int:
        """The most instances wanted later than ``past``, and now."""
        return max([wanted for when, wanted in self.wishes if when > past] + [self.wanted()])

    # -- carrying out

    def carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Assign):
                self._assign(action)
            elif isinstance(action, Refuse):
                self._refuse(action)
            elif isinstance(action, Invoke):
                self._invoke(action)
            elif isinstance(action, Retire):
                self._retire(action)
            else:
                self._close(action)

    def _assign(self, action: Assign) -> None:
        assert action.request is min(self.waiting, key=lambda request: request.number)
        holders = [each for each in self.instances if action.channel in each.idle]
        assert len(holders) == 1, f"{action.channel} is idle at {len(holders)} instances"
        assert self.can_take(holders[0]), f"{holders[0]} was given a request"
        holders[0].idle.remove(action.channel)
        self.waiting.remove(action.request)
        self.running.append(NaiveRun(action.request, action.channel, holders[0]))

    def _refuse(self, action: Refuse) -> None:
        self._may_refuse(action.request, action.outcome)
        self.waiting.remove(action.request)
        self.end(action.request, action.outcome)

    def _may_refuse(self, request: NaiveRequest, outcome: RequestOutcome) -> None:
        waited = self.now - request.since
        match outcome:
            case RequestOutcome.QUEUE_TIMEOUT:
                assert waited >= self.limits.queue_timeout
            case RequestOutcome.QUEUE_FULL:
                assert request is self.waiting[-1]
                assert len(self.waiting) > self.limits.queue_limit
            case RequestOutcome.DRAINING:
                assert self.drained
            case RequestOutcome.INVOKE_REFUSED:
                assert self.gate.failures and not self.capacity
            case RequestOutcome.START_FAILED:
                hopeless = self.gate.failures >= 3 and not self.capacity
                late = waited >= self.limits.queue_timeout and self.gate.failures
                assert hopeless or (late and len(self.open) == len(self.unready))
            case RequestOutcome.BREAKER_OPEN:
                assert self.gate.opened_at is not None and not self.capacity and not self.free
            case RequestOutcome.BUDGET_SPENT:
                assert not self.gate.budget(self.now) and not self.capacity
            case _:
                raise AssertionError(f"{outcome} is not for the dispatcher to say")

    def _invoke(self, action: Invoke) -> None:
        assert not self.drained, "a start while draining"
        assert self.capacity < self.limits.max_instances, "more instances than allowed"
        # Those that were decided on together were decided on with the same number under way.
        together = [start for start, since in self.starting if since == self.now]
        before = self.on_their_way - (len(together) if not self.gate.failures else 0)
        self.gate.started(action.start, before, self.now)
        self.starts += 1
        assert action.start == self.starts
        self.starting.append((action.start, self.now))

    def _retire(self, action: Retire) -> None:
        found = [each for each in self.instances if each.name == action.instance]
        if not found:
            self.rejected.remove(action.instance)
            return
        assert len(found) == 1 and not found[0].draining
        if action.reason == "surplus":
            self._check_surplus(found[0])
        found[0].draining = True

    def _check_surplus(self, instance: NaiveInstance) -> None:
        """The least busy one may be told to leave, if there have been too many for long."""
        begin = self.now - self.limits.scale_in_delay
        assert all(surplus for when, surplus in self.surplus if when > begin)
        assert self.surplus[0][0] <= begin or not self.limits.scale_in_delay
        assert self.capacity - 1 >= self.wanted_since(self.now - 1.0)
        ready = len(self.open) - len(self.unready) - 1
        assert ready * self.limits.max_concurrent >= len(self.waiting) + len(self.living)
        loads = [self.load(each) for each in self.open if self.can_take(each)]
        assert self.load(instance) == min(loads)
        self.surplus_retired += 1

    def _close(self, action: Close) -> None:
        if action.channel in self.rejected:
            self.rejected.remove(action.channel)
            return
        holders = [each for each in self.instances if action.channel in each.idle]
        assert len(holders) == 1 and holders[0].draining
        holders[0].idle.remove(action.channel)

    # -- events

    def end(self, request: NaiveRequest, outcome: RequestOutcome) -> None:
        assert request.outcome is None, f"ended as {request.outcome} and again as {outcome}"
        request.outcome = outcome
        self.ended.append(request)

    def failed(self, chance: float) -> None:
        self.gate.failed(chance, self.now)

    def offered(self, instance: NaiveInstance) -> None:
        """An open instance offers a channel."""
        if not instance.ready:
            instance.ready = True
            self.gate.succeeded()

    def gone(self, instance: NaiveInstance, chance: float) -> None:
        """An instance is no more, and was not told to go if it is open."""
        self.instances.remove(instance)
        if not instance.draining:
            if instance.ready:
                self.gate.exited(self.now)
            else:
                self.failed(chance)

    # -- what must hold after every event

    def check(self, dispatcher: Dispatcher) -> None:
        self._check_counts(dispatcher)
        self._check_requests()
        for instance in self.instances:
            assert self.load(instance) <= self.limits.max_concurrent
            assert not (self.waiting and self.can_take(instance)), "somebody waits at a free slot"
            assert not (instance.draining and instance.idle), "an idle channel was not closed"
        assert not self.rejected, f"not sent away: {self.rejected}"
        assert self.capacity <= self.limits.max_instances
        if self.drained:
            assert not self.waiting and not self.open
        elif not self.gate.failures and self.gate.opened_at is None:
            assert self.capacity >= self.wanted() or not self.free, "wanted and not started"
        self.wishes.append((self.now, self.wanted()))

    def _check_counts(self, dispatcher: Any) -> None:
        assert dispatcher.waiting == len(self.waiting)
        assert dispatcher.running == len(self.running)
        assert dispatcher.starting == len(self.starting)
        assert dispatcher.open_instances == len(self.open)
        assert dispatcher.draining_instances == len(self.instances) - len(self.open)
        assert dispatcher.idle_channels == sum(len(each.idle) for each in self.instances)

        capacity = dispatcher.capacity_state(self.now)
        assert capacity["failed_starts"] == self.gate.failures
        assert capacity["breaker_open"] == (self.gate.opened_at is not None)
        assert min(capacity["desired"], self.limits.max_instances) == self.wanted()

    def _check_requests(self) -> None:
        everywhere = [*self.waiting, *(run.request for run in self.running), *self.ended]
        numbers = sorted(request.number for request in everywhere)
        assert numbers == list(range(len(self.arrived))), "a request is lost, or in two places"
        for request in self.waiting + [run.request for run in self.running]:
            assert request.outcome is None

    def check_after_tick(self) -> None:
        for request in self.waiting:
            assert self.now - request.since < self.limits.queue_timeout
        for _, since in self.starting:
            assert self.now - since < self.limits.start_timeout
        for instance in self.unready:
            assert self.now - instance.since < self.limits.start_timeout
        if not self.drained:
            assert self.capacity >= self.wanted() or not self.free, "nothing holds it, not started"
            shut = self.gate.opened_at is not None or not self.gate.budget(self.now, lenient=True)
            assert not (self.waiting and shut and not self.capacity), "nobody was told"
        more = self.capacity + self.surplus_retired
        self.surplus.append((self.now, more > self.wanted()))
        self.surplus_retired = 0
