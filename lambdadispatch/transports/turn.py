"""The end of a turn of the loop, at which all that was written in it is sent."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol
from weakref import WeakKeyDictionary

from twisted.logger import Logger

log = Logger()


class Flushed(Protocol):
    """What is flushed at the end of a turn."""

    def flush(self) -> None:
        """Send what was written."""


class Turn:
    """Flushes in order, by one callback of the loop however many there are."""

    __slots__ = ("_due", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: list[Flushed] = []

    def add(self, flushed: Flushed) -> None:
        """Flush this when the turn ends; to be said once in a turn."""
        if not self._due:
            self._loop.call_soon(self._end)
        self._due.append(flushed)

    def _end(self) -> None:
        due, self._due = self._due, []
        for each in due:
            try:
                each.flush()
            except Exception:
                log.failure("{flushed} could not be flushed", flushed=each)


_TURNS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Turn]] = WeakKeyDictionary()


def turn_of(loop: asyncio.AbstractEventLoop) -> Turn:
    """The one Turn of this loop."""
    turn = _TURNS.get(loop)
    if turn is None:
        turn = _TURNS[loop] = Turn(loop)
    return turn
