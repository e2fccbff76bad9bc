"""The line of requests that wait: first in, first out, each can leave at any time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from heapq import heappop, heappush
from typing import NamedTuple


class Place(NamedTuple):
    """A place in line: its number, and when it was taken; ``octets`` are held for the request, and
    ``rank`` is its class where there are any (see ``classes``).
    """

    number: int
    since: float
    octets: int = 0
    rank: int = 0


class WaitingLine:
    """Every operation costs the same however long the line is.

    A request that was taken and could not be served returns to its old place, before everybody
    who has not been taken yet: those that returned stand in a line of their own, a heap by number
    from which those that left are dropped when they come up. ``octets`` are held for all.
    """

    def __init__(self) -> None:
        self._line: OrderedDict[Hashable, Place] = OrderedDict()
        self._returned: dict[Hashable, Place] = {}
        self._order: list[int] = []
        self._of_number: dict[int, Hashable] = {}
        self._numbers = 0
        self.octets = 0

    def __len__(self) -> int:
        return len(self._line) + len(self._returned)

    def __contains__(self, request: Hashable) -> bool:
        return request in self._line or request in self._returned

    def everybody(self) -> list[Hashable]:
        """All who wait, in no order; costs something for each."""
        return [*self._returned, *self._line]

    def join(self, request: Hashable, now: float, octets: int = 0, rank: int = 0) -> None:
        """Stand at the end."""
        if request in self:
            raise ValueError(f"request {request!r} is already waiting")
        self._numbers += 1
        self._line[request] = Place(self._numbers, now, octets, rank)
        self.octets += octets

    def pass_through(self, now: float, rank: int = 0) -> Place:
        """The place of one that finds the line empty and leaves it at once."""
        self._numbers += 1
        return Place(self._numbers, now, 0, rank)

    def rejoin(self, request: Hashable, place: Place) -> None:
        """Stand again where ``take_first`` took it from; ``since`` may be another time."""
        if request in self:
            raise ValueError(f"request {request!r} is already waiting")
        self._returned[request] = place
        self._of_number[place.number] = request
        heappush(self._order, place.number)
        self.octets += place.octets

    def leave(self, request: Hashable) -> bool:
        """Go away; whether it was here."""
        place = self._line.pop(request, None)
        if place is None:
            place = self._returned.pop(request, None)
            if place is None:
                return False
            del self._of_number[place.number]
        self.octets -= place.octets
        return True

    def take_first(self) -> tuple[Hashable, Place]:
        """The one that arrived first leaves the line; KeyError if nobody waits."""
        if self._returned:
            return self._take_returned()
        taken = self._line.popitem(last=False)
        self.octets -= taken[1].octets
        return taken

    def _take_returned(self) -> tuple[Hashable, Place]:
        number = heappop(self._order)
        while number not in self._of_number:
            number = heappop(self._order)
        request = self._of_number.pop(number)
        place = self._returned.pop(request)
        self.octets -= place.octets
        return request, place

    def take_since(self, limit: float) -> list[Hashable]:
        """All that joined at ``limit`` or before leave the line, in order."""
        late = sorted(place.number for place in self._returned.values() if place.since <= limit)
        taken = [self._of_number[number] for number in late]
        for request, place in self._line.items():
            if place.since > limit:
                break
            taken.append(request)
        for request in taken:
            self.leave(request)
        return taken
