"""How many requests may wait, what may be held for them, and how long each may wait.

Theory of operation. A line is worth having as long as those in it will be served in time. What
serves it is the pool: so its length follows the requests that the open instances can run at once,
and the time follows how long a start takes, for that is what most of those who wait are waiting
for. Both can be set instead. What is held for them in memory is bounded by itself.
"""

from __future__ import annotations

from typing import Final

from lambdadispatch.core.limits import PoolLimits
from lambdadispatch.core.start_times import StartTimes

LEAST_WAITING: Final = 100
TIMES_CAPACITY: Final = 10
SHORTEST_WAIT: Final = 10.0
LONGEST_WAIT: Final = 120.0
TIMES_START: Final = 3.5


def most_waiting(limits: PoolLimits, open_instances: int) -> int:
    """How many requests may wait: as set, or ten times what can run at once, at least 100."""
    if limits.queue_limit is not None:
        return limits.queue_limit
    return max(LEAST_WAITING, TIMES_CAPACITY * limits.max_concurrent * open_instances)


def longest_wait(limits: PoolLimits, starts: StartTimes) -> float:
    """Seconds that a request may wait: as set, or 3.5 starts, at least 10 and at most 120 s."""
    if limits.queue_timeout is not None:
        return limits.queue_timeout
    return min(LONGEST_WAIT, max(SHORTEST_WAIT, TIMES_START * starts.median))
