from __future__ import annotations

import pytest

from lambdadispatch.core.backoff import Backoff


def backoff(chance: float = 1.0) -> Backoff:
    """The window begins at 1 s and grows to 60 s; the whole of it is waited."""
    return Backoff(1.0, 60.0, lambda: chance)


def wait_after(failures: int, chance: float = 1.0) -> float:
    starts = backoff(chance)
    for _ in range(failures):
        starts.failed(100.0)
    return starts.not_before - 100.0


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 1.0), (2, 2.0), (3, 4.0), (6, 32.0), (7, 60.0), (8, 60.0)]
)
def test_the_window_doubles_up_to_the_most(failures: int, seconds: float) -> None:
    assert wait_after(failures) == seconds


def test_a_random_part_of_the_window_is_waited() -> None:
    assert wait_after(3, 0.25) == 1.0
    assert wait_after(3, 0.0) == 0.0


def test_any_number_of_failures_can_be_counted() -> None:
    assert wait_after(5000) == 60.0


def test_success_forgets() -> None:
    starts = backoff()
    for _ in range(5):
        starts.failed(0.0)
    starts.succeeded()
    assert (starts.failures, starts.not_before) == (0, float("-inf"))
    starts.failed(10.0)
    assert starts.not_before == 11.0
