"""A pool as plain lists: what there is, and what follows from what has happened.

Nothing is counted, everything is searched for one by one. It shares no code with the core but the
outcomes, the limits and the scaling formula. What must be true of it is in ``pool_model``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median_high

from lambdadispatch.core.limits import PoolLimits
from lambdadispatch.core.outcomes import InstanceFailure, RequestOutcome
from lambdadispatch.core.scaling import simple
from tests.core.gate_model import GateModel, GateRules


@dataclass(eq=False)
class NaiveRequest:
    """A request; ``number`` is its place among all arrivals, ``rank`` its class."""

    number: int
    since: float
    octets: int = 0
    rank: int = 0
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
    rests_until: float | None = None
    quarantined: bool = False
    expires: float | None = None
    expiring: bool = False
    failures: list[float] = field(default_factory=list)

    @property
    def away(self) -> bool:
        """It is not one of those that serve and go on."""
        return self.quarantined or self.expiring


@dataclass(eq=False)
class NaiveRun:
    request: NaiveRequest
    channel: str
    instance: NaiveInstance


class NaivePool:
    """What there is, and what it comes to."""

    def __init__(self, limits: PoolLimits, rules: GateRules) -> None:
        self.limits = limits
        self.gate = GateModel(rules)
        self.minimum = limits.min_instances
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
        self.start_times: list[float] = []
        """How long starts have taken until the call back."""

    # -- instances

    @property
    def open(self) -> list[NaiveInstance]:
        return [instance for instance in self.instances if not instance.draining]

    @property
    def unready(self) -> list[NaiveInstance]:
        return [instance for instance in self.open if not instance.ready]

    @property
    def resting(self) -> list[NaiveInstance]:
        return [instance for instance in self.open if instance.rests_until is not None]

    @property
    def quarantined(self) -> list[NaiveInstance]:
        return [instance for instance in self.open if instance.quarantined]

    @property
    def expiring(self) -> list[NaiveInstance]:
        return [instance for instance in self.open if instance.expiring]

    @property
    def capacity(self) -> int:
        """What there is, or will be."""
        return len(self.starting) + len(self.open)

    @property
    def counted(self) -> int:
        """What must not exceed the largest size of the pool."""
        return self.capacity - len(self.expiring)

    @property
    def serving(self) -> int:
        """What is compared with what is wanted."""
        return self.capacity - len([each for each in self.open if each.away])

    @property
    def on_their_way(self) -> int:
        return len(self.starting) + len(self.unready)

    @property
    def free(self) -> int:
        """How many starts the gate has to let through."""
        return self.gate.free(self.on_their_way, self.now)

    def has_enough(self) -> bool:
        """Nothing more is wanted, or the largest size or the gate forbids it."""
        full = self.counted == self.limits.max_instances
        return self.serving >= self.wanted() or full or not self.free

    # -- load

    @property
    def living(self) -> list[NaiveRun]:
        return [run for run in self.running if run.instance in self.instances]

    def load(self, instance: NaiveInstance) -> int:
        return len([run for run in self.running if run.instance is instance])

    def can_take(self, instance: NaiveInstance) -> bool:
        free = self.load(instance) < self.limits.max_concurrent
        fit = not instance.draining and instance.rests_until is None
        return bool(instance.idle) and free and fit

    def wanted(self) -> int:
        limits = self.limits
        waiting, running = len(self.waiting), len(self.living)
        wanted = simple(limits.max_concurrent, limits.multiplier, waiting, running)
        return min(max(wanted, self.minimum), limits.max_instances)

    def wanted_since(self, past: float) -> int:
        """The most instances wanted later than ``past``, and now."""
        return max([wanted for when, wanted in self.wishes if when > past] + [self.wanted()])

    # -- bounds

    def start_time(self) -> float:
        return median_high(self.start_times[-31:] or [0.0])

    def most_waiting(self) -> int:
        if self.limits.queue_limit is not None:
            return self.limits.queue_limit
        return max(100, 10 * self.limits.max_concurrent * len(self.open))

    def queue_timeout(self) -> float:
        if self.limits.queue_timeout is not None:
            return self.limits.queue_timeout
        return min(120.0, max(10.0, 3.5 * self.start_time()))

    # -- events

    def end(self, request: NaiveRequest, outcome: RequestOutcome) -> None:
        assert request.outcome is None, f"ended as {request.outcome} and again as {outcome}"
        request.outcome = outcome
        self.ended.append(request)

    def failed(self, chance: float) -> None:
        """A start did not become an instance that can serve."""
        self.gate.failed(chance, self.now)

    def opened(self, start: int, since: float, name: str) -> NaiveInstance:
        """An invocation that was started has called back."""
        self.starting.remove((start, since))
        self.start_times.append(self.now - since)
        self.instances.append(NaiveInstance(name, start, since))
        return self.instances[-1]

    def offered(self, instance: NaiveInstance) -> None:
        """An open instance offers a channel."""
        if not instance.ready:
            instance.ready = True
            self.gate.succeeded()

    def leave_planned(self, instance: NaiveInstance, leaves_in: float) -> None:
        lead = min(leaves_in / 2, 60.0, max(1.0, 2 * self.start_time()))
        if instance.expires is None:
            instance.expires = self.now + leaves_in - lead

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

    def gone(self, instance: NaiveInstance, chance: float) -> None:
        """An instance is no more, and was not told to go if it is open."""
        self.instances.remove(instance)
        if not instance.draining:
            if instance.ready:
                self.gate.exited(self.now)
            else:
                self.failed(chance)

    def time_passed(self, seconds: float, chance: float) -> None:
        """What is late has failed, what expires does, and who has rested is fit again."""
        self.now += seconds
        limit = self.limits.start_timeout
        for start, since in self.starting.copy():
            if self.now - since >= limit:
                self.starting.remove((start, since))
                self.given_up.append(start)
                self.failed(chance)
        for instance in self.unready:
            if self.now - instance.since >= limit:
                self.failed(chance)
        for instance in self.open:
            if instance.expires is not None and instance.expires <= self.now:
                instance.expiring = True
            if instance.rests_until is not None and instance.rests_until <= self.now:
                instance.rests_until, instance.quarantined = None, False
