"""The start gate against a naive model, over random histories of asks and outcomes."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lambdadispatch.core.breaker import Breaker
from lambdadispatch.core.bucket import TokenBucket
from lambdadispatch.core.budget import Budget
from lambdadispatch.core.starts import StartGate
from tests.core.gate_model import BACKOFF_FIRST, BACKOFF_MOST, GateModel, GateRules

RULES = st.builds(
    GateRules,
    rate=st.integers(1, 3),
    burst=st.integers(1, 8),
    invocations=st.integers(1, 20),
    seconds=st.sampled_from([30.0, 300.0, 1e9]),
)
PICK = st.integers(0, 1000)


class GateHistories(RuleBasedStateMachine):
    """A start is under way until it fails or is good, and open until its call comes back."""

    @initialize(rules=RULES)
    def begin(self, rules: GateRules) -> None:
        self.chance = 0.5
        self.now = 0.0
        self.starts = 0
        self.starting: list[int] = []
        self.model = GateModel(rules)
        self.gate = StartGate(
            BACKOFF_FIRST,
            BACKOFF_MOST,
            lambda: self.chance,
            bucket=TokenBucket(rules.rate, rules.burst),
            breaker=Breaker(),
            budget=Budget(rules.invocations, rules.seconds, 1.0),
        )

    @rule(wanted=st.integers(1, 12))
    def ask(self, wanted: int) -> None:
        model, starting = self.model, len(self.starting)
        sure = min(wanted, model.free(starting, self.now))
        possible = min(wanted, model.free(starting, self.now, lenient=True))
        count = self.gate.admit(wanted, starting, self.now)
        assert sure <= count <= possible
        held = count < wanted or model.opened_at is not None
        assert held == (self.gate.brake is not None)
        numbers = range(self.starts + 1, self.starts + count + 1)
        self.gate.began(numbers, self.now)
        for number in numbers:
            model.started(number, starting, self.now)
        self.starts += count
        self.starting.extend(numbers)

    @precondition(lambda self: self.starting)
    @rule(pick=PICK, chance=st.floats(0, 1))
    def start_fails(self, pick: int, chance: float) -> None:
        self.chance = chance
        number = self.starting.pop(pick % len(self.starting))
        self.gate.failed(self.now)
        self.model.failed(chance, self.now)
        self.end(number)

    @precondition(lambda self: self.starting)
    @rule(pick=PICK)
    def start_is_good(self, pick: int) -> None:
        self.starting.pop(pick % len(self.starting))
        self.gate.succeeded()
        self.model.succeeded()

    @rule()
    def an_instance_ends_badly(self) -> None:
        self.gate.exited(self.now)
        self.model.exited(self.now)

    @rule()
    def a_request_is_served(self) -> None:
        self.gate.served()
        self.model.served()

    @precondition(lambda self: self.starts)
    @rule(pick=PICK)
    def invocation_ends(self, pick: int) -> None:
        self.end(1 + pick % self.starts)

    def end(self, number: int) -> None:
        self.gate.ended(number, self.now)
        self.model.ended(number, self.now)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 600.0, 3700.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def it_knows_whether_the_breaker_is_open(self) -> None:
        if hasattr(self, "gate"):
            assert self.gate.breaker_open == (self.model.opened_at is not None)
            assert self.gate.failures == self.model.failures


GateHistoriesTest = GateHistories.TestCase
GateHistoriesTest.settings = settings(
    max_examples=200, stateful_step_count=60, deadline=None, derandomize=True
)
