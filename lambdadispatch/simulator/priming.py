"""Brings a dispatcher to where instances are open and idle, by nothing but its own rules.

Theory of operation. Long before time 0 made-up requests arrive until the dispatcher has asked for
enough instances. Those open at once, the requests run and end, and instances that are too many ask
to leave, as idle ones do. Then time passes until 0, so that what a scaling algorithm or a start
gate remembers of this has faded. Rejected: putting instances into the dispatcher's own books, which
would be a second way to start them and would know its inside.
"""

from __future__ import annotations

from collections import deque

from lambdadispatch.core.actions import Action, Assign, Close, Invoke, Refuse
from lambdadispatch.core.dispatcher import Dispatcher

EARLY = -3600.0
"""When it begins, in seconds. Time 0 is the simulation's start."""

STEP = 0.01
"""Seconds between two made-up requests."""

QUIET = -900
"""From then on only a tick a second."""


class PrimingError(ValueError):
    """The settings do not allow so many instances."""


class Priming:
    """One dispatcher while it is brought up; each instance gets ``channels`` channels."""

    def __init__(self, dispatcher: Dispatcher, channels: int) -> None:
        self._dispatcher = dispatcher
        self._channels = channels
        self._invoked: deque[int] = deque()
        self._assigned: deque[Assign] = deque()
        self._open: dict[str, int] = {}
        self._full = False

    def run(self, count: int, duration: float) -> list[int]:
        """Give the starts of ``count`` open, idle instances; PrimingError if there cannot be any.

        The made-up requests are said to take ``duration`` seconds.
        """
        now, request = EARLY, 0
        while len(self._invoked) < count:
            request -= 1
            self._do(self._dispatcher.submit(request, now))
            if self._full:
                raise PrimingError(
                    f"{count} warm instances are not reached: the queue is full before the "
                    f"dispatcher asks for so many"
                )
            now += STEP
        while self._invoked or self._assigned:
            self._settle(now)
            now += duration
            self._end_running(now)
        for second in range(QUIET, 0):
            self._do(self._dispatcher.tick(float(second)))
            self._settle(float(second))
        for name in list(self._open)[count:]:
            self._do(self._dispatcher.instance_idle(name, -0.5))
        return list(self._open.values())

    def _settle(self, now: float) -> None:
        while self._invoked:
            start = self._invoked.popleft()
            name = name_of(start)
            self._open[name] = start
            self._do(self._dispatcher.instance_opened(start, name, now))
            for channel in range(start * self._channels, (start + 1) * self._channels):
                self._do(self._dispatcher.channel_idle(channel, name, now))

    def _end_running(self, now: float) -> None:
        for _ in range(len(self._assigned)):
            request, channel = self._assigned.popleft()
            assert isinstance(channel, int)
            name = name_of(channel // self._channels)
            self._do(self._dispatcher.exchange_ended(request, channel, name, now))

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Assign):
                self._assigned.append(action)
            elif isinstance(action, Invoke):
                self._invoked.append(action.start)
            elif isinstance(action, Refuse):
                self._full = True
            elif not isinstance(action, Close):
                del self._open[action.instance]
                self._dispatcher.instance_lost(action.instance, -0.5)


def name_of(start: int) -> str:
    """The name of the instance of this start."""
    return f"i{start}"
