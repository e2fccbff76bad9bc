from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.core.scaling import ALGORITHMS, simple


@pytest.mark.parametrize(
    ("most", "multiplier", "pending", "running", "instances"),
    [
        (10, 2, 0, 0, 0),
        (10, 2, 1, 1, 1),
        (1, 1, 1, 1, 2),
        (10, 5, 2, 2, 2),
        (20, 10, 5, 2, 2),
        (10, 2, 100, 2, 7),
        (20, 4, 1000, 110, 57),
        (10, 1, 10000, 0, 600),
        (375, 188, 100_000, 335, 361),  # 1.2 * (167.5 + 133.33...), a little more in floats
    ],
)
def test_known_values(
    most: int, multiplier: int, pending: int, running: int, instances: int
) -> None:
    assert simple(most, multiplier, pending, running) == instances


SIZES = st.integers(1, 1000)
COUNTS = st.integers(0, 100_000)


@given(SIZES, SIZES, COUNTS, COUNTS)
def test_it_is_the_formula_without_rounding_errors(
    most: int, multiplier: int, pending: int, running: int
) -> None:
    target = ceil(Fraction(most, multiplier))
    wanted = Fraction(running, target) + Fraction(pending, 2 * most)
    assert simple(most, multiplier, pending, running) == ceil(wanted * Fraction(6, 5))


@given(SIZES, SIZES, COUNTS, COUNTS)
def test_somebody_wants_at_least_one_and_more_want_no_less(
    most: int, multiplier: int, pending: int, running: int
) -> None:
    now = simple(most, multiplier, pending, running)
    assert (now > 0) == bool(pending or running)
    assert simple(most, multiplier, pending + 1, running) >= now
    assert simple(most, multiplier, pending, running + 1) >= now


def test_the_names_of_the_settings() -> None:
    assert sorted(ALGORITHMS) == ["ewma", "simple", "windows"]
