"""Workers that show no sign of life: decisions only, no process and no clock.

Theory of operation. A worker whose loop is stuck holds its connections and its share of the new
ones, and nobody but the parent can end that. So its loop reports every ``BEAT`` seconds that it
turns, and the parent looks as often. One that was silent at ``SILENT`` looks in a row is killed and
replaced as one that died. A new process has ``STARTING`` looks until its first report.

What is counted is looks, not seconds. A parent that stood still itself (a suspended machine, a
stopped service) looks once when it goes on, and its workers report before it looks again. And only
one is killed a look, the one that is silent the longest: when all are, the machine is more likely
to be the cause, and need not start all of them anew at once.

Rejected: asking the worker's admin port (a page takes longer the more there is to show, and a busy
worker would be asked for more); an answer by the thread that reads orders (it turns although the
loop does not).
"""

from __future__ import annotations

from typing import Final

BEAT: Final = 5.0
SILENT: Final = 6
STARTING: Final = 24


class Silence:
    """How long one worker has been silent, in looks."""

    def __init__(self) -> None:
        self.looks = 0
        self._heard = False

    def began(self) -> None:
        """There is a new process."""
        self.looks = 0
        self._heard = False

    def heard(self) -> None:
        """It has reported."""
        self.looks = 0
        self._heard = True

    def looked(self) -> bool:
        """The parent has looked; whether the silence is too long."""
        self.looks += 1
        return self.looks >= (SILENT if self._heard else STARTING)
