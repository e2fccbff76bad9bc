"""What is still to happen, in the order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Any, Final, TypeAlias

Arrival: TypeAlias = tuple[float, float]
"""When a request arrives, and how long it keeps a slot, in seconds."""

Call: TypeAlias = Callable[[float, Any], None]
"""Called with the time and what it was planned with."""

END: Final[Arrival] = (inf, 0.0)


class Events:
    """Planned calls, and the requests that arrive between them.

    Of equal times the calls come first, in the order in which they were planned: a slot that frees
    at the moment of an arrival is free for it.
    """

    __slots__ = ("_heap", "_numbers", "arriving")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Call, Any]] = []
        self._numbers = count()
        self.arriving = True
        """Whether a request may still come from the workload itself."""

    def at(self, time: float, call: Call, subject: Any = None) -> None:
        """Plan a call."""
        heappush(self._heap, (time, next(self._numbers), call, subject))

    def clear(self) -> None:
        """Nothing that is planned will happen."""
        self._heap.clear()

    def run(self, arrivals: Iterator[Arrival], arrive: Callable[[float, float], None]) -> None:
        """Let everything happen until nothing is left; ``arrive`` gets time and duration."""
        heap = self._heap
        time, duration = next(arrivals, END)
        self.arriving = time < inf
        while True:
            if heap and heap[0][0] <= time:
                now, _, call, subject = heappop(heap)
                call(now, subject)
            elif time < inf:
                arrive(time, duration)
                time, duration = next(arrivals, END)
                self.arriving = time < inf
            else:
                return
