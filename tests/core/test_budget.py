from __future__ import annotations

from lambdadispatch.core.brakes import Brake
from lambdadispatch.core.budget import Budget

INVOCATIONS, GB_SECONDS = Brake.BUDGET_INVOCATIONS, Brake.BUDGET_GB_SECONDS


def test_invocations_are_counted_in_any_minute() -> None:
    budget = Budget(3, None, 0.0)
    assert budget.left(5, 0.0) == (3, INVOCATIONS)
    assert budget.left(3, 0.0) == (3, None)
    for start, when in enumerate((0.0, 30.0, 31.0)):
        budget.began(start, when)
    assert budget.left(1, 59.9) == (0, INVOCATIONS)
    assert budget.left(1, 60.0) == (1, None)
    assert budget.left(9, 90.0) == (2, INVOCATIONS)
    assert budget.invocations(91.0) == 0


def test_that_an_invocation_has_ended_gives_none_back() -> None:
    budget = Budget(1, None, 0.0)
    budget.began(1, 0.0)
    budget.ended(1, 1.0)
    assert budget.left(1, 2.0) == (0, INVOCATIONS)


def test_gb_seconds_count_what_runs_now() -> None:
    budget = Budget(None, 100, 0.5)
    budget.began(1, 0.0)
    budget.began(2, 0.0)
    assert budget.gb_seconds(60.0) == 60.0
    assert budget.left(7, 99.9) == (7, None)
    assert budget.left(7, 100.0) == (0, GB_SECONDS)


def test_gb_seconds_count_until_the_invocation_has_ended() -> None:
    budget = Budget(None, 100, 2.0)
    budget.began(1, 0.0)
    budget.ended(1, 20.0)
    assert budget.gb_seconds(30.0) == 40.0
    budget.ended(1, 30.0)
    budget.ended(99, 30.0)
    assert budget.gb_seconds(40.0) == 40.0


def test_gb_seconds_are_those_of_an_hour_and_up_to_a_minute_more() -> None:
    budget = Budget(None, 100, 1.0)
    budget.began(1, 0.0)
    budget.ended(1, 100.0)
    assert budget.left(1, 3600.0) == (0, GB_SECONDS)
    assert budget.left(1, 3660.0) == (1, None)
    assert budget.gb_seconds(3760.0) == 0.0


def test_both_limits_hold() -> None:
    budget = Budget(2, 10, 1.0)
    budget.began(1, 0.0)
    assert budget.left(5, 1.0) == (1, INVOCATIONS)
    assert budget.left(5, 10.0) == (0, GB_SECONDS)


def test_starts_of_the_past_are_not_kept() -> None:
    budget = Budget(None, 100, 1.0)
    for start in range(1000):
        budget.began(start, start * 10.0)
        budget.ended(start, start * 10.0)
    assert len(budget._times) <= 6
