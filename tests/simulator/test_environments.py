from __future__ import annotations

from lambdadispatch.simulator.environments import Environments
from tests.simulator.models import COLD, environments


def test_a_warm_one_is_taken_before_a_new_one_is_started() -> None:
    found = environments(warm=1)
    assert (found.take(0.0), found.take(0.0)) == (0.0, COLD)
    found.give_back(9.0)
    assert (found.take(9.0), found.cold) == (0.0, 1)


def test_an_unused_one_does_not_stay_warm() -> None:
    found = environments(warm=2, keep=300.0)
    assert found.take(300.0) == 0.0
    assert found.take(300.1) == COLD


def test_the_one_used_last_is_taken_and_the_others_expire() -> None:
    found = environments(warm=2, keep=300.0)
    found.take(200.0)
    found.give_back(200.0)
    assert (found.take(400.0), found.take(400.0)) == (0.0, COLD)


def test_the_account_bounds_those_in_use() -> None:
    found = environments(account=2)
    assert (found.take(0.0), found.take(0.0), found.take(0.0)) == (COLD, COLD, None)
    found.give_back(1.0)
    assert (found.take(1.0), found.take(1.0)) == (0.0, None)


def test_a_thousand_start_in_ten_seconds_and_no_more_are_saved_up() -> None:
    found = Environments(lambda: COLD, 300.0, 1_000_000)

    def started(now: float) -> int:
        count = 0
        while found.take(now) is not None:
            count += 1
        return count

    assert started(1000.0) == 1000
    assert started(1000.0) == 0
    assert started(1001.0) == 100
    assert started(1006.0) == 500
    assert started(5000.0) == 1000
