"""The bound: one queue, and instances that are there exactly when they are needed.

Theory of operation. Who knew all requests in advance would start each instance one cold start
before it is needed and let it go the moment it is not. So here an instance exists while it is
needed and costs nothing else: with ``c`` slots to an instance and ``r`` requests running there are
``ceil(r / c)`` of them, as if requests could be moved together at any time. Nobody waits unless
all slots of ``most`` instances are taken; then the queue is first come, first served.

No first-come dispatcher with the same concurrency and the same ``most`` can have shorter waits, and
none that serves the same requests as soon can have fewer instance-seconds. It is a bound, not a
plan: it pays for no cold start and no idle moment.
"""

from __future__ import annotations

from collections import deque

from lambdadispatch.simulator.events import Arrival, Events
from lambdadispatch.simulator.record import ANSWERED, Record
from lambdadispatch.simulator.workloads import Trace


class Ideal:
    """``slots`` requests at once on each of at most ``most`` instances."""

    def __init__(self, slots: int, most: int, record: Record) -> None:
        self._slots = slots
        self._all = slots * most
        self._record = record
        self._events = Events()
        self._waiting: deque[Arrival] = deque()
        self._running = 0

    def run(self, trace: Trace) -> None:
        """Let all requests of the trace come and end."""
        self._follow = trace.follow
        self._events.run(trace.arrivals, self._arrive)
        record = self._record
        record.starts = record.invocations = record.instances.peak
        record.bill(record.instances.area())

    def _arrive(self, now: float, duration: float) -> None:
        if self._running >= self._all:
            self._waiting.append((now, duration))
            return
        if self._running % self._slots == 0:
            self._record.instances.change(now, 1)
        self._running += 1
        self._begin(now, now, duration)

    def _begin(self, arrival: float, now: float, duration: float) -> None:
        self._record.began(arrival, now - arrival)
        self._events.at(now + duration, self._end)

    def _end(self, now: float, _: None) -> None:
        self._record.ended(ANSWERED, now)
        if self._waiting:
            arrival, duration = self._waiting.popleft()
            self._begin(arrival, now, duration)
        else:
            self._running -= 1
            if self._running % self._slots == 0:
                self._record.instances.change(now, -1)
        if self._follow is not None and (following := self._follow(now)) is not None:
            self._events.at(following[0], self._arrive, following[1])
