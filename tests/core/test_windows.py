"""Scaling by a slow and a quick average."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.core.windows import Windows


def run(windows: Windows, demand: int, begin: float, end: float, instances: int = 10) -> int:
    """A demand that stays from ``begin`` to ``end``, looked at every 0.1 s; the last answer."""
    desired = 0
    for tick in range(round(begin * 10), round(end * 10) + 1):
        desired = windows.desired(0, demand, instances, tick / 10)
    return desired


def test_nothing_wants_nothing_and_something_at_least_one() -> None:
    windows = Windows(10, 1)
    assert windows.desired(0, 0, 0, 0.0) == 0
    assert windows.desired(1, 0, 0, 0.0) == 1


def test_a_burst_out_of_nothing_is_met_at_once() -> None:
    windows = Windows(10, 1)
    for waiting in range(1, 101):
        desired = windows.desired(waiting, 0, 0, 5.0)
    assert desired == 10


def test_a_steady_demand_wants_what_it_needs() -> None:
    assert run(Windows(10, 2), 50, 0.0, 120.0) == 10
    assert run(Windows(10, 1), 51, 0.0, 120.0) == 6


def test_a_short_peak_below_the_threshold_changes_little() -> None:
    windows = Windows(10, 1)
    run(windows, 50, 0.0, 120.0, instances=5)
    assert run(windows, 90, 120.1, 122.0, instances=5) == 6
    assert not windows.panicking


def test_twice_the_instances_within_six_seconds_is_panic() -> None:
    windows = Windows(10, 1)
    run(windows, 50, 0.0, 120.0, instances=5)
    assert run(windows, 200, 120.1, 126.0, instances=5) > 15
    assert windows.panicking


def test_no_scale_in_during_panic_and_for_a_minute_after_its_last_cause() -> None:
    windows = Windows(10, 1)
    run(windows, 50, 0.0, 120.0, instances=5)
    peak = run(windows, 200, 120.1, 128.0, instances=5)
    assert peak == 20
    assert run(windows, 0, 128.1, 186.0, instances=20) == 20
    assert run(windows, 0, 186.1, 189.0, instances=20) < 20
    assert not windows.panicking


def test_after_a_minute_of_nothing_nothing_is_wanted() -> None:
    windows = Windows(10, 1)
    run(windows, 5, 0.0, 10.0, instances=1)
    assert run(windows, 0, 10.1, 60.0, instances=1) == 1
    assert run(windows, 0, 60.1, 200.0, instances=1) == 0


def test_the_stable_average_falls_by_and_by() -> None:
    windows = Windows(10, 1)
    run(windows, 100, 0.0, 120.0)
    found = [run(windows, 20, at + 0.1, at + 10) for at in (120, 130, 140, 150, 160, 170, 180)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 8
    assert found[-1] == 2


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(0, 300)), max_size=60))
def test_panic_never_takes_back_what_it_wanted(steps: list[tuple[float, int]]) -> None:
    windows, now, before = Windows(10, 1), 0.0, 0
    for passed, demand in steps:
        now += passed
        desired = windows.desired(demand, 0, 3, now)
        assert desired >= (1 if demand else 0)
        if windows.panicking and before:
            assert desired >= before
        before = desired if windows.panicking else 0


@pytest.mark.parametrize("demand", [0, 1, 100_000])
def test_it_can_be_asked_any_number_of_times(demand: int) -> None:
    windows = Windows(10, 1)
    answers = {windows.desired(demand, 0, 1, 7.0) for _ in range(1000)}
    assert len(answers) == 1
