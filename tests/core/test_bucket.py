from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.core.bucket import TokenBucket


def test_it_is_full_at_first_and_fills_up_again() -> None:
    bucket = TokenBucket(100, 1000)
    assert bucket.available(0.0) == 1000
    bucket.take(1000, 0.0)
    assert bucket.available(0.0) == 0
    assert bucket.available(0.009) == 0
    assert bucket.available(0.01) == 1
    assert bucket.available(5.0) == 500
    assert bucket.available(1e6) == 1000


def test_parts_of_a_token_are_kept() -> None:
    bucket = TokenBucket(1, 1)
    taken = 0
    for tick in range(101):
        taken += bucket.available(tick / 10)
        bucket.take(bucket.available(tick / 10), tick / 10)
    assert taken == 11


def test_no_more_is_taken_than_there_is() -> None:
    bucket = TokenBucket(1, 3)
    bucket.take(10, 0.0)
    assert bucket.available(1.0) == 1


def test_a_clock_that_is_set_back_does_no_harm() -> None:
    bucket = TokenBucket(1, 3)
    bucket.take(3, 1000.0)
    assert bucket.available(0.0) == 0
    assert bucket.available(2.0) == 2


STEPS = st.lists(st.tuples(st.floats(0.0, 5.0), st.integers(0, 20)), max_size=60)


@given(STEPS, st.integers(1, 10), st.integers(1, 20))
def test_never_more_than_burst_and_rate_within_any_time(
    steps: list[tuple[float, int]], rate: int, burst: int
) -> None:
    bucket, now = TokenBucket(rate, burst), 0.0
    taken: list[tuple[float, int]] = []
    for passed, wanted in steps:
        now += passed
        count = min(wanted, bucket.available(now))
        bucket.take(count, now)
        taken.append((now, count))
    for first, (begin, _) in enumerate(taken):
        for last in range(first, len(taken)):
            end = taken[last][0]
            total = sum(count for _, count in taken[first : last + 1])
            assert total <= burst + rate * (end - begin) + 1e-6
