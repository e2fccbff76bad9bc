"""A pool as plain lists: what must be true of it, searched for one by one.

The model carries the dispatcher's actions out and fails on any that breaks a rule. It shares no
code with the core but the actions, the outcomes and the scaling formula.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median_high

from lambdadispatch.core.actions import Action, Assign, Close, Invoke, Refuse, Retire
from lambdadispatch.core.dispatcher import Dispatcher, PoolLimits
from lambdadispatch.core.outcomes import InstanceFailure, RequestOutcome
from lambdadispatch.core.scaling import simple

BACKOFF_FIRST, BACKOFF_MOST = 2.0, 10.0


@dataclass(eq=False)
class NaiveRequest:
    """A request; ``number`` is its place among all arrivals."""

    number: int
    since: float
    octets: int = 0
    rank: int = 0
    outcome: RequestOutcome | None = None


@dataclass(eq=False)
class NaiveInstance:
    name: str
    draining: bool = False
    idle: list[str] = field(default_factory=list)
    rests_until: float | None = None
    quarantined: bool = False
    expires: float | None = None
    expiring: bool = False
    failures: list[float] = field(default_factory=list)


@dataclass(eq=False)
class NaiveRun:
    request: NaiveRequest
    channel: str
    instance: NaiveInstance


class PoolModel:
    """What there is, and what may happen next."""

    def __init__(self, limits: PoolLimits) -> None:
        self.limits = limits
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
        self.failures = 0
        self.not_before = 0.0
        self.starts = 0
        self.start_times: list[float] = []

    # -- looking

    @property
    def open(self) -> list[NaiveInstance]:
        return [instance for instance in self.instances if not instance.draining]

    @property
    def capacity(self) -> int:
        return len(self.starting) + len(self.open)

    def load(self, instance: NaiveInstance) -> int:
        return len([run for run in self.running if run.instance is instance])

    def can_take(self, instance: NaiveInstance) -> bool:
        free = self.load(instance) < self.limits.max_concurrent
        fit = not instance.draining and instance.rests_until is None
        return bool(instance.idle) and free and fit

    @property
    def quarantined(self) -> list[NaiveInstance]:
        return [instance for instance in self.open if instance.quarantined]

    @property
    def serving(self) -> int:
        return self.capacity - len([each for each in self.open if self.away(each)])

    def away(self, instance: NaiveInstance) -> bool:
        return instance.quarantined or instance.expiring

    @property
    def expiring(self) -> list[NaiveInstance]:
        return [instance for instance in self.open if instance.expiring]

    @property
    def counted(self) -> int:
        """What must not exceed the largest size of the pool."""
        return self.capacity - len(self.expiring)

    def wanted(self) -> int:
        limits = self.limits
        living = [run for run in self.running if run.instance in self.instances]
        wanted = simple(limits.max_concurrent, limits.multiplier, len(self.waiting), len(living))
        return min(wanted, limits.max_instances)

    def most_waiting(self) -> int:
        if self.limits.queue_limit is not None:
            return self.limits.queue_limit
        return max(100, 10 * self.limits.max_concurrent * len(self.open))

    def queue_timeout(self) -> float:
        if self.limits.queue_timeout is not None:
            return self.limits.queue_timeout
        return min(120.0, max(10.0, 3.5 * median_high(self.start_times[-31:] or [0.0])))

    def has_enough(self) -> bool:
        return self.serving >= self.wanted() or self.counted == self.limits.max_instances

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
        first = min(self.waiting, key=lambda request: (request.rank, request.number))
        assert action.request is first, "overtaken"
        holders = [each for each in self.instances if action.channel in each.idle]
        assert len(holders) == 1, f"{action.channel} is idle at {len(holders)} instances"
        assert self.can_take(holders[0]), f"{holders[0]} was given a request"
        # So nobody is above any number of requests while another that can take one is below it.
        loads = [self.load(each) for each in self.instances if self.can_take(each)]
        assert self.load(holders[0]) == min(loads), "a busier instance was chosen"
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
                assert waited >= self.queue_timeout()
            case RequestOutcome.QUEUE_FULL:
                assert request is self.waiting[-1]
                octets = sum(each.octets for each in self.waiting)
                heavy = self.limits.queue_octets and octets > self.limits.queue_octets
                assert heavy or len(self.waiting) > self.most_waiting()
            case RequestOutcome.DRAINING:
                assert self.drained
            case RequestOutcome.INVOKE_REFUSED:
                assert self.failures and not self.capacity
            case RequestOutcome.START_FAILED:
                assert self.failures >= 3 and not self.capacity
            case _:
                raise AssertionError(f"{outcome} is not for the dispatcher to say")

    def _invoke(self, action: Invoke) -> None:
        assert not self.drained, "a start while draining"
        assert self.counted < self.limits.max_instances, "more instances than allowed"
        if self.failures:
            assert self.now >= self.not_before, "a start during back-off"
            assert not self.starting, "two starts at once after a failure"
        self.starts += 1
        assert action.start == self.starts
        self.starting.append((action.start, self.now))

    def _retire(self, action: Retire) -> None:
        found = [each for each in self.instances if each.name == action.instance]
        if not found:
            self.rejected.remove(action.instance)
            return
        assert len(found) == 1 and not found[0].draining
        if action.reason == "replaced":
            self._may_replace(found[0])
        found[0].draining = True
        found[0].rests_until = None

    def _may_replace(self, instance: NaiveInstance) -> None:
        """Others serve, and they are enough."""
        fit = [each for each in self.open if each.rests_until is None]
        ready = [each for each in fit if not each.expiring and (each.idle or self.load(each))]
        assert instance.expiring
        assert ready
        assert len(ready) + len(self.expiring) - 1 >= self.wanted()

    def leave_planned(self, instance: NaiveInstance, leaves_in: float) -> None:
        start = median_high(self.start_times[-31:] or [0.0])
        lead = min(leaves_in / 2, 60.0, max(1.0, 2 * start))
        if instance.expires is None:
            instance.expires = self.now + leaves_in - lead

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
        self.failures += 1
        window = min(BACKOFF_FIRST * 2 ** (self.failures - 1), BACKOFF_MOST)
        self.not_before = self.now + window * chance

    def instance_failed(self, instance: NaiveInstance, failure: InstanceFailure) -> None:
        """A fifth of the pool may be quarantined; any may rest."""
        if instance not in self.open:
            return
        instance.failures.append(self.now)
        often = len(instance.failures) >= 3 and self.now - instance.failures[-3] <= 10.0
        if instance.quarantined:
            return
        if often and 5 * (len(self.quarantined) + 1) <= len(self.open):
            instance.failures.clear()
            instance.quarantined = True
            instance.rests_until = self.now + 10.0
        elif failure is not InstanceFailure.SLOW:
            instance.rests_until = self.now + 0.25

    def time_passed(self, seconds: float) -> None:
        self.now += seconds
        for instance in self.open:
            if instance.expires is not None and instance.expires <= self.now:
                instance.expiring = True
            if instance.rests_until is not None and instance.rests_until <= self.now:
                instance.rests_until, instance.quarantined = None, False

    def succeeded(self) -> None:
        self.failures = 0

    # -- what must hold after every event

    def check(self, dispatcher: Dispatcher) -> None:
        self._check_counts(dispatcher)
        self._check_requests()
        for instance in self.instances:
            assert self.load(instance) <= self.limits.max_concurrent
            assert not (self.waiting and self.can_take(instance)), "somebody waits at a free slot"
            assert not (instance.draining and instance.idle), "an idle channel was not closed"
        assert not self.rejected, f"not sent away: {self.rejected}"
        assert self.counted <= self.limits.max_instances
        if self.drained:
            assert not self.waiting and not self.open
        elif not self.failures:
            assert self.has_enough(), "instances are wanted and not started"
        self.wishes.append((self.now, self.wanted()))

    def _check_counts(self, dispatcher: Dispatcher) -> None:
        assert dispatcher.waiting == len(self.waiting)
        assert dispatcher.waiting_octets == sum(request.octets for request in self.waiting)
        assert dispatcher.running == len(self.running)
        assert dispatcher.starting == len(self.starting)
        assert dispatcher.open_instances == len(self.open)
        assert dispatcher.draining_instances == len(self.instances) - len(self.open)
        resting = [each for each in self.open if each.rests_until is not None]
        assert dispatcher.resting_instances == len(resting)
        assert dispatcher.expiring_instances == len(self.expiring)
        assert dispatcher.quarantined_instances == len(self.quarantined)
        assert dispatcher.idle_channels == sum(len(each.idle) for each in self.instances)

    def _check_requests(self) -> None:
        everywhere = [*self.waiting, *(run.request for run in self.running), *self.ended]
        numbers = sorted(request.number for request in everywhere)
        assert numbers == list(range(len(self.arrived))), "a request is lost, or in two places"
        for request in self.waiting + [run.request for run in self.running]:
            assert request.outcome is None

    def check_after_tick(self) -> None:
        for request in self.waiting:
            assert self.now - request.since < self.queue_timeout()
        for _, since in self.starting:
            assert self.now - since < self.limits.start_timeout
        if not self.drained and not self.starting and self.now >= self.not_before:
            assert self.has_enough(), "back-off is over and nothing was started"
