from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdadispatch.core.peak import Peak


def test_nothing_noted() -> None:
    assert Peak(1.0).at(0.0) == 0


def test_a_value_is_the_peak_for_at_least_a_window() -> None:
    peak = Peak(1.0)
    peak.note(5, 10.0)
    peak.note(2, 10.5)
    assert (peak.at(10.5), peak.at(11.0), peak.at(11.99)) == (5, 5, 5)
    assert peak.at(12.0) == 0


NOTES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 9)), max_size=30)


@given(NOTES, st.integers(0, 12))
@settings(deadline=None)
def test_all_of_the_last_window_counts_and_nothing_older_than_three(
    notes: list[tuple[int, int]], last: int
) -> None:
    peak, now, noted = Peak(1.0), 0.0, []
    for quarters, value in notes:
        now += quarters / 4
        peak.note(value, now)
        noted.append((now, value))
    now += last / 4
    found = peak.at(now)
    assert found >= max([value for when, value in noted if when > now - 1.0], default=0)
    assert found <= max([value for when, value in noted if when > now - 3.0], default=0)
