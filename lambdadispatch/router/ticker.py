"""Regular calls that go on whatever one of them does."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

log = Logger()


class Ticker:
    """Calls ``tick`` every ``interval`` seconds; an exception in it is logged, no more.

    (Twisted's LoopingCall stops for good at the first exception.)
    """

    def __init__(self, clock: IReactorTime, interval: float, tick: Callable[[], None]) -> None:
        self._clock = clock
        self._interval = interval
        self._tick = tick
        self._next: IDelayedCall | None = None

    def start(self) -> None:
        """Begin."""
        self._next = self._clock.callLater(self._interval, self._run)

    def stop(self) -> None:
        """End."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _run(self) -> None:
        self.start()
        try:
            self._tick()
        except Exception:
            log.failure("a regular task failed; it will be tried again")
