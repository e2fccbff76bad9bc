"""A minimum by the time of day: windows that open by a cron expression and stay open for a time.

A window is written ``5 for 10h from 0 8 * * 1-5``: how many instances, for how long, and when it
opens, in the five fields of cron (cronsim reads them as Debian's cron does). Nothing here knows the
time: it is an argument, with its time zone, in which the expression is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cronsim import CronSim, CronSimError

_WINDOW: Final = re.compile(r"\s*(\S*)\s+for\s+(\S+)\s+from\s+(.+?)\s*", re.ASCII)
_LENGTH: Final = re.compile(r"([0-9]{1,6})([mhd])", re.ASCII)
_UNITS: Final = {"m": 60, "h": 3600, "d": 86400}
_MOST: Final = 100_000
_LONGEST: Final = 366 * 86400
_SOME_DAY: Final = datetime(2024, 1, 1, tzinfo=UTC)


class ScheduleError(ValueError):
    """A schedule cannot be read; the text names the part that is wrong."""


@dataclass(frozen=True)
class Window:
    """``instances`` are to be there for ``seconds`` from each time that ``cron`` names."""

    instances: int
    seconds: int
    cron: str

    def contains(self, when: datetime) -> bool:
        """Whether it is open at this time, which has a time zone."""
        # Reckoned in UTC: ten hours are ten hours, though clocks may be changed within them.
        before = when.astimezone(UTC) - timedelta(seconds=self.seconds)
        opened = next(CronSim(self.cron, before.astimezone(when.tzinfo)), None)
        return opened is not None and opened <= when


def minimum_at(windows: Iterable[Window], when: datetime) -> int:
    """The most that any window open at this time asks for, else 0."""
    return max((each.instances for each in windows if each.contains(when)), default=0)


def parse_window(text: str) -> Window:
    """One window; raises ScheduleError."""
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ScheduleError(f"{text.strip()!r} has not the form 'COUNT for LENGTH from CRON'")
    count, length, cron = match.groups()
    return Window(_count(count), _seconds(length), _cron(cron))


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,6}", text) or not 1 <= int(text) <= _MOST:
        raise ScheduleError(f"the count {text!r} is not a whole number from 1 to {_MOST}")
    return int(text)


def _seconds(text: str) -> int:
    match = _LENGTH.fullmatch(text)
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 60 <= seconds <= _LONGEST:
        raise ScheduleError(f"the length {text!r} is not from 1m to 366d, in m, h or d")
    return seconds


def _cron(text: str) -> str:
    fields = text.split()
    if len(fields) != 5:
        raise ScheduleError(f"the cron expression {text!r} has {len(fields)} fields instead of 5")
    try:
        first = next(CronSim(text, _SOME_DAY), None)
    except CronSimError as error:
        raise ScheduleError(f"the cron expression {text!r}: {str(error).lower()}") from None
    if first is None:
        raise ScheduleError(f"the cron expression {text!r} names no time at all")
    return " ".join(fields)
