"""The line of a pool whose requests have classes: by class first, then by arrival.

One line for each class; there are few of them, so an operation that looks at each still costs the
same however many wait. A class is never overtaken by a lower one, so a lower one may starve: it
then ends by its time in the line like everybody.
"""

from __future__ import annotations

from collections.abc import Hashable

from lambdadispatch.core.waiting import Place, WaitingLine


class ClassedLine:
    """As a WaitingLine; ``rank`` is a number below ``classes``, 0 being served first."""

    def __init__(self, classes: int) -> None:
        self._lines = [WaitingLine() for _ in range(classes)]

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines)

    def __contains__(self, request: Hashable) -> bool:
        return any(request in line for line in self._lines)

    def everybody(self) -> list[Hashable]:
        """All who wait, in no order; costs something for each."""
        return [request for line in self._lines for request in line.everybody()]

    @property
    def octets(self) -> int:
        """What is held for all."""
        return sum(line.octets for line in self._lines)

    def join(self, request: Hashable, now: float, octets: int = 0, rank: int = 0) -> None:
        """Stand at the end of its class."""
        if request in self:
            raise ValueError(f"request {request!r} is already waiting")
        self._lines[rank].join(request, now, octets, rank)

    def pass_through(self, now: float, rank: int = 0) -> Place:
        """The place of one that finds the line empty and leaves it at once."""
        return self._lines[rank].pass_through(now, rank)

    def rejoin(self, request: Hashable, place: Place) -> None:
        """Stand again where ``take_first`` took it from."""
        if request in self:
            raise ValueError(f"request {request!r} is already waiting")
        self._lines[place.rank].rejoin(request, place)

    def leave(self, request: Hashable) -> bool:
        """Go away; whether it was here."""
        return any(line.leave(request) for line in self._lines)

    def take_first(self) -> tuple[Hashable, Place]:
        """The one that arrived first of the highest class leaves; KeyError if nobody waits."""
        for line in self._lines:
            if len(line):
                return line.take_first()
        raise KeyError("nobody waits")

    def take_since(self, limit: float) -> list[Hashable]:
        """All that joined at ``limit`` or before leave, the highest class first."""
        return [request for line in self._lines for request in line.take_since(limit)]
