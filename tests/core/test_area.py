from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.core.area import SlidingArea


def test_the_area_is_level_times_time() -> None:
    area = SlidingArea(1.0, 10)
    area.note(3, 100.0)
    area.note(5, 100.5)
    assert area.total(100.5) == 1.5
    assert area.total(102.5) == 1.5 + 10.0
    area.note(0, 102.5)
    assert area.total(104.0) == 11.5


def test_what_is_older_than_the_window_is_forgotten() -> None:
    area = SlidingArea(1.0, 10)
    area.note(4, 0.0)
    area.note(0, 1.0)
    assert area.total(10.999) == 4.0
    assert area.total(11.0) == 0.0


def test_a_level_that_stays_fills_the_window_however_long_nothing_is_noted() -> None:
    area = SlidingArea(1.0, 10)
    area.note(2, 0.0)
    assert area.total(1000.25) == pytest.approx(2 * 10.25)
    assert area.average(1000.25) == pytest.approx(2.0)


def test_the_average_begins_with_the_level() -> None:
    area = SlidingArea(1.0, 10)
    assert area.average(50.0) == 0.0
    area.note(6, 50.0)
    assert area.average(50.0) == 6.0
    area.note(2, 52.0)
    assert area.average(56.0) == pytest.approx((6 * 2 + 2 * 4) / 6)


def test_a_short_silence_counts_and_a_whole_window_of_it_does_not() -> None:
    area = SlidingArea(1.0, 10)
    area.note(6, 0.0)
    area.note(0, 2.0)
    area.note(6, 4.0)
    assert area.average(6.0) == pytest.approx(4.0)
    area.note(0, 6.0)
    area.note(9, 60.0)
    assert area.average(60.5) == pytest.approx(9.0)


def test_a_clock_that_is_set_back_gives_no_time_and_takes_none() -> None:
    area = SlidingArea(1.0, 10)
    area.note(2, 100.0)
    assert area.total(105.0) == 10.0
    assert area.total(50.0) == 10.0
    assert area.total(51.0) == 12.0


LEVELS = st.lists(st.tuples(st.floats(0.0, 30.0), st.integers(0, 50)), min_size=1, max_size=40)


@given(LEVELS, st.floats(0.1, 5.0), st.integers(1, 12), st.floats(0.0, 100.0))
def test_it_is_between_the_window_and_one_bucket_more(
    steps: list[tuple[float, int]], width: float, buckets: int, rest: float
) -> None:
    area = SlidingArea(width, buckets)
    now, history = 0.0, []
    for passed, level in steps:
        now += passed
        history.append((now, level))
        area.note(level, now)
    now += rest

    def since(begin: float) -> float:
        ends = [when for when, _ in history[1:]] + [now]
        return sum(
            level * max(0.0, end - max(begin, when))
            for (when, level), end in zip(history, ends, strict=True)
        )

    found, noise = area.total(now), 1e-6
    assert since(now - width * buckets) - noise <= found
    assert found <= since(now - width * (buckets + 1)) + noise
