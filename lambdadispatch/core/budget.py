"""What starts may cost: invocations a minute, and GB-seconds an hour.

Theory of operation. AWS bills an invocation for as long as it runs, times the function's memory.
What runs cannot be unspent, so the budget stops starts and nothing else. Invocations are counted
in a sliding minute, exactly. GB-seconds are the area under the number of open invocations in a
sliding hour, those that run now included; it is kept in buckets of a minute, so that it is the
hour and up to one minute more: never too little.

An invocation is open from its start until AWS has answered the Invoke call, whether or not it has
called back, was given up or is leaving. The open ones are a set of starts, not a count.

Rejected: billing by what AWS reports afterwards (in the log only, and minutes late).
"""

from __future__ import annotations

from collections import deque
from typing import Final

from lambdadispatch.core.area import SlidingArea
from lambdadispatch.core.brakes import Brake

MINUTE: Final = 60.0
HOUR: Final = 3600.0


class Budget:
    """``invocations`` a minute and ``gb_seconds`` an hour at ``memory`` GB; None is no limit."""

    def __init__(self, invocations: int | None, gb_seconds: float | None, memory: float) -> None:
        self._invocations = invocations
        self._gb_seconds = gb_seconds
        self._memory = memory
        self._times: deque[float] = deque()
        self._open: set[int] = set()
        self._area = SlidingArea(MINUTE, int(HOUR / MINUTE))

    def left(self, wanted: int, now: float) -> tuple[int, Brake | None]:
        """How many of ``wanted`` starts may happen now, and what held the others back."""
        if self._gb_seconds is not None and self.gb_seconds(now) >= self._gb_seconds:
            return 0, Brake.BUDGET_GB_SECONDS
        if self._invocations is not None:
            free = self._invocations - self.invocations(now)
            if free < wanted:
                return max(0, free), Brake.BUDGET_INVOCATIONS
        return wanted, None

    def began(self, start: int, now: float) -> None:
        """An invocation was started."""
        self.invocations(now)  # forgets the old ones
        self._times.append(now)
        self._open.add(start)
        self._area.note(len(self._open), now)

    def ended(self, start: int, now: float) -> None:
        """Its Invoke call has come back."""
        self._open.discard(start)
        self._area.note(len(self._open), now)

    def invocations(self, now: float) -> int:
        """Started within the last minute."""
        while self._times and now - self._times[0] >= MINUTE:
            self._times.popleft()
        return len(self._times)

    def gb_seconds(self, now: float) -> float:
        """Used within the last hour, and up to a minute more."""
        return self._area.total(now) * self._memory
