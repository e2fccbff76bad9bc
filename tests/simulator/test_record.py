from __future__ import annotations

from array import array

import pytest

from lambdadispatch.simulator.prices import LIST, Prices
from lambdadispatch.simulator.record import Level, Record, quantile


def test_the_level_of_what_goes_up_and_down() -> None:
    level = Level()
    for time, by in ((1.0, 2), (3.0, 1), (3.0, 1), (4.0, -4)):
        level.change(time, by)
    assert (level.peak, level.now) == (4, 0)
    assert level.area() == 2 * 2 + 4
    assert list(level.times) == [1.0, 3.0, 4.0]
    assert list(level.values) == [2, 4, 0]
    # What comes after the time asked for does not count.
    assert level.mean(4.0) == 2.0
    assert level.mean(8.0) == 1.0
    assert level.mean(3.5) == pytest.approx((4 + 2) / 3.5)
    assert level.mean(2.0) == pytest.approx(2 / 2)
    assert level.mean(0.0) == 0.0


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1.0), (0.5, 5.0), (0.51, 6.0), (0.99, 10.0), (1.0, 10.0)]
)
def test_a_quantile_is_one_of_the_values(share: float, value: float) -> None:
    assert quantile(array("d", range(1, 11)), share) == value


def test_there_is_no_quantile_of_nothing() -> None:
    assert quantile(array("d"), 0.99) == 0.0


@pytest.mark.parametrize(
    ("seconds", "billed"), [(0.3, 300), (0.1 + 0.2, 300), (0.3001, 301), (0.0, 0), (900, 900_000)]
)
def test_milliseconds_are_rounded_up_but_not_for_floating_point(
    seconds: float, billed: int
) -> None:
    record = Record()
    record.bill(seconds)
    assert record.billed_ms == billed


def test_the_price_of_a_run() -> None:
    record = Record(router=True)
    record.billed_ms, record.invocations, record.until = 10_000_000, 2_000_000, 7200.0
    prices = Prices(gb_second=0.01, million_requests=0.2, router_hour=0.05, memory=2.0)
    assert prices.of(record) == pytest.approx(10_000 * 2 * 0.01 + 0.4 + 0.1)
    record.router = False
    assert prices.of(record) == pytest.approx(10_000 * 2 * 0.01 + 0.4)


def test_arm_is_a_fifth_cheaper() -> None:
    assert LIST["arm"].gb_second / LIST["x86"].gb_second == pytest.approx(0.8, abs=1e-4)
