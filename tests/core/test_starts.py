from __future__ import annotations

import pytest

from lambdadispatch.core.starts import StartGate


def gate(chance: float = 1.0) -> StartGate:
    """The window begins at 1 s and grows to 60 s; the whole of it is waited."""
    return StartGate(1.0, 60.0, lambda: chance)


def wait_after(failures: int, chance: float = 1.0) -> float:
    starts = gate(chance)
    for _ in range(failures):
        starts.failed(100.0)
    return starts.not_before - 100.0


def test_without_failures_all_are_allowed() -> None:
    assert gate().admit(7, 3, 0.0) == 7
    assert gate().admit(0, 0, 0.0) == 0


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


def test_nothing_is_allowed_before_the_time_and_one_after_it() -> None:
    starts = gate()
    starts.failed(0.0)
    assert starts.admit(5, 0, 0.999) == 0
    assert starts.admit(5, 0, 1.0) == 1
    assert starts.admit(0, 0, 1.0) == 0


def test_one_start_at_a_time() -> None:
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
    starts.failed(10.0)
    assert starts.not_before == 11.0
