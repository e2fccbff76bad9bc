"""The start gate: which brake holds how many starts back."""

from __future__ import annotations

from lambdadispatch.core.brakes import TOLD, Brake
from lambdadispatch.core.breaker import Breaker
from lambdadispatch.core.bucket import TokenBucket
from lambdadispatch.core.budget import Budget
from lambdadispatch.core.starts import StartGate


def gate(
    chance: float = 1.0,
    bucket: TokenBucket | None = None,
    breaker: Breaker | None = None,
    budget: Budget | None = None,
) -> StartGate:
    """Backs off for the whole window of 1 s to 60 s."""
    return StartGate(1.0, 60.0, lambda: chance, bucket=bucket, breaker=breaker, budget=budget)


# -- back-off


def test_without_failures_all_are_admitted() -> None:
    starts = gate()
    assert starts.admit(7, 3, 0.0) == 7
    assert starts.admit(0, 0, 0.0) == 0
    assert starts.brake is None


def test_nothing_is_admitted_before_the_time_and_one_after_it() -> None:
    starts = gate()
    starts.failed(0.0)
    assert starts.admit(5, 0, 0.999) == 0
    assert starts.brake is Brake.BACK_OFF
    assert starts.admit(5, 0, 1.0) == 1
    assert starts.brake is Brake.BACK_OFF
    assert starts.admit(1, 0, 1.0) == 1
    assert starts.brake is None


def test_one_start_at_a_time_after_a_failure() -> None:
    starts = gate()
    starts.failed(0.0)
    assert starts.admit(5, 1, 100.0) == 0


def test_success_opens_the_gate_and_forgets() -> None:
    starts = gate()
    for _ in range(5):
        starts.failed(0.0)
    starts.succeeded()
    assert starts.failures == 0
    assert starts.admit(5, 2, 0.0) == 5


# -- breaker


def broken(at: float = 0.0, **parts: TokenBucket | Budget) -> StartGate:
    starts = gate(breaker=Breaker(), **parts)  # type: ignore[arg-type]
    for _ in range(5):
        starts.failed(at)
    assert starts.breaker_open
    return starts


def test_an_open_breaker_lets_one_probe_through_every_ten_seconds() -> None:
    starts = broken()
    admitted = [tenth for tenth in range(1000) if starts.admit(9, 0, tenth / 10)]
    assert admitted == list(range(100, 1000, 100))
    assert starts.brake is Brake.BREAKER_OPEN


def test_probes_take_the_place_of_the_back_off() -> None:
    starts = broken()
    for probe in range(1, 20):
        assert starts.admit(1, 0, probe * 10.0) == 1
        starts.failed(probe * 10.0 + 1.0)
    assert starts.failures == 24


def test_there_is_no_probe_while_a_start_is_under_way() -> None:
    starts = broken()
    assert starts.admit(1, 1, 50.0) == 0
    assert starts.admit(1, 0, 50.0) == 1


def test_a_good_start_does_not_close_the_breaker_but_a_served_request_does() -> None:
    starts = broken()
    starts.succeeded()
    assert starts.admit(5, 0, 1.0) == 0
    assert starts.suspicious
    starts.served()
    assert not starts.suspicious
    assert starts.admit(5, 0, 1.0) == 5
    assert starts.brake is None


def test_bad_exits_and_failed_starts_count_together() -> None:
    starts = gate(breaker=Breaker())
    for _ in range(2):
        starts.exited(0.0)
        starts.failed(0.0)
    assert not starts.breaker_open
    starts.exited(0.0)
    assert starts.breaker_open
    assert starts.failures == 2


# -- start rate and budget


def test_the_start_rate_bounds_what_is_admitted_and_says_so() -> None:
    starts = gate(bucket=TokenBucket(2, 10))
    assert starts.admit(4, 0, 0.0) == 4
    assert starts.admit(40, 4, 0.0) == 6
    assert starts.brake is Brake.START_RATE
    assert starts.admit(40, 10, 0.4) == 0
    assert starts.admit(40, 10, 0.5) == 1
    assert starts.admit(1, 10, 1.0) == 1
    assert starts.brake is None


def test_the_budget_bounds_what_is_admitted_and_says_so() -> None:
    starts = gate(budget=Budget(5, None, 0.0))
    assert starts.admit(9, 0, 0.0) == 5
    assert starts.brake is Brake.BUDGET_INVOCATIONS
    starts.began(range(1, 6), 0.0)
    assert starts.admit(9, 5, 59.0) == 0
    assert starts.admit(9, 5, 60.0) == 5


def test_a_spent_hour_stops_all_starts() -> None:
    starts = gate(budget=Budget(None, 10, 1.0))
    starts.began([1], 0.0)
    assert starts.admit(3, 0, 9.9) == 3
    assert starts.admit(3, 0, 10.0) == 0
    assert starts.brake is Brake.BUDGET_GB_SECONDS


def test_probes_pass_budget_and_rate_too() -> None:
    spent = broken(budget=Budget(1, None, 0.0))
    spent.began([1], 9.0)
    assert spent.admit(1, 0, 10.0) == 0
    assert spent.brake is Brake.BUDGET_INVOCATIONS
    assert spent.admit(1, 0, 69.0) == 1
    empty = broken(bucket=TokenBucket(1, 1))
    empty.admit(1, 0, 10.0)
    empty.served()
    empty.succeeded()
    assert empty.admit(1, 0, 10.5) == 0
    assert empty.brake is Brake.START_RATE


def test_what_is_held_back_uses_up_nothing() -> None:
    starts = broken(bucket=TokenBucket(1, 3))
    for _ in range(100):
        assert starts.admit(1, 0, 1.0) == 0
    starts.served()
    starts.succeeded()
    assert starts.admit(9, 0, 1.0) == 3


# -- what there is to see


def test_since_when_a_brake_holds_is_kept_while_it_does() -> None:
    starts = gate()
    starts.failed(10.0)
    starts.admit(1, 0, 10.0)
    starts.admit(1, 0, 10.5)
    assert (starts.brake, starts.since) == (Brake.BACK_OFF, 10.0)
    starts.rest(None, 12.0)
    starts.rest(Brake.MAX_INSTANCES, 13.0)
    assert (starts.brake, starts.since) == (Brake.MAX_INSTANCES, 13.0)


def test_a_brake_that_is_told_holds_until_a_start_would_pass() -> None:
    starts = gate(budget=Budget(1, None, 0.0))
    starts.began([1], 0.0)
    starts.admit(1, 0, 10.0)
    starts.rest(None, 59.0)
    assert (starts.brake, starts.since) == (Brake.BUDGET_INVOCATIONS, 10.0)
    starts.rest(None, 60.0)
    assert starts.brake is None


def test_an_open_breaker_is_seen_while_a_probe_is_under_way() -> None:
    starts = broken()
    assert starts.admit(1, 0, 10.0) == 1
    starts.rest(None, 11.0)
    assert (starts.brake, starts.since) == (Brake.BREAKER_OPEN, 10.0)
    starts.served()
    starts.rest(None, 12.0)
    assert starts.brake is None


def test_the_state_names_the_brake_and_what_is_left() -> None:
    starts = gate(bucket=TokenBucket(1, 8), breaker=Breaker(), budget=Budget(1, 100, 0.5))
    starts.began([1], 0.0)
    assert starts.admit(2, 0, 2.0) == 0
    assert starts.state(5.0) == {
        "brake": "budget_invocations",
        "brake_seconds": 3.0,
        "failed_starts": 0,
        "breaker_open": False,
        "starts_left": 8,
        "invocations_last_minute": 1,
        "gb_seconds_last_hour": 2.5,
    }
    assert gate().state(0.0) == {
        "brake": None,
        "brake_seconds": 0.0,
        "failed_starts": 0,
        "breaker_open": False,
    }


def test_who_waits_is_told_of_brakes_that_hold_for_long_and_of_no_others() -> None:
    assert {brake.value: outcome.value for brake, outcome in TOLD.items()} == {
        "breaker_open": "breaker_open",
        "budget_invocations": "budget_spent",
        "budget_gb_seconds": "budget_spent",
    }
