"""The dispatcher against a naive model, over random histories."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from lambdadispatch.core.actions import Action
from lambdadispatch.core.breaker import Breaker
from lambdadispatch.core.bucket import TokenBucket
from lambdadispatch.core.budget import Budget
from lambdadispatch.core.dispatcher import Dispatcher, PoolLimits
from lambdadispatch.core.outcomes import InstanceFailure, RequestOutcome, StartFailure
from lambdadispatch.core.scaling import Simple
from lambdadispatch.core.starts import StartGate
from tests.core.gate_model import BACKOFF_FIRST, BACKOFF_MOST, GateRules
from tests.core.naive_pool import NaiveInstance, NaiveRequest, NaiveRun
from tests.core.pool_model import PoolModel

IDLE_WINDOW = 1.0
LIMITS = st.builds(
    PoolLimits,
    max_concurrent=st.integers(1, 3),
    multiplier=st.integers(1, 3),
    max_instances=st.integers(1, 7),
    queue_limit=st.none() | st.integers(1, 20),
    queue_timeout=st.sampled_from([20.0, None]),
    start_timeout=st.just(15.0),
    idle_window=st.just(IDLE_WINDOW),
    min_instances=st.sampled_from([0, 1, 2, 6]),
    scale_in_delay=st.sampled_from([0.0, 2.0, float("inf")]),
    queue_octets=st.sampled_from([0, 30]),
    classes=st.sampled_from([1, 3]),
)
RULES = st.one_of(
    st.just(GateRules()),
    st.builds(
        GateRules,
        rate=st.integers(1, 3),
        burst=st.integers(1, 6),
        invocations=st.integers(2, 12),
        seconds=st.sampled_from([60.0, 1e9]),
    ),
)
PICK = st.integers(0, 1000)
REFUSED, ENDED = StartFailure.REFUSED, StartFailure.ENDED
LOST, NACKED = InstanceFailure.LOST, InstanceFailure.REFUSED


class Histories(RuleBasedStateMachine):
    """Everything that can happen to a pool, in any order."""

    @initialize(
        limits=LIMITS,
        rules=RULES,
        calm=st.booleans(),
        drains=st.booleans(),
        crowd=st.booleans(),
    )
    def begin(
        self, limits: PoolLimits, rules: GateRules, calm: bool, drains: bool, crowd: bool
    ) -> None:
        self.calm = calm
        """Nothing fails and the pool is not drained, so that it comes to serve a lot."""
        self.drains = drains and not calm
        """It may be, and then not much more happens."""
        self.chance = 0.5
        self.model = PoolModel(limits, rules)
        gate = StartGate(
            BACKOFF_FIRST,
            BACKOFF_MOST,
            lambda: self.chance,
            bucket=TokenBucket(rules.rate, rules.burst),
            breaker=Breaker(),
            budget=Budget(rules.invocations, rules.seconds, 1.0),
        )
        self.pool = Dispatcher(limits, Simple, gate, lambda request: request.octets)
        self.names = 0
        self.time_passes(0.0)
        if crowd:
            self.a_crowd_is_served(False)

    def do(self, actions: list[Action]) -> None:
        self.model.carry_out(actions)

    def name(self, kind: str) -> str:
        self.names += 1
        return f"{kind}{self.names}"

    # -- requests

    @rule(count=st.integers(1, 6))
    def requests_arrive(self, count: int) -> None:
        model = self.model
        for _ in range(count):
            number = len(model.arrived)
            rank = number * 5 % 7 % model.limits.classes
            request = NaiveRequest(number, model.now, number * 7 % 11, rank)
            model.arrived.append(request)
            model.waiting.append(request)
            self.do(self.pool.submit(request, model.now, rank))
            assert request not in model.waiting or model.has_room(), "too many wait"

    @precondition(lambda self: self.model.waiting)
    @rule(pick=PICK)
    def client_leaves(self, pick: int) -> None:
        request = self.model.waiting.pop(pick % len(self.model.waiting))
        self.model.end(request, RequestOutcome.CLIENT_GONE)
        self.do(self.pool.cancel(request, self.model.now))

    @precondition(lambda self: self.model.running)
    @rule(pick=PICK, first=st.sampled_from(["request", "channel", "both"]))
    def answered(self, pick: int, first: str) -> None:
        run = self.model.running[pick % len(self.model.running)]
        if first == "both":
            self.exchange_ended(run)
            return
        if first == "channel":
            self.channel_free(run)
        self.ended(run, RequestOutcome.ANSWERED)
        if first == "request":
            self.channel_free(run)

    @precondition(lambda self: self.model.running)
    @rule(count=st.integers(1, 12))
    def many_answered(self, count: int) -> None:
        for _ in range(min(count, len(self.model.running))):
            self.exchange_ended(self.model.running[0])

    @precondition(lambda self: not self.calm and self.model.running)
    @rule(pick=PICK)
    def answer_lost(self, pick: int) -> None:
        run = self.model.running[pick % len(self.model.running)]
        self.do(self.pool.channel_lost(run.channel, self.model.now))
        self.failed(run, LOST)
        self.ended(run, RequestOutcome.ANSWER_LOST)

    def failed(self, run: NaiveRun, failure: InstanceFailure) -> None:
        """Its instance failed a request; what becomes of the request is told next."""
        self.model.instance_failed(run.instance, failure)
        self.do(self.pool.request_failed(run.request, failure, self.model.now))

    @precondition(lambda self: not self.calm and self.model.running)
    @rule(pick=PICK, times=st.sampled_from([1, 3]))
    def answer_is_slow(self, pick: int, times: int) -> None:
        """Three times is quarantine, if the pool is large enough."""
        run = self.model.running[pick % len(self.model.running)]
        for _ in range(times):
            self.failed(run, InstanceFailure.SLOW)
        self.do(self.pool.channel_lost(run.channel, self.model.now))
        self.ended(run, RequestOutcome.FIRST_BYTE_TIMEOUT)

    @precondition(lambda self: not self.calm and len(self.model.open) >= 5 and self.model.running)
    @rule(pick=PICK, leaves=st.booleans())
    def one_of_many_fails_often(self, pick: int, leaves: bool) -> None:
        run = self.model.running[pick % len(self.model.running)]
        if leaves and run.instance in self.model.open:
            self.planned(run.instance, 2.0)
        self.answer_is_slow(pick, 3)

    @precondition(lambda self: not self.calm and self.model.running)
    @rule(pick=PICK, failure=st.sampled_from([LOST, NACKED]))
    def request_returns(self, pick: int, failure: InstanceFailure) -> None:
        """Lost or refused: it stands where it stood; one that has run waits anew."""
        model = self.model
        run = model.running[pick % len(model.running)]
        self.failed(run, failure)
        since = model.now if failure is LOST else run.request.since
        again = NaiveRequest(run.request.number, since, run.request.octets, run.request.rank)
        model.running.remove(run)
        model.waiting.append(again)
        self.do(self.pool.returned(run.request, again, model.now, anew=failure is LOST))
        assert self.pool.returned(run.request, again, model.now) == []
        self.do(self.pool.channel_lost(run.channel, model.now))

    @precondition(lambda self: not self.calm and self.model.running)
    @rule(pick=PICK, told=st.sampled_from(["before", "after"]))
    def assignment_failed(self, pick: int, told: str) -> None:
        model = self.model
        run = model.running.pop(pick % len(model.running))
        if told == "before":
            self.do(self.pool.channel_lost(run.channel, model.now))
        model.waiting.append(run.request)  # its number says where it stands
        self.do(self.pool.assignment_failed(run.request, model.now))
        if told == "after":
            self.do(self.pool.channel_lost(run.channel, model.now))

    def ended(self, run: NaiveRun, outcome: RequestOutcome) -> None:
        self.model.running.remove(run)
        self.model.end(run.request, outcome)
        served = outcome is RequestOutcome.ANSWERED
        if served:
            self.model.gate.served()
        self.do(self.pool.finished(run.request, self.model.now, served))
        assert self.pool.finished(run.request, self.model.now) == []

    @precondition(lambda self: not self.calm and self.model.running)
    @rule(pick=PICK)
    def answered_for_an_application_that_failed(self, pick: int) -> None:
        self.exchange_ended(self.model.running[pick % len(self.model.running)], served=False)

    def exchange_ended(self, run: NaiveRun, served: bool = True) -> None:
        model = self.model
        model.running.remove(run)
        model.end(run.request, RequestOutcome.ANSWERED)
        if served:
            model.gate.served()
        self.offered(run)
        name = run.instance.name
        self.do(self.pool.exchange_ended(run.request, run.channel, name, model.now, served))

    def offered(self, run: NaiveRun) -> None:
        if run.instance in self.model.open:
            run.instance.idle.append(run.channel)
        else:
            self.model.rejected.append(run.channel)

    def channel_free(self, run: NaiveRun) -> None:
        self.offered(run)
        self.do(self.pool.channel_idle(run.channel, run.instance.name, self.model.now))

    # -- channels

    @precondition(lambda self: self.model.instances)
    @rule(pick=PICK, count=st.integers(1, 3))
    def channels_open(self, pick: int, count: int) -> None:
        model = self.model
        instance = model.instances[pick % len(model.instances)]
        for _ in range(count):
            channel = self.name("c")
            if not instance.draining:
                model.offered(instance)
            (model.rejected if instance.draining else instance.idle).append(channel)
            self.do(self.pool.channel_idle(channel, instance.name, model.now))

    @rule()
    def channel_of_nobody(self) -> None:
        channel = self.name("c")
        self.model.rejected.append(channel)
        self.do(self.pool.channel_idle(channel, "nobody", self.model.now))

    @precondition(lambda self: not self.calm)
    @rule(pick=PICK)
    def idle_channel_lost(self, pick: int) -> None:
        idle = [(each, name) for each in self.model.instances for name in each.idle]
        if idle:
            instance, channel = idle[pick % len(idle)]
            instance.idle.remove(channel)
            self.do(self.pool.channel_lost(channel, self.model.now))

    # -- instances

    @precondition(lambda self: self.model.starting)
    @rule(pick=PICK, channels=st.integers(0, 4))
    def instance_opens(self, pick: int, channels: int) -> None:
        model = self.model
        start, since = model.starting[pick % len(model.starting)]
        instance = model.opened(start, since, self.name("i"))
        self.do(self.pool.instance_opened(start, instance.name, model.now))
        assert instance.draining == model.drained
        self.channels_open(len(model.instances) - 1, channels)

    @precondition(lambda self: self.model.starting)
    @rule()
    def all_starts_open(self) -> None:
        for _ in range(len(self.model.starting)):
            self.instance_opens(0, self.model.limits.max_concurrent)

    @rule(long=st.booleans())
    def a_crowd_is_served(self, long: bool) -> None:
        """Many come and all that starts opens, so that histories know large pools too."""
        self.requests_arrive(110 if long and self.model.limits.queue_limit is None else 8)
        while self.model.starting:
            self.instance_opens(0, 2)

    @precondition(lambda self: not self.calm and self.model.starting)
    @rule(then=st.sampled_from(["waits", "leaves", "is lost"]))
    def instance_opens_and_offers_nothing(self, then: str) -> None:
        self.instance_opens(0, 0)
        last = len(self.model.instances) - 1
        if then == "leaves":
            self.instance_leaves(last)
        elif then == "is lost":
            self.instance_lost(last)
        else:
            self.time_passes(15.0)

    @precondition(lambda self: self.model.given_up)
    @rule(pick=PICK)
    def instance_opens_too_late(self, pick: int) -> None:
        model = self.model
        start = model.given_up.pop(pick % len(model.given_up))
        model.rejected.append(self.name("i"))
        self.do(self.pool.instance_opened(start, model.rejected[-1], model.now))

    @precondition(lambda self: self.model.starts)
    @rule(pick=PICK)
    def invocation_ends(self, pick: int) -> None:
        model = self.model
        alive = {start for start, _ in model.starting} | {each.start for each in model.instances}
        start = 1 + pick % model.starts
        if start not in alive:
            model.gate.ended(start, model.now)
            self.do(self.pool.invocation_ended(start, model.now))

    @precondition(lambda self: not self.calm and self.model.starting)
    @rule(pick=PICK, failure=st.sampled_from([REFUSED, ENDED]), chance=st.floats(0, 1))
    def start_fails(self, pick: int, failure: StartFailure, chance: float) -> None:
        model = self.model
        self.chance = chance
        start, _ = model.starting.pop(pick % len(model.starting))
        model.failed(chance)
        self.do(self.pool.start_failed(start, failure, model.now))
        if not model.capacity and (failure is REFUSED or model.gate.failures >= 3):
            assert not model.waiting, "nothing runs or starts, and nobody was told"

    @rule()
    def those_that_are_idle_ask(self) -> None:
        for number, instance in enumerate(self.model.instances):
            if not self.model.load(instance):
                self.instance_idle(number)

    @precondition(lambda self: self.model.instances)
    @rule(pick=PICK)
    def instance_idle(self, pick: int) -> None:
        model = self.model
        instance = model.instances[pick % len(model.instances)]
        asks = not instance.draining and not model.load(instance)
        unfit = [each for each in model.open if each is instance or each.quarantined]
        if not instance.expiring:
            unfit += [each for each in model.expiring if each not in unfit]
        remaining = len(model.open) - len(unfit) - len(model.unready)
        self.do(self.pool.instance_idle(instance.name, model.now))
        if asks and instance.draining:
            assert remaining >= model.wanted_since(model.now - IDLE_WINDOW)
        elif asks:
            assert remaining < model.wanted_since(model.now - 3 * IDLE_WINDOW)

    @precondition(lambda self: self.model.open)
    @rule(pick=PICK, leaves_in=st.sampled_from([0.5, 2.0, 12.0, 100.0]))
    def instance_tells_when_it_leaves(self, pick: int, leaves_in: float) -> None:
        self.planned(self.model.open[pick % len(self.model.open)], leaves_in)

    def planned(self, instance: NaiveInstance, leaves_in: float) -> None:
        self.model.leave_planned(instance, leaves_in)
        self.do(self.pool.leave_planned(instance.name, leaves_in, self.model.now))

    @precondition(lambda self: len(self.model.open) < len(self.model.instances))
    @rule()
    def drained_instances_are_gone(self) -> None:
        for instance in self.model.instances.copy():
            if instance.draining and not self.model.load(instance):
                self.instance_lost(self.model.instances.index(instance))

    @precondition(lambda self: not self.calm and self.model.instances)
    @rule(pick=PICK, reason=st.sampled_from(["deadline", "application_exited"]))
    def instance_leaves(self, pick: int, reason: str = "deadline") -> None:
        instance = self.model.instances[pick % len(self.model.instances)]
        if not instance.draining and not instance.ready:
            self.model.failed(self.chance)
        elif not instance.draining and reason == "application_exited":
            self.model.gate.exited(self.model.now)
        self.do(self.pool.instance_leaving(instance.name, reason, self.model.now))
        assert instance.draining

    @precondition(lambda self: not self.calm and self.model.instances)
    @rule(pick=PICK)
    def instance_lost(self, pick: int) -> None:
        instance = self.model.instances[pick % len(self.model.instances)]
        self.model.gone(instance, self.chance)
        self.do(self.pool.instance_lost(instance.name, self.model.now))
        assert self.pool.instance_lost(instance.name, self.model.now) == []

    # -- time and the end

    @precondition(lambda self: not self.model.drained)
    @rule(minimum=st.integers(0, 7))
    def minimum_changes(self, minimum: int) -> None:
        self.model.minimum = minimum
        self.pool.keep(minimum)
        self.time_passes(0.0)

    @rule(count=st.integers(0, 12))
    def a_quiet_while(self, count: int) -> None:
        self.many_answered(count)
        for _ in range(8):
            self.time_passes(0.5)

    @precondition(lambda self: not self.calm)
    @rule(count=st.integers(3, 8))
    def crashes(self, count: int) -> None:
        for _ in range(count):
            if self.model.starting:
                self.start_fails(0, ENDED, self.chance)
            if self.model.instances:
                self.instance_lost(0)

    @rule(seconds=st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 10.0, 15.0, 60.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        model = self.model
        model.time_passed(seconds, self.chance)
        self.do(self.pool.tick(model.now))
        model.check_after_tick(self.pool)

    @precondition(lambda self: not self.model.drained)
    @rule()
    def warm_up(self) -> None:
        before = self.model.starts
        idle = not self.model.capacity
        free = self.model.free
        self.do(self.pool.warm_up(self.model.now))
        assert self.model.starts == before + (idle and free > 0)

    @precondition(lambda self: self.drains and len(self.model.arrived) > 20)
    @rule()
    def drain(self) -> None:
        self.model.drained = True
        self.do(self.pool.drain(self.model.now))

    @invariant()
    def model_and_pool_agree(self) -> None:
        if hasattr(self, "model"):
            self.model.check(self.pool)


HistoriesTest = Histories.TestCase
HistoriesTest.settings = settings(
    max_examples=400, stateful_step_count=60, deadline=None, derandomize=True
)
