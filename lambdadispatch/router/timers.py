"""The time limits of requests that run: first byte, idle and total.

Theory of operation. One pass over all requests that run, about once a second, instead of a timer
for each. The relay only notes that something has passed (``moved``); the pass clears the note and
keeps when it did so, so that a piece of a body costs no look at the clock. A limit is therefore
kept to within a second, or a twentieth of the shortest limit if that is less.

- *first byte*: no response has begun, and the request is complete. Counted from the assignment, or
  from the last piece of the request's body.
- *idle*: nothing has passed in either direction, within a response or while the request is being
  sent. A client that does not read is such a case, because then the response is held back. (It
  has to take what is held between it and the response within the time, about 64 KiB.)
- *total*: since the request arrived, the time in the line and earlier attempts included. So it is
  looked for in those that wait, too, where it is set.

The time in the line is the dispatcher's, which ends those who wait. A request that has become a
tunnel has no relay any more; its limits are in ``tunnels``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, cast

from lambdadispatch.core.dispatcher import Dispatcher
from lambdadispatch.front.relay import FrontRelay
from lambdadispatch.front.request import Request
from lambdadispatch.http11.outcomes import RelayOutcome

PASS = 1.0
PARTS = 20


class Timeouts(NamedTuple):
    """Seconds; 0 sets no limit."""

    first_byte: float = 0.0
    idle: float = 0.0
    total: float = 0.0
    tunnel_idle: float = 0.0


NO_TIMEOUTS: Final = Timeouts()


class Timers:
    """Ends what takes longer than ``timeouts``."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        # Tunnels have a pass of their own.
        self._every = min([PASS, *(limit / PARTS for limit in timeouts[:3] if limit)])
        self._next = self._next_look = float("-inf")

    def is_over(self, request: Request, now: float) -> bool:
        """Whether the total time of this request has passed."""
        total = self._timeouts.total
        return total > 0 and now - request.since >= total

    def overdue(self, dispatcher: Dispatcher, now: float) -> list[Request]:
        """Those that wait although their total time has passed; looked for once a pass."""
        if not self._timeouts.total or now < self._next_look:
            return []
        self._next_look = now + self._every
        waiting = cast(list[Request], dispatcher.everybody_waiting())
        return [request for request in waiting if self.is_over(request, now)]

    def tick(self, assigned: Mapping[Request, float], now: float) -> None:
        """Some time has passed; ``assigned`` are the requests that run, and since when."""
        if now < self._next:
            return
        self._next = now + self._every
        due = []
        for request, since in assigned.items():
            relay = request.relay
            if relay is not None:
                outcome = self._look(request, relay, since, now)
                if outcome is not None:
                    due.append((relay, outcome))
        for relay, outcome in due:
            relay.expire(outcome)

    def _look(
        self, request: Request, relay: FrontRelay, since: float, now: float
    ) -> RelayOutcome | None:
        limits = self._timeouts
        if relay.moved:
            relay.moved = False
            relay.quiet_since = now
        if limits.total and now - request.since >= limits.total:
            return RelayOutcome.TOTAL_TIMEOUT
        exchange = request.exchange
        if exchange.answer_begun or relay.uploading:
            if exchange.answer_begun:
                relay.forget()
            idle = limits.idle and now - relay.quiet_since >= limits.idle
            return RelayOutcome.IDLE_TIMEOUT if idle else None
        if exchange.head is not None and exchange.head.body:
            since = max(since, relay.quiet_since)
        late = limits.first_byte and now - since >= limits.first_byte
        return RelayOutcome.FIRST_BYTE_TIMEOUT if late else None
