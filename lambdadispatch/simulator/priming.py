"""Brings a dispatcher to where instances are open and idle, by nothing but its own rules.

Theory of operation. Before time 0 made-up requests arrive until the dispatcher has asked for enough
instances. Those open at once, the requests run and end, and instances that are too many ask to
leave, as idle ones do. Then time passes quietly until 0, so that what a scaling algorithm or a
start gate remembers of this fades. A dispatcher may take instances away that nobody needs for long;
so the longest quiet is taken in which enough of them stay, each tried with a new dispatcher.

Rejected: putting instances into the dispatcher's own books, which would be a second way to start
them and would know its inside.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Final

from lambdadispatch.core.actions import Action, Assign, Close, Invoke, Refuse
from lambdadispatch.core.dispatcher import Dispatcher
from lambdadispatch.simulator.shipping import TICK

QUIET: Final = (900.0, 60.0, 15.0, 5.0, 1.0, 0.0)
"""Seconds of quiet before time 0, in the order in which they are tried."""

EARLY: Final = 3600.0
"""Seconds before the quiet at which it begins."""

STEP: Final = 0.01
"""Seconds between two made-up requests."""


class PrimingError(ValueError):
    """The settings do not allow so many instances."""


def primed(
    make: Callable[[], Dispatcher], channels: int, count: int
) -> tuple[Dispatcher, list[int]]:
    """Give a dispatcher with ``count`` idle instances of so many channels, and their starts.

    ``make`` gives a new dispatcher. Raises PrimingError.
    """
    for quiet in QUIET:
        dispatcher = make()
        if not count:
            return dispatcher, []
        starts = Priming(dispatcher, channels).run(count, quiet)
        if len(starts) == count:
            return dispatcher, starts
    raise PrimingError(
        f"{count} warm instances are not reached: the dispatcher has {len(starts)} of them when "
        "it begins"
    )


class Priming:
    """One dispatcher while it is brought up; each instance gets ``channels`` channels."""

    def __init__(self, dispatcher: Dispatcher, channels: int) -> None:
        self._dispatcher = dispatcher
        self._channels = channels
        self._invoked: deque[int] = deque()
        self._assigned: deque[Assign] = deque()
        self._open: dict[str, int] = {}
        self._owners: dict[Hashable, str] = {}
        self._full = False

    def run(self, count: int, quiet: float) -> list[int]:
        """Give the starts of the instances that are open and idle after ``quiet`` seconds.

        There may be fewer than ``count`` of them. Raises PrimingError if there never were enough.
        """
        now, request = -EARLY, 0
        while len(self._invoked) < count:
            request -= 1
            self._do(self._dispatcher.submit(request, now), now)
            if self._full:
                raise PrimingError(
                    f"{count} warm instances are not reached: the queue is full before the "
                    f"dispatcher asks for so many"
                )
            now += STEP
        # All of them run within the last second, however many follow one another on a channel, so
        # that the time without need begins with the quiet.
        now, step = -quiet - 1.0, -1.0 / request
        while self._invoked or self._assigned:
            self._settle(now)
            now += step
            self._end_running(now)
        for name in list(self._open)[count:]:
            self._do(self._dispatcher.instance_idle(name, -quiet), -quiet)
        self._wait(quiet)
        return list(self._open.values())

    def _wait(self, quiet: float) -> None:
        for tick in range(round(quiet / TICK)):
            now = tick * TICK - quiet
            self._do(self._dispatcher.tick(now), now)
            self._settle(now)

    def _settle(self, now: float) -> None:
        while self._invoked:
            start = self._invoked.popleft()
            name = name_of(start)
            self._open[name] = start
            self._do(self._dispatcher.instance_opened(start, name, now), now)
            for channel in channels_of(start, self._channels):
                self._owners[channel] = name
                self._do(self._dispatcher.channel_idle(channel, name, now), now)

    def _end_running(self, now: float) -> None:
        for _ in range(len(self._assigned)):
            request, channel = self._assigned.popleft()
            name = self._owners[channel]
            self._do(self._dispatcher.exchange_ended(request, channel, name, now), now)

    def _do(self, actions: list[Action], now: float) -> None:
        for action in actions:
            if isinstance(action, Assign):
                self._assigned.append(action)
            elif isinstance(action, Invoke):
                self._invoked.append(action.start)
            elif isinstance(action, Refuse):
                self._full = True
            elif not isinstance(action, Close):
                # Nothing runs on it any more, or it would not end before this does.
                self._open.pop(action.instance, None)
                self._do(self._dispatcher.instance_lost(action.instance, now), now)


def name_of(start: int) -> str:
    """The name of the instance of this start."""
    return f"i{start}"


def channels_of(start: int, count: int) -> range:
    """The channels of the instance of this start: ``count`` whole numbers that no other has."""
    return range(start * count, (start + 1) * count)
