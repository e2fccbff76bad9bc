"""When a worker that has ended is started again: decisions only, no process and no clock.

The first end in a row is answered at once, for connections wait in the socket's queue. A worker
that ended before it had run for ``STEADY`` seconds counts as a quick end; each further one doubles
the wait, up to ``MOST``. Longer waits would save nothing worth having: a start costs about a second
of CPU time. From ``ABSENT`` quick ends in a row on, the place leaves the group of the client port
until a worker serves it again, so that clients do not wait for a worker that never comes.

A worker that ended before it was up once ends the whole router: what keeps it from starting
(credentials, an address, memory) is told to whoever starts the router instead of being repeated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

FIRST = 0.5
MOST = 5.0
STEADY = 10.0
ABSENT = 3


@dataclass(frozen=True)
class Restart:
    """Start another in ``after`` seconds; ``absent``: without connections until it serves."""

    after: float
    absent: bool


@dataclass(frozen=True)
class GiveUp:
    """It never was up: end everything."""


Decision: TypeAlias = Restart | GiveUp


class Supervision:
    """The history of one place, as far as it matters. Times are in seconds."""

    def __init__(self) -> None:
        self.starts = 0
        self.up = False
        self._ever_up = False
        self._quick_ends = 0
        self._since = 0.0

    def started(self, now: float) -> None:
        """A process was started."""
        self.starts += 1
        self._since = now

    def came_up(self) -> None:
        """It serves."""
        self.up = self._ever_up = True

    def ended(self, now: float) -> Decision:
        """The process is gone, and nobody had asked for that."""
        self.up = False
        if not self._ever_up:
            return GiveUp()
        if now - self._since >= STEADY:
            self._quick_ends = 0
            return Restart(0.0, False)
        self._quick_ends += 1
        after = 0.0 if self._quick_ends == 1 else min(FIRST * 2 ** (self._quick_ends - 2), MOST)
        return Restart(after, self._quick_ends >= ABSENT)
