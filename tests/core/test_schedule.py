"""Windows by cron: what can be written, and when they are open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from lambdadispatch.core.schedule import ScheduleError, Window, minimum_at, parse_window

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = "5 for 10h from 0 8 * * 1-5"


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def test_a_window_is_read() -> None:
    assert parse_window(OFFICE) == Window(5, 36_000, "0 8 * * 1-5")
    assert parse_window("  20  for 1d from  0 0 1 * * ") == Window(20, 86_400, "0 0 1 * *")
    # Either day will do in cron, so the Mondays in February remain.
    assert parse_window("5 for 1h from 0 8 30 2 1").cron == "0 8 30 2 1"
    assert parse_window("1 for 90m from */30 * * * MON#1").seconds == 5400


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "'' has not the form 'COUNT for LENGTH from CRON'"),
        ("5 at noon", "'5 at noon' has not the form 'COUNT for LENGTH from CRON'"),
        ("x for 1h from * * * * *", "the count 'x' is not a whole number from 1 to 100000"),
        ("0 for 1h from * * * * *", "the count '0' is not a whole number from 1 to 100000"),
        ("5 for 1s from * * * * *", "the length '1s' is not from 1m to 366d, in m, h or d"),
        ("5 for 0m from * * * * *", "the length '0m' is not from 1m to 366d, in m, h or d"),
        ("5 for 367d from * * * * *", "the length '367d' is not from 1m to 366d, in m, h or d"),
        ("5 for 1h from 0 8 * *", "the cron expression '0 8 * *' has 4 fields instead of 5"),
        ("5 for 1h from 0 25 * * *", "the cron expression '0 25 * * *': bad hour"),
        ("5 for 1h from 0 8 * * FUN", "the cron expression '0 8 * * FUN': bad day-of-week"),
        ("5 for 1h from 0 8 31 2 *", "the cron expression '0 8 31 2 *': bad day-of-month"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, problem: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse_window(text)
    assert str(caught.value) == problem


def test_it_is_open_from_its_first_second_to_before_its_last() -> None:
    window = parse_window(OFFICE)
    for text, is_open in (
        ("2026-03-02 07:59:59", False),
        ("2026-03-02 08:00:00", True),
        ("2026-03-02 17:59:59", True),
        ("2026-03-02 18:00:00", False),
        ("2026-03-07 12:00:00", False),  # a Saturday
    ):
        assert window.contains(at(text)) is is_open, text


def test_a_window_can_reach_over_midnight_and_over_its_next_beginning() -> None:
    night = parse_window("3 for 8h from 0 22 * * 5")
    assert night.contains(at("2026-03-07 05:59:59"))
    assert not night.contains(at("2026-03-07 06:00:00"))
    always = parse_window("3 for 2h from 0 * * * *")
    assert all(always.contains(at("2026-03-07 00:00:00") + timedelta(minutes=n)) for n in range(99))


def test_the_time_zone_is_that_of_the_time() -> None:
    window = parse_window(OFFICE)
    assert window.contains(at("2026-07-01 08:00:00"))
    assert not window.contains(at("2026-07-01 07:59:00"))
    assert not window.contains(datetime(2026, 7, 1, 6, 0, tzinfo=UTC))


def test_a_window_is_as_long_as_it_says_when_clocks_are_changed() -> None:
    # 2026-03-29 02:00 is 03:00 in Berlin; 2026-10-25 03:00 is 02:00 again.
    for day in ("2026-03-28", "2026-10-24"):
        opens = at(f"{day} 22:00:00").astimezone(UTC)
        window = parse_window("1 for 10h from 0 22 * * *")
        for hours, is_open in ((0.0, True), (9.99, True), (10.01, False)):
            when = (opens + timedelta(hours=hours)).astimezone(BERLIN)
            assert window.contains(when) is is_open, (day, hours)


def test_a_time_that_clocks_leave_out_is_not_left_out() -> None:
    window = parse_window("1 for 1h from 30 2 * * *")
    begin = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
    minutes = [begin + timedelta(minutes=n) for n in range(24 * 60)]
    assert sum(window.contains(when.astimezone(BERLIN)) for when in minutes) == 60


def test_the_most_counts_where_several_are_open() -> None:
    windows = [parse_window(OFFICE), parse_window("20 for 1h from 0 12 * * *")]
    assert minimum_at(windows, at("2026-03-02 12:30:00")) == 20
    assert minimum_at(windows, at("2026-03-02 13:00:00")) == 5
    assert minimum_at(windows, at("2026-03-02 20:00:00")) == 0
    assert minimum_at([], at("2026-03-02 12:30:00")) == 0


@limits(deadline=None)
@given(st.integers(0, 366 * 1440), st.integers(0, 23), st.integers(1, 1439))
def test_a_daily_window_is_open_as_arithmetic_says(minute: int, hour: int, length: int) -> None:
    when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    passed = (when.hour * 60 + when.minute - hour * 60) % 1440
    window = parse_window(f"1 for {length}m from 0 {hour} * * *")
    assert window.contains(when) is (passed < length)
