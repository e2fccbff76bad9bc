"""What AWS Lambda starts, keeps warm and refuses, for one function.

The rules, with their sources:

- Each open invocation has an environment of its own; there are at most as many as the account's
  concurrency allows, beyond that AWS throttles.
  https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
- New environments: 1,000 each 10 s for a function, refilled continuously, never more than 1,000 in
  store. https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
- An environment whose invocation has ended stays warm "for a period of time" that AWS does not
  state. Here it is a fixed time. Of several warm ones the last used is taken, which AWS does not
  state either; it lets the others expire.
"""

from __future__ import annotations

from collections.abc import Callable

BURST = 1000
"""Most environments that can be started at once."""
PERIOD = 10.0
"""Seconds in which that many come back."""


class Environments:
    """Takes and gives back environments. Times are in seconds.

    ``cold_start`` draws the time that a new one needs, ``keep`` is how long an unused one stays
    warm, ``account`` bounds those in use, and ``warm`` of them are there at the start.
    """

    __slots__ = (
        "_account",
        "_cold_start",
        "_keep",
        "_refilled",
        "_store",
        "_used",
        "_warm",
        "cold",
    )

    def __init__(
        self, cold_start: Callable[[], float], keep: float, account: int, warm: int = 0
    ) -> None:
        self._cold_start = cold_start
        self._keep = keep
        self._account = account
        # When each unused one was given back: ascending, so the last expires last.
        self._warm = [0.0] * warm
        self._used = 0
        self._store = float(BURST)
        self._refilled = 0.0
        self.cold = 0
        """How many were started."""

    def take(self, now: float) -> float | None:
        """An invocation: how long its environment needs to start, 0 if warm, None if throttled."""
        if self._used >= self._account:
            return None
        if self._warm and self._warm[-1] + self._keep >= now:
            self._warm.pop()
            self._used += 1
            return 0.0
        self._warm.clear()
        self._store = min(BURST, self._store + (now - self._refilled) * BURST / PERIOD)
        self._refilled = now
        if self._store < 1:
            return None
        self._store -= 1
        self._used += 1
        self.cold += 1
        return self._cold_start()

    def give_back(self, now: float) -> None:
        """Its invocation has ended: it is warm."""
        self._used -= 1
        self._warm.append(now)
