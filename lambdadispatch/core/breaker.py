"""The breaker: when instances keep ending badly and none serves, starts stop but for probes.

It opens after ``EXITS`` bad exits within ``WINDOW`` seconds without a served request between them,
and closes with the next served request. A start that becomes an instance is no cure: a function
that crashes at its first request starts well every time. Nor is an answer 502 one: it is what the
Lambda side tells of an application that has ended with the request. Such an instance then leaves in
order, and says why; that is a bad exit like any other (``UNWELL``).
"""

from __future__ import annotations

from collections import deque
from typing import Final

EXITS: Final = 5
WINDOW: Final = 10.0
PAUSE: Final = 10.0
UNWELL: Final = frozenset(["application_exited"])
"""Reasons to leave with which an instance has ended badly, though in order."""


class Breaker:
    """Closed at first. ``pause`` is the least time in seconds from opening to a probe, and
    between probes.
    """

    def __init__(self, exits: int = EXITS, window: float = WINDOW, pause: float = PAUSE) -> None:
        self._window = window
        self._pause = pause
        self._times: deque[float] = deque(maxlen=exits)
        self.open = False
        self._probe_at = float("-inf")

    @property
    def suspicious(self) -> bool:
        """Whether there have been bad exits since the last served request."""
        return len(self._times) > 0

    def bad_exit(self, now: float) -> None:
        """An instance ended without having been told to, or a start failed."""
        self._times.append(now)
        full = len(self._times) == self._times.maxlen
        if full and not self.open and now - self._times[0] <= self._window:
            self.open = True
            self._probe_at = now + self._pause

    def served(self) -> None:
        """An instance has served a request."""
        self._times.clear()
        self.open = False

    def may_probe(self, now: float) -> bool:
        """Whether one start is allowed although it is open."""
        return now >= self._probe_at

    def probed(self, now: float) -> None:
        """One start was made although it is open."""
        self._probe_at = now + self._pause
