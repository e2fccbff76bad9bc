"""Scaling by rate times duration."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.core.ewma import Ewma


class Load:
    """Requests at a steady rate that all take the same time and never wait."""

    def __init__(self, ewma: Ewma) -> None:
        self.ewma = ewma
        self.tick = 0
        self.arrived = 0
        self.ends: list[float] = []

    def run(self, rate: int, duration: float, seconds: float) -> int:
        """So many requests in each second, looked at every 0.1 s; the last answer."""
        due = Fraction(0)
        for _ in range(round(seconds * 10)):
            self.tick += 1
            now = self.tick / 10
            due += Fraction(rate, 10)
            while due >= 1:
                due -= 1
                self.arrived += 1
                self.ends.append(now + duration)
            for end in sorted(end for end in self.ends if end <= now):
                self.ends.remove(end)
                self.ewma.desired(0, len(self.ends), 5, end)
            desired = self.ewma.desired(0, len(self.ends), 5, now)
            self.ewma.observe(self.arrived, self.arrived, now)
        return desired


def test_nothing_wants_nothing() -> None:
    ewma = Ewma(10, 1)
    for tick in range(20):
        ewma.observe(0, 0, tick / 10)
        assert ewma.desired(0, 0, 0, tick / 10) == 0


def test_before_anything_is_known_what_is_here_decides() -> None:
    ewma = Ewma(10, 1)
    assert ewma.desired(1, 0, 0, 0.0) == 1
    assert ewma.desired(100, 0, 0, 0.0) == 5
    assert ewma.desired(0, 100, 0, 0.0) == 10


@pytest.mark.parametrize(("rate", "duration"), [(10, 2.0), (50, 0.5), (5, 4.0)])
def test_rate_and_duration_are_found(rate: int, duration: float) -> None:
    ewma = Ewma(10, 1)
    Load(ewma).run(rate, duration, 180)
    assert ewma.rate == pytest.approx(rate, rel=0.02)
    assert ewma.duration == pytest.approx(duration, rel=0.06)


def test_their_product_and_a_fifth_is_wanted() -> None:
    assert Load(Ewma(10, 1)).run(50, 2.0, 180) == 12
    assert Load(Ewma(10, 2)).run(50, 2.0, 180) == 24


def test_the_past_fades() -> None:
    load = Load(Ewma(10, 1))
    assert load.run(100, 1.0, 120) == 12
    assert 5 <= load.run(10, 1.0, 15) <= 8
    assert load.run(10, 1.0, 120) == 2
    assert load.run(0, 1.0, 15) == 1
    assert load.run(0, 1.0, 120) == 0


def test_a_burst_that_runs_long_is_not_overrated() -> None:
    ewma = Ewma(10, 1)
    ewma.observe(0, 0, 0.0)
    for tick in range(1, 20):
        ewma.desired(0, 100, 10, tick / 10)
        ewma.observe(100, 100, tick / 10)
        assert ewma.desired(0, 100, 10, tick / 10) <= 12


def test_the_duration_outlasts_silence() -> None:
    ewma = Ewma(10, 1)
    load = Load(ewma)
    load.run(50, 0.5, 60)
    known = ewma.duration
    load.run(0, 0.5, 3600)
    assert ewma.duration == pytest.approx(known, rel=0.05)
    assert ewma.rate < 1e-6


STEPS = st.lists(st.tuples(st.floats(0, 10), st.integers(0, 50), st.integers(0, 1000)), max_size=50)


@given(STEPS)
def test_it_is_never_less_than_what_is_here_needs(steps: list[tuple[float, int, int]]) -> None:
    ewma, now, arrived = Ewma(10, 2), 0.0, 0
    for passed, more, running in steps:
        now, arrived = now + passed, arrived + more
        desired = ewma.desired(7, running, 1, now)
        assert desired >= max(1, running / 10)
        ewma.observe(arrived, arrived, now)
