from __future__ import annotations

from dataclasses import replace
from statistics import median_high

from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.core.bounds import longest_wait, most_waiting
from lambdadispatch.core.limits import PoolLimits
from lambdadispatch.core.pace import WINDOW, Pace
from lambdadispatch.core.start_times import REMEMBERED, StartTimes

LIMITS = PoolLimits(10, 1, 100, None, None, 60.0, 1.0)


def taking(*seconds: float) -> StartTimes:
    times = StartTimes()
    for each in seconds:
        times.note(each)
    return times


def test_how_many_may_wait_follows_what_can_run() -> None:
    assert [most_waiting(LIMITS, count) for count in (0, 1, 2, 50)] == [100, 100, 200, 5000]
    assert most_waiting(replace(LIMITS, max_concurrent=1), 50) == 500
    assert most_waiting(replace(LIMITS, queue_limit=7), 50) == 7


def test_how_long_follows_what_starts_take() -> None:
    assert longest_wait(LIMITS, StartTimes()) == 10.0
    assert longest_wait(LIMITS, taking(1.0)) == 10.0
    assert longest_wait(LIMITS, taking(4.0)) == 14.0
    assert longest_wait(LIMITS, taking(40.0)) == 120.0
    assert longest_wait(replace(LIMITS, queue_timeout=3.0), taking(40.0)) == 3.0


@given(st.lists(st.floats(0.0, 100.0), max_size=80))
def test_the_median_of_the_last_starts(seconds: list[float]) -> None:
    assert taking(*seconds).median == median_high(seconds[-REMEMBERED:] or [0.0])


def test_the_pace_of_a_count() -> None:
    pace = Pace()
    assert pace.per_second(0, 0.0) == 0.0
    for tick in range(1, 1001):
        pace.note(tick, tick / 10)
        if tick > 10:
            assert 9.0 < pace.per_second(tick, tick / 10) < 11.0
    assert pace.per_second(1000, 100.0 + WINDOW) < 6.0
