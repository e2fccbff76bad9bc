"""Reads recorded requests from an access log.

Theory of operation. Two sorts of lines are known, told apart line by line:

- This router's own (``--access-log``), with twistd's time of day in front. They are written when a
  request has ended, to the second, and hold the place in which it arrived. So the requests are
  ordered by that place, and those of one second are spread evenly over it. How long a request took
  is not in them.
- The Common Log Format and what begins like it (Combined). The time is to the second, too; whether
  it is that of arrival (Apache's ``%t``) or of the end (nginx) cannot be told, and it is taken as
  the arrival. A last field that is a number is a duration if the user says in which unit
  (Apache's ``%D``: us, ``%T``: s; nginx's ``$request_time``: s). A number with a decimal point is
  taken as seconds without being told.

Durations that are missing are drawn from the distribution given. Nothing is missing silently: what
was assumed is in ``notes``. https://httpd.apache.org/docs/current/logs.html#common
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

UNITS: Final = {"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6}

_OWN = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d:?\d\d|Z)?) .*"
    r"request \S* .*: [a-z_]+, arrival (\d+), assignment "
)
_COMMON = re.compile(
    r'\S+ \S+ \S+ \[([^\]]+)\] "(?:[^"\\]|\\.)*" (?:\d{3}|-) (?:\d+|-)'
    r'(?: "(?:[^"\\]|\\.)*"){0,2}(?:.* (\d{1,18}(?:\.\d{1,18})?)|.*)\s*$'
)
_COMMON_TIME = "%d/%b/%Y:%H:%M:%S %z"
_LONGEST = 86400.0


class AccessLogError(ValueError):
    """The log cannot be used."""


@dataclass(frozen=True)
class Recorded:
    """The requests of a log: when each arrived, in seconds from the first, and how long it took
    (None: not in the log). ``notes`` say in words what was assumed.
    """

    requests: list[tuple[float, float | None]]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    """One request as found: its second, its place among others, its duration."""

    time: float
    place: int
    duration: float | None


def read_access_log(lines: Iterable[str], unit: str | None) -> Recorded:
    """Read a log; ``unit`` is that of a duration at the end of a line, None: not said.

    Raises AccessLogError if no line is known, or if durations are there in a unit nobody knows.
    """
    found: list[_Line] = []
    own = skipped = first_skipped = 0
    for number, line in enumerate(lines, 1):
        if (read := _own_line(line)) is not None:
            own += 1
        elif (read := _common_line(line, number, unit)) is None:
            if line.strip():
                skipped += 1
                first_skipped = first_skipped or number
            continue
        found.append(read)
    if not found:
        raise AccessLogError(
            "no line is a request; allowed: lines of this router's access log, "
            "or of the Common or Combined Log Format"
        )
    found.sort(key=lambda line: (line.time, line.place))
    return Recorded(_spread(found), tuple(_notes(found, own, skipped, first_skipped)))


def _own_line(line: str) -> _Line | None:
    match = _OWN.match(line)
    if match is None:
        return None
    try:
        time = datetime.fromisoformat(match[1])
    except ValueError:
        return None
    return _Line(time.timestamp(), int(match[2]), None)


def _common_line(line: str, number: int, unit: str | None) -> _Line | None:
    match = _COMMON.match(line)
    if match is None:
        return None
    try:
        time = datetime.strptime(match[1], _COMMON_TIME)
    except ValueError:
        return None
    return _Line(time.timestamp(), number, _duration(match[2], number, unit))


def _duration(text: str | None, number: int, unit: str | None) -> float | None:
    if text is None:
        return None
    if unit is None and "." not in text:
        raise AccessLogError(
            f"line {number} ends in the number {text[:40]}, whose unit is not known; "
            f"allowed: --log-duration {', '.join(UNITS)} or none"
        )
    if unit == "none":
        return None
    found = float(text) * UNITS[unit or "seconds"]
    if found > _LONGEST:
        raise AccessLogError(
            f"line {number}: a duration of {text[:40]} {unit or 'seconds'} is refused; "
            f"allowed: up to {_LONGEST:g} seconds"
        )
    return found


def _spread(lines: list[_Line]) -> list[tuple[float, float | None]]:
    """Spread those of one second evenly over it, and count from the first."""
    requests: list[tuple[float, float | None]] = []
    begin, index = lines[0].time, 0
    while index < len(lines):
        time = lines[index].time
        until = index
        while until < len(lines) and lines[until].time == time:
            until += 1
        step = 1.0 / (until - index) if time.is_integer() else 0.0
        for place, line in enumerate(lines[index:until]):
            requests.append((time - begin + place * step, line.duration))
        index = until
    return requests


def _notes(lines: list[_Line], own: int, skipped: int, first: int) -> Iterable[str]:
    missing = sum(line.duration is None for line in lines)
    yield f"{len(lines):,} requests read"
    if own:
        yield (
            f"{own:,} are of this router's log: their times are those of the end, and it holds no "
            "durations"
        )
    if own < len(lines):
        count = len(lines) - own
        yield f"{count:,} are of the Common Log Format: their times are taken as arrivals"
    yield "times to the second: the requests of a second are spread evenly over it"
    if missing:
        yield f"{missing:,} have no duration: it is drawn from --duration"
    if skipped:
        yield f"{skipped:,} lines are no requests and were passed over, the first is line {first}"
