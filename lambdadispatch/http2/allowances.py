"""How much a client may ask of a connection that serves nobody.

Theory of operation. Each frame that costs work and brings nothing on (PING, SETTINGS, PRIORITY,
WINDOW_UPDATE, an empty DATA, a frame of unknown type) takes one from an allowance, which grows with
time and with what is really carried. A client that downloads sends two WINDOW_UPDATEs for each DATA
at most, so it earns more than it spends. Resets have an allowance of their own, because each can
cost an instance a channel (CVE-2023-44487). So have streams that this side has to reset, since a
client can bring that about as well (CVE-2025-8671). One that has used its allowance up is told
ENHANCE_YOUR_CALM and closed.

Rejected: a limit for each kind of frame (a flood of two kinds at once passes, and honest use has
the same sum whatever it is made of); rates by the clock (a pass of the sweep once a second does).
"""

from __future__ import annotations

from typing import Final

from lambdadispatch.http2.frames import (
    CONTINUATION,
    DATA,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Piece,
)

RESETS: Final = (200, 20)
"""Most resets at once, and how many more each second."""
OTHERS: Final = (2000, 200)
"""Most other frames at once that bring nothing on, and how many more each second."""
EARNED_BY_DATA: Final = 3
EARNED_BY_REQUEST: Final = 10

_COSTLY: Final = frozenset([PRIORITY, SETTINGS, PING, WINDOW_UPDATE])


class Allowance:
    """So much may be spent: at most ``most`` at once, ``each_sweep`` more with each sweep."""

    __slots__ = ("_each_sweep", "_left", "_most")

    def __init__(self, most: int, each_sweep: int) -> None:
        self._most = most
        self._each_sweep = each_sweep
        self._left = most

    def spend(self) -> bool:
        """Whether one more may be spent."""
        self._left -= 1
        return self._left >= 0

    def earn(self, more: int) -> None:
        """Something was done that makes up for as many."""
        self._left = min(self._most, self._left + more)

    def sweep(self) -> None:
        """A second has passed."""
        self.earn(self._each_sweep)


class Allowances:
    """Those of one connection: for ``resets``, by either side, and for other frames."""

    def __init__(self) -> None:
        self.resets = Allowance(*RESETS)
        self._others = Allowance(*OTHERS)

    def afford(self, piece: Piece, *, known: bool) -> bool:
        """Whether the client may send this frame, too. ``known``: its stream is open."""
        kind = piece.kind
        if kind == DATA and piece.length and known:
            self.data_passed()
            return True
        if kind == RST_STREAM:
            return self.resets.spend()
        if kind == DATA or kind in _COSTLY or kind > CONTINUATION:
            return self._others.spend()
        return True

    def data_passed(self) -> None:
        """A DATA with something in it was sent, or came."""
        self._others.earn(EARNED_BY_DATA)

    def request_came(self) -> None:
        """A request was taken."""
        self._others.earn(EARNED_BY_REQUEST)

    def sweep(self) -> None:
        """A second has passed."""
        self.resets.sweep()
        self._others.sweep()
