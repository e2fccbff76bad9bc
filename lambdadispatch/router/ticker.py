"""Regular calls that go on whatever one of them does.

Theory of operation. A process that stood still (its machine was suspended or moved, it was stopped)
goes on with what is due by the clock, before it reads what has arrived meanwhile. A tick would then
end requests whose answers are there, and starts that have called back. So a tick that comes late
by more than ``LATE`` is left out, and the next one decides; but not two in a row, for a process may
be late at each of them because it has too much to do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

log = Logger()

LATE: Final = 1.0
"""Seconds."""


class Ticker:
    """Calls ``tick`` every ``interval`` seconds; an exception in it is logged, no more.

    (Twisted's LoopingCall stops for good at the first exception.) A call that is ``late`` by more
    seconds is left out.
    """

    def __init__(
        self,
        clock: IReactorTime,
        interval: float,
        tick: Callable[[], None],
        late: float = LATE,
    ) -> None:
        self._clock = clock
        self._interval = interval
        self._tick = tick
        self._late = late
        self._next: IDelayedCall | None = None
        self._due = 0.0
        self._left_out = False

    def start(self) -> None:
        """Begin."""
        self._due = self._clock.seconds() + self._interval
        self._next = self._clock.callLater(self._interval, self._run)

    def stop(self) -> None:
        """End."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _run(self) -> None:
        late = self._clock.seconds() - self._due > self._late
        self.start()
        self._left_out = late and not self._left_out
        if self._left_out:
            return
        try:
            self._tick()
        except Exception:
            log.failure("a regular task failed; it will be tried again")
