from __future__ import annotations

from random import Random
from statistics import fmean

from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from lambdadispatch.simulator.record import ANSWERED
from lambdadispatch.simulator.workloads import Trace, poisson
from tests.simulator.models import erlang_c, ideal, interval, own, pool, waits

REQUESTS = st.lists(st.tuples(st.floats(0, 20), st.floats(0.001, 5)), min_size=1, max_size=40).map(
    sorted
)


def test_instances_are_there_exactly_when_they_are_needed() -> None:
    record = ideal([(0.0, 1.0), (0.5, 1.0), (0.5, 1.0), (4.0, 1.0)], slots=2)
    assert waits(record) == [(0.0, 0.0), (0.5, 0.0), (0.5, 0.0), (4.0, 0.0)]
    # One from 0 to 1.5, a second from 0.5 to 1, one from 4 to 5.
    assert record.billed_ms == 1500 + 500 + 1000
    assert (record.instances.peak, record.starts) == (2, 2)
    assert record.outcomes == {ANSWERED: 4}


def test_beyond_the_most_instances_there_is_one_queue() -> None:
    record = ideal([(0.0, 2.0), (0.0, 3.0), (1.0, 1.0), (1.0, 1.0)], slots=1, most=2)
    assert waits(record) == [(0.0, 0.0), (0.0, 0.0), (1.0, 1.0), (1.0, 2.0)]


def test_clients_that_wait_for_their_answers() -> None:
    def follow(ended: float) -> tuple[float, float] | None:
        return (ended + 1, 1.0) if ended < 5 else None

    record = ideal(Trace(iter([(0.0, 1.0)]), follow))
    assert waits(record) == [(0.0, 0.0), (2.0, 0.0), (4.0, 0.0)]


@limits(deadline=None)
@given(REQUESTS, st.integers(1, 4), st.integers(0, 4))
def test_no_request_is_taken_earlier_by_this_dispatcher(
    requests: list[tuple[float, float]], most: int, warm: int
) -> None:
    bound = ideal(requests, slots=1, most=most)
    here = pool(
        requests,
        warm=min(warm, most),
        max_concurrent_count=1,
        instance_count_multiplier=1,
        max_instances=most,
        queue_timeout=900,
    )
    assert here.arrivals == bound.arrivals
    assert all(mine >= least - 1e-6 for mine, least in zip(here.waits, bound.waits, strict=True))
    assert bound.billed_ms <= here.billed_ms + 1


@limits(deadline=None)
@given(REQUESTS)
def test_aws_lambdas_own_bill_is_not_below_it(requests: list[tuple[float, float]]) -> None:
    bound, there = ideal(requests, slots=1), own(requests)
    assert bound.outcomes == there.outcomes
    assert not any(bound.waits)
    assert bound.billed_ms <= there.billed_ms + 1


def test_with_a_bound_it_is_erlangs_queue() -> None:
    servers, load, count = 10, 7.0, 100_000
    times, durations = poisson(Random("times"), load), Random("durations")
    record = ideal([(next(times), durations.expovariate(1.0)) for _ in range(count)], 5, 2)
    waiting = erlang_c(servers, load)
    least, most = interval([float(wait > 0) for wait in record.waits])
    assert least < waiting < most
    least, most = interval(record.waits)
    assert least < waiting / (servers - load) < most
    assert most < 1.4 * fmean(record.waits)  # an interval that says something
