"""The line of requests that wait: first in, first out, each can leave at any time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple


class Place(NamedTuple):
    """A place in line: its number, and when it was taken."""

    number: int
    since: float


class WaitingLine:
    """Every operation costs the same however long the line is.

    A request that was taken and could not be served returns to its old place, before everybody
    who has not been taken yet: those that returned stand in a line of their own, which is short.
    """

    def __init__(self) -> None:
        self._line: OrderedDict[Hashable, Place] = OrderedDict()
        self._returned: dict[Hashable, Place] = {}
        self._numbers = 0

    def __len__(self) -> int:
        return len(self._line) + len(self._returned)

    def __contains__(self, request: Hashable) -> bool:
        return request in self._line or request in self._returned

    def join(self, request: Hashable, now: float) -> None:
        """Stand at the end."""
        if request in self:
            raise ValueError(f"request {request!r} is already waiting")
        self._numbers += 1
        self._line[request] = Place(self._numbers, now)

    def pass_through(self, now: float) -> Place:
        """The place of one that finds the line empty and leaves it at once."""
        self._numbers += 1
        return Place(self._numbers, now)

    def rejoin(self, request: Hashable, place: Place) -> None:
        """Stand again where ``take_first`` took it from."""
        if request in self:
            raise ValueError(f"request {request!r} is already waiting")
        self._returned[request] = place

    def leave(self, request: Hashable) -> bool:
        """Go away; whether it was here."""
        gone = self._line.pop(request, None) or self._returned.pop(request, None)
        return gone is not None

    def take_first(self) -> tuple[Hashable, Place]:
        """The one that arrived first leaves the line; KeyError if nobody waits."""
        if self._returned:
            first = min(self._returned, key=self._returned.__getitem__)
            return first, self._returned.pop(first)
        return self._line.popitem(last=False)

    def take_since(self, limit: float) -> list[Hashable]:
        """All that joined at ``limit`` or before leave the line, in order."""
        taken = []
        while self and self._first().since <= limit:
            taken.append(self.take_first()[0])
        return taken

    def _first(self) -> Place:
        if self._returned:
            return min(self._returned.values())
        return next(iter(self._line.values()))
