from __future__ import annotations

import pytest

from lambdadispatch.simulator.access_log import AccessLogError, read_access_log

OWN = (
    "2026-11-26T16:03:0{second}+0000 [lambdadispatch.router.router.Router#info] request GET /x: "
    "answered, arrival {arrival}, assignment {arrival}, invocation v2-df, instance i2, channel i2/1"
)
REFUSED = (
    "2026-11-26T16:03:09+0000 [lambdadispatch.router.router.Router#info] request POST /a: b: "
    "queue_full, arrival 9, assignment None, invocation None, instance None, channel None"
)
COMMON = '192.0.2.1 - bob [26/Nov/2026:16:03:0{second} +0000] "GET /x HTTP/1.1" 200 17'
COMBINED = COMMON + ' "https://example.com/" "an \\"agent\\" [x] 7"'


def own(second: int, arrival: int) -> str:
    return OWN.format(second=second, arrival=arrival)


def times(*lines: str, unit: str | None = None) -> list[tuple[float, float | None]]:
    return [(round(time, 6), took) for time, took in read_access_log(lines, unit).requests]


def test_this_routers_own_log() -> None:
    found = read_access_log(["starting up", own(1, 1), own(3, 3), own(3, 2), REFUSED], None)
    assert found.requests == [(0.0, None), (2.0, None), (2.5, None), (8.0, None)]
    assert found.notes == (
        "4 requests read",
        "4 are of this router's log: their times are those of the end, and it holds no durations",
        "times to the second: the requests of a second are spread evenly over it",
        "4 have no duration: it is drawn from --duration",
        "1 lines are no requests and were passed over, the first is line 1",
    )


@pytest.mark.parametrize("form", [COMMON, COMBINED])
def test_the_common_formats_without_a_duration(form: str) -> None:
    found = read_access_log([form.format(second=1), form.format(second=2)], None)
    assert found.requests == [(0.0, None), (1.0, None)]
    assert "2 have no duration: it is drawn from --duration" in found.notes
    assert "2 are of the Common Log Format: their times are taken as arrivals" in found.notes


@pytest.mark.parametrize("form", [COMMON, COMBINED])
@pytest.mark.parametrize(
    ("written", "unit", "took"),
    [
        ("0.123", None, 0.123),
        ("0.123", "seconds", 0.123),
        ("2", "seconds", 2.0),
        ("250", "milliseconds", 0.25),
        ("1500", "microseconds", 0.0015),
        ("1500", "none", None),
        ('"-" 0.5', None, 0.5),
        ('"-"', None, None),
        ("rt=0.5", None, None),
    ],
)
def test_a_number_at_the_end_is_a_duration(
    form: str, written: str, unit: str | None, took: float | None
) -> None:
    assert times(f"{form.format(second=1)} {written}\n", unit=unit) == [(0.0, took)]


def test_a_number_in_an_unknown_unit_is_refused() -> None:
    with pytest.raises(AccessLogError, match=r"line 2 ends in the number 1500, whose unit is not"):
        times(COMMON.format(second=1), COMMON.format(second=1) + " 1500")
    with pytest.raises(AccessLogError, match="a duration of 100000 seconds is refused"):
        times(COMMON.format(second=1) + " 100000", unit="seconds")


def test_lines_need_not_be_in_order_nor_of_one_format_or_zone() -> None:
    there = COMMON.replace("+0000", "+0200").replace("16:03", "18:03").format(second=5)
    assert [time for time, _ in times(own(7, 1), there, COMMON.format(second=4))] == [0, 1, 3]


def test_fractions_of_a_second_are_kept() -> None:
    line = own(1, 1).replace("03:01", "03:01.25")
    assert [time for time, _ in times(line, own(2, 2))] == [0.0, 0.75]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "hello",
        "99/Nov/2026",
        COMMON.format(second=1).replace("Nov", "Foo"),
        own(1, 1).replace("-26T", "-99T"),
        "x " * 10_000 + '"' * 10_000,
    ],
)
def test_a_log_without_requests_is_refused(line: str) -> None:
    with pytest.raises(AccessLogError, match="no line is a request; allowed: lines of this router"):
        times(line)
