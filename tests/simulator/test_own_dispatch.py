"""AWS Lambda's own dispatch, on traces small enough to be reckoned by hand."""

from __future__ import annotations

import pytest

from lambdadispatch.simulator.record import ANSWERED, THROTTLED
from lambdadispatch.simulator.workloads import Trace
from tests.simulator.models import own, waits


def test_a_request_is_bound_to_the_cold_start_it_caused() -> None:
    # The second meets a busy environment and waits 8 s, though the first ends 1 s later.
    record = own([(0.0, 1.0), (0.5, 1.0), (2.0, 1.0)], warm=1)
    assert waits(record) == [(0.0, 0.0), (0.5, 8.0), (2.0, 0.0)]
    assert (record.starts, record.cold_starts, record.invocations) == (1, 1, 3)
    assert record.until == 9.5
    assert record.outcomes == {ANSWERED: 3}


def test_each_request_that_waits_has_an_environment_of_its_own() -> None:
    record = own([(0.0, 1.0)] * 5)
    assert waits(record) == [(0.0, 8.0)] * 5
    assert (record.instances.peak, record.starts) == (5, 5)
    assert record.instances.mean(record.until) == 5.0


@pytest.mark.parametrize(("share", "billed"), [(1.0, 8123 + 124), (0.5, 4123 + 124), (0, 247)])
def test_the_bill_is_start_and_duration_rounded_up_to_a_millisecond(
    share: float, billed: int
) -> None:
    # 123 ms exactly stay 123 ms; 123.4 ms are 124.
    assert own([(0.0, 0.123), (9.0, 0.1234)], share=share).billed_ms == billed


def test_what_the_account_does_not_allow_is_throttled_at_once() -> None:
    record = own([(0.0, 1.0)] * 3 + [(20.0, 1.0)], account=2)
    assert record.outcomes == {ANSWERED: 3, THROTTLED: 1}
    assert (record.requests, record.refused, record.invocations) == (4, 1, 3)
    assert waits(record) == [(0.0, 8.0), (0.0, 8.0), (20.0, 0.0)]


def test_more_than_a_thousand_starts_at_once_are_throttled() -> None:
    record = own([(0.0, 1.0)] * 1200, account=10_000)
    assert record.outcomes == {ANSWERED: 1000, THROTTLED: 200}


def test_a_request_longer_than_the_functions_timeout_is_lost_and_billed_up_to_it() -> None:
    record = own([(0.0, 5.0)], warm=1, timeout=3.0)
    assert record.outcomes == {"answer_lost": 1}
    assert (record.billed_ms, record.until) == (3000, 3.0)


def test_a_client_goes_on_after_its_answer_and_later_after_a_refusal() -> None:
    def follow(ended: float) -> tuple[float, float] | None:
        return (ended, 1.0) if ended < 3 else None

    record = own(Trace(iter([(0.0, 1.0), (0.5, 1.0)]), follow), warm=1, account=1)
    # The second client is refused at 0.5, 1.5 and 2.5, and served never.
    assert waits(record) == [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0)]
    assert record.outcomes == {ANSWERED: 3, THROTTLED: 3}
