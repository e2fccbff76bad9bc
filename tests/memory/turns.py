"""The loop of the in-memory network: bounded turns of a test clock and a poller."""

from __future__ import annotations

from twisted.internet import task
from twisted.internet.interfaces import IDelayedCall

from tests.memory.transport import Poller

ROUNDS = 100_000


class _TurnEnded(Exception):
    """Raised inside the clock to keep calls made during a turn for the next turn."""


class Turns:
    """Runs delayed calls and ready transports, turn by turn, as a reactor does."""

    def __init__(self, clock: task.Clock, poller: Poller) -> None:
        self._clock = clock
        self._poller = poller
        self._turning = False

    def pump(self, rounds: int = ROUNDS) -> None:
        """Deliver until nothing moves and no delayed call is due at the present time.

        A round serves each delayed call that is due and each transport that is ready, once. Raises
        ``AssertionError`` if there is still work after ``rounds``, and ``RuntimeError`` if called
        from something that a pump runs. An exception in a delayed call of the program under test
        passes through, as with ``Clock.advance``.
        """
        self._turn(0.0, rounds)

    def advance(self, seconds: float, step: float | None = None, rounds: int = ROUNDS) -> None:
        """Let ``seconds`` pass, stopping to pump at each delayed call on the way.

        With ``step`` it stops at least each ``step`` seconds too. ``rounds`` bounds each stop.
        """
        if seconds < 0:
            raise ValueError(f"seconds is {seconds!r}: time cannot go back")
        if step is not None and step <= 0:
            raise ValueError(f"step is {step!r}: more than 0 seconds, or None")
        end = self._clock.seconds() + seconds
        self.pump(rounds)
        while (now := self._clock.seconds()) < end:
            stops = [call.getTime() for call in self._clock.getDelayedCalls()]
            if step is not None:
                stops.append(now + step)
            self._turn(min([end, *stops]) - now, rounds)

    def _turn(self, seconds: float, rounds: int) -> None:
        if self._turning:
            raise RuntimeError("the MemoryNetwork is being pumped already: pump from the test only")
        self._turning = True
        try:
            if seconds:
                self._run_calls(seconds)
            for _ in range(rounds):
                called = self._run_calls(0.0)
                served = self._poller.turn()
                if not (called or served):
                    return
        finally:
            self._turning = False
        raise AssertionError(
            f"still busy after {rounds} rounds at {self._clock.seconds()} s: "
            f"last served {served!r}, calls {called!r}"
        )

    def _run_calls(self, seconds: float) -> list[IDelayedCall]:
        """Advance the clock and run what is due; calls made meanwhile wait for the next turn.

        ``Clock.advance`` by itself would never return while a call schedules itself with no delay.
        """
        then = self._clock.seconds() + seconds
        due = [call for call in self._clock.getDelayedCalls() if call.getTime() <= then]
        if not due and not seconds:
            return []
        last = self._clock.callLater(seconds, _end_turn)
        try:
            self._clock.advance(seconds)
        except _TurnEnded:
            pass
        finally:
            if last.active():
                last.cancel()
        return due


def _end_turn() -> None:
    raise _TurnEnded
