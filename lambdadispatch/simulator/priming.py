"""Brings a dispatcher to where instances are open and idle, by nothing but its own rules.

Theory of operation. Before time 0 made-up requests arrive and run until the dispatcher has asked
for enough instances, which open at once. Then the requests end, and instances that are too many ask
to leave, as idle ones do. Then time passes quietly until 0, so that what a scaling algorithm or a
start gate remembers of this fades. A dispatcher may take instances away that nobody needs for long;
so the longest quiet is taken in which enough of them stay, each tried with a new dispatcher.

Rejected: putting instances into the dispatcher's own books, which would be a second way to start
them and would know its inside.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Final

from lambdadispatch.core.actions import Action, Assign, Invoke, Retire
from lambdadispatch.core.dispatcher import Dispatcher
from lambdadispatch.simulator.shipping import TICK

QUIET: Final = (900.0, 300.0, 120.0, 90.0, 75.0, 60.0, 45.0, 30.0, 20.0, 10.0, 5.0, 1.0, 0.0)
"""Seconds of quiet before time 0, in the order in which they are tried."""

STEP: Final = 0.01
"""Seconds between two made-up requests."""

MOST: Final = 100_000
"""Made-up requests after which it is given up."""


class PrimingError(ValueError):
    """The settings do not allow so many instances."""


def primed(
    make: Callable[[], Dispatcher], channels: int, count: int
) -> tuple[Dispatcher, list[int]]:
    """Give a dispatcher with ``count`` idle instances of so many channels, and their starts.

    ``make`` gives a new dispatcher. Raises PrimingError.
    """
    if not count:
        return make(), []
    found = []
    # What comes before the quiet takes its time, and is to end when the quiet begins.
    length = Priming(make(), channels, 0.0).bring_up(count)
    for quiet in QUIET:
        dispatcher = make()
        priming = Priming(dispatcher, channels, -quiet - length)
        priming.bring_up(count)
        starts = priming.wait(count)
        if len(starts) == count:
            return dispatcher, starts
        found.append(str(len(starts)))
    raise PrimingError(
        f"{count} warm instances are not reached: the dispatcher keeps {', '.join(found)} "
        f"after {', '.join(f'{quiet:g}' for quiet in QUIET)} seconds"
    )


class Priming:
    """One dispatcher while it is brought up, from the time ``begin`` on.

    Each instance gets ``channels`` channels.
    """

    def __init__(self, dispatcher: Dispatcher, channels: int, begin: float) -> None:
        self._now = begin
        self._dispatcher = dispatcher
        self._channels = channels
        self._invoked: deque[int] = deque()
        self._assigned: deque[Assign] = deque()
        self._open: dict[str, int] = {}
        self._owners: dict[Hashable, str] = {}

    def bring_up(self, count: int) -> float:
        """Open at least ``count`` instances, and let all requests end; the time at which they have.

        Raises PrimingError if very many requests do not bring it about.
        """
        for request in range(MOST):
            self._do(self._dispatcher.submit(~request, self._now))
            self._settle()
            self._now += STEP
            if len(self._open) >= count:
                break
        else:
            raise PrimingError(
                f"{count} warm instances are not reached: the dispatcher starts "
                f"{len(self._open)} for {MOST:,} requests at once"
            )
        while self._assigned:
            self._end_running()
            self._settle()
            self._now += STEP
        return self._now

    def wait(self, count: int) -> list[int]:
        """Let the time pass until 0; the starts of the instances that are open then.

        Those that are more than ``count`` ask to leave.
        """
        ticks = round(-self._now / TICK)
        for left in range(ticks, 0, -1):
            self._now = -left * TICK
            self._do(self._dispatcher.tick(self._now))
            self._settle()
            self._part_with(list(self._open)[count:])
        self._part_with(list(self._open)[count:])
        return list(self._open.values())

    def _part_with(self, names: list[str]) -> None:
        for name in names:
            self._do(self._dispatcher.instance_idle(name, self._now))

    def _settle(self) -> None:
        while self._invoked:
            start = self._invoked.popleft()
            name = name_of(start)
            self._open[name] = start
            self._do(self._dispatcher.instance_opened(start, name, self._now))
            for channel in channels_of(start, self._channels):
                self._owners[channel] = name
                self._do(self._dispatcher.channel_idle(channel, name, self._now))

    def _end_running(self) -> None:
        for _ in range(len(self._assigned)):
            request, channel = self._assigned.popleft()
            name = self._owners[channel]
            self._do(self._dispatcher.exchange_ended(request, channel, name, self._now))

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Assign):
                self._assigned.append(action)
            elif isinstance(action, Invoke):
                self._invoked.append(action.start)
            elif isinstance(action, Retire):
                self._open.pop(action.instance, None)
                self._do(self._dispatcher.instance_lost(action.instance, self._now))


def name_of(start: int) -> str:
    """The name of the instance of this start."""
    return f"i{start}"


def channels_of(start: int, count: int) -> range:
    """The channels of the instance of this start: ``count`` whole numbers that no other has."""
    return range(start * count, (start + 1) * count)
