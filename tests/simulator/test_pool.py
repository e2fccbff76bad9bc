"""The model of this dispatcher, on traces small enough to be reckoned by hand."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from lambdadispatch.core.actions import Action
from lambdadispatch.core.dispatcher import Dispatcher
from lambdadispatch.core.outcomes import RequestOutcome
from lambdadispatch.simulator.own_dispatch import Billing
from lambdadispatch.simulator.pool import TAIL, InstancePlan, Pool
from lambdadispatch.simulator.record import ANSWERED, Record
from lambdadispatch.simulator.workloads import PAUSE_AFTER_REFUSAL, Trace, poisson
from tests.simulator.models import environments, erlang_c, interval, pool, waits

ONE = {"max_concurrent_count": 1, "instance_count_multiplier": 1, "max_instances": 1}


def test_a_request_waits_for_the_cold_start_and_the_call_back() -> None:
    record = pool([(0.0, 1.0)])
    assert waits(record) == [(0.0, 8.5)]
    assert (record.until, record.starts, record.cold_starts) == (9.5, 1, 1)
    # After 250 ms it asks in vain: the peak of the last idle windows needed it. Then it goes.
    assert record.billed_ms == 10_000
    assert record.outcomes == {ANSWERED: 1}


def test_a_request_goes_to_the_slot_that_frees_first_and_not_to_a_start_of_its_own() -> None:
    record = pool([(0.0, 1.0), (0.5, 1.0), (0.6, 1.0)], warm=1, **ONE)
    assert waits(record) == [(0.0, 0.0), (0.5, 0.5), (0.6, 1.4)]
    assert record.starts == 0
    assert record.billed_ms == 3250


def test_an_instance_that_left_leaves_a_warm_environment() -> None:
    record = pool([(0.0, 1.0), (30.0, 1.0)], **ONE)
    assert waits(record) == [(0.0, 8.5), (30.0, 0.5)]
    assert (record.starts, record.cold_starts, record.invocations) == (2, 1, 2)
    # The second time the windows fall so that it may go when it asks first.
    assert record.billed_ms == 10_000 + 1750


def test_only_the_billed_share_of_a_cold_start_is_billed() -> None:
    assert pool([(0.0, 1.0)], share=0.25).billed_ms == 10_000 - 6000


def test_an_idle_instance_is_asked_for_each_idle_time_from_its_last_work() -> None:
    # At 0.25 it runs, at 0.5 it has been idle for 0.1 s, at 0.65 for all of 0.25 s.
    record = pool([(0.2, 0.2)], warm=1, **ONE)
    assert record.billed_ms == 650


def test_what_aws_throttles_ends_as_the_router_says_it() -> None:
    record = pool([(0.0, 1.0)], account=0, max_concurrent_count=2)
    assert record.outcomes == {RequestOutcome.INVOKE_REFUSED: 1}
    assert (record.starts, record.invocations, record.billed_ms) == (1, 0, 0)


def test_who_waits_too_long_is_refused_at_the_tick_after() -> None:
    record = pool([(0.0, 1.0), (1.0, 1.0)], queue_timeout=3, **ONE)
    assert record.outcomes == {RequestOutcome.QUEUE_TIMEOUT: 2}
    assert record.until == pytest.approx(4.0)
    # The instance comes at 8.5 s and leaves without having worked.
    assert record.billed_ms == 8750


def test_a_full_queue_refuses() -> None:
    record = pool([(0.0, 1.0)] * 3, queue_limit=2, **ONE)
    assert record.outcomes == {ANSWERED: 2, RequestOutcome.QUEUE_FULL: 1}


def test_a_start_that_is_given_up_is_told_to_go_when_it_calls_back() -> None:
    record = pool([(0.0, 1.0)], start_timeout=2)
    # Given up at 2, after half of 1 s again until 4.5, after half of 2 s again until 7.5.
    assert record.outcomes == {RequestOutcome.START_FAILED: 1}
    assert record.until == pytest.approx(7.5, abs=0.3)  # it is seen at a tick
    assert (record.starts, record.cold_starts, record.instances.peak) == (3, 3, 3)
    assert record.billed_ms == 3 * 8500
    assert record.instances.now == 0


def test_an_instance_leaves_before_its_invocation_times_out() -> None:
    # Of 60 s the last 15 are the margin: it leaves 45 s after it opened, and so does the next. The
    # next has its environment, so it opens 0.5 s after the request that asked for it.
    requests = [(second / 2, 0.25) for second in range(200)]
    record = pool(requests, warm=1, timeout=60.0, instance_idle=5, **ONE)
    assert record.outcomes == {ANSWERED: 200}
    slow = [(arrival, wait) for arrival, wait in waits(record) if wait]
    assert slow == [(45.0, 0.5), (45.5, 0.25), (90.5, 0.5), (91.0, 0.25)]
    assert (record.starts, record.cold_starts) == (2, 0)


def test_what_runs_longer_than_the_invocation_is_cut() -> None:
    record = pool([(0.0, 1000.0), (1.0, 1.0)], warm=1, timeout=100.0)
    assert record.outcomes == {ANSWERED: 1, RequestOutcome.ANSWER_LOST: 1}
    assert record.until == 99.0
    # It drains from 85 on, so another is started, which is idle until it is seen at 99.
    assert record.starts == 1
    assert 113_000 <= record.billed_ms <= 113_750


def test_clients_that_wait_for_their_answers_come_again() -> None:
    def follow(ended: float) -> tuple[float, float] | None:
        return (ended + 2, 1.0) if ended < 12 else None

    record = pool(Trace(iter([(0.0, 1.0)]), follow), warm=1, instance_idle=5, **ONE)
    assert waits(record) == [(3.0 * turn, 0.0) for turn in range(5)]
    assert record.starts == 0


def test_a_refused_client_comes_again_after_a_pause() -> None:
    def follow(ended: float) -> tuple[float, float] | None:
        return (ended, 1.0) if ended < 3 + PAUSE_AFTER_REFUSAL else None

    record = pool(
        Trace(iter([(0.0, 5.0), (1.0, 1.0), (2.0, 1.0)]), follow), warm=1, queue_limit=1, **ONE
    )
    assert [arrival for arrival, _ in waits(record)] == [0.0, 1.0]
    assert record.outcomes[RequestOutcome.QUEUE_FULL] == 2


def test_instances_that_never_leave_are_paid_for_a_while_and_no_longer() -> None:
    record = pool([(0.0, 1.0)], warm=1, instance_idle=900, timeout=900.0, **ONE)
    assert record.billed_ms == (1 + TAIL) * 1000


def test_an_action_that_it_does_not_know_is_an_error() -> None:
    class Odd(Dispatcher):
        def __init__(self) -> None:
            pass

        def submit(self, request: object, now: float) -> list[Action]:
            return [("odd",)]  # type: ignore[list-item]

        def tick(self, now: float) -> list[Action]:
            return []

    plan = InstancePlan(1, 1.0, 1.0, lambda: 0.0)
    model = Pool(Odd(), environments(), plan, Billing(900.0, 1.0), Record())
    with pytest.raises(TypeError, match="cannot carry out"):
        model.run(Trace(iter([(0.0, 1.0)])))


SETTINGS = st.fixed_dictionaries(
    {
        "max_concurrent_count": st.integers(1, 4),
        "instance_count_multiplier": st.integers(1, 4),
        "max_instances": st.integers(1, 5),
        "queue_limit": st.integers(1, 30),
        "queue_timeout": st.sampled_from([1, 5, 30]),
        "start_timeout": st.sampled_from([1, 5, 60]),
        "instance_idle": st.sampled_from([0.25, 5]),
    }
)
REQUESTS = st.lists(
    st.tuples(st.floats(0, 60), st.one_of(st.floats(0.001, 2), st.floats(10, 80))), max_size=50
).map(sorted)


@limits(deadline=None)
@given(SETTINGS, REQUESTS, st.integers(0, 6), st.sampled_from([60.0, 900.0]))
def test_each_request_has_one_outcome_and_nothing_is_left(
    given: dict[str, Any], requests: list[tuple[float, float]], account: int, timeout: float
) -> None:
    record = pool(requests, account=account, timeout=timeout, **given)
    assert record.requests == len(requests)
    assert record.instances.now == 0
    taken = record.outcomes[ANSWERED] + record.outcomes[RequestOutcome.ANSWER_LOST]
    assert len(record.waits) == taken
    assert not Counter(record.arrivals) - Counter(time for time, _ in requests)
    assert list(record.arrivals) == sorted(record.arrivals)  # first come, first served
    assert min(record.waits, default=0.0) >= 0
    assert record.instances.peak <= account
    assert record.cold_starts <= record.invocations <= record.starts


def test_one_instance_of_many_slots_is_erlangs_queue() -> None:
    slots, load, count = 10, 7.0, 100_000
    # A thousandth of a second each, so that the run is over before the instance must leave.
    times, durations = poisson(Random("times"), load * 1000), Random("durations")
    requests = ((next(times), durations.expovariate(1000.0)) for _ in range(count))
    record = pool(
        Trace(requests),
        warm=1,
        max_concurrent_count=slots,
        max_instances=1,
        queue_limit=1_000_000,
        instance_idle=900,
    )
    assert record.outcomes == {ANSWERED: count}
    waiting = erlang_c(slots, load)
    least, most = interval([float(wait > 0) for wait in record.waits])
    assert least < waiting < most < 1.2 * waiting
    least, most = interval(record.waits)
    assert least < waiting / (slots - load) / 1000 < most
