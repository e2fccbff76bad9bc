"""How many instances are to be there now, by the schedule in the settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from lambdadispatch.core.schedule import Window, minimum_at


class ScheduledMinimum:
    """``least`` at any time, and more while a window is open.

    ``wall`` gives the time of day, with a time zone; the windows are meant in ``zone``.
    """

    def __init__(
        self, least: int, windows: tuple[Window, ...], zone: str, wall: Callable[[], datetime]
    ) -> None:
        self._least = least
        self._windows = windows
        self._zone = ZoneInfo(zone)
        self._wall = wall
        self._minute: datetime | None = None
        self._minimum = least

    def __call__(self) -> int:
        """How many now. Cheap: the windows are looked at once a minute."""
        minute = self._wall().replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute = minute
            self._minimum = max(
                self._least, minimum_at(self._windows, minute.astimezone(self._zone))
            )
        return self._minimum
