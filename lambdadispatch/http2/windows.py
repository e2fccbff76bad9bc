"""The windows by which a client may send bodies (RFC 9113 section 5.2).

Theory of operation. A stream begins with 65,535 octets, and while its request waits gets no more:
that is what is held for it. Once somebody takes its body its window is widened, for a client sends
at most a window each round trip: 512 KiB are 10 MB a second at 50 ms, the first window 1.3. What
the windows of all streams of a connection may be wider together is bounded by ``SPARE_OCTETS``, so
a client that has many bodies taken and then held back costs no more than that. A stream gives back
what it got when it is over; one that finds nothing left goes on with its first window.

The connection's window is opened as octets come, not as they are taken: else one body that waits
for a channel would stop all others.

Rejected: a larger SETTINGS_INITIAL_WINDOW_SIZE (each request that waits would hold as much); a
window that grows with what is measured of the client's round trip (PINGs, and little gained).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

FIRST_OCTETS: Final = 65535
"""Of each stream's window, and of the connection's, as they begin."""
WIDE_OCTETS: Final = 1 << 19
"""Of the window of a stream whose body is taken."""
SPARE_OCTETS: Final = 1 << 21
"""What the windows of a connection's streams may be larger than their first, taken together."""
CONNECTION_OCTETS: Final = 1 << 20
"""What the connection's window is larger than its first."""

STREAM_STEP: Final = 32768
CONNECTION_STEP: Final = CONNECTION_OCTETS // 4
"""A window is opened again when so much of it was used."""


class Windows:
    """Those of one connection. ``state`` is the library's; ``write`` passes on what it made."""

    def __init__(self, state: Any, write: Callable[[], None]) -> None:
        self._state = state
        self._write = write
        self._unopened = 0
        self._spare = SPARE_OCTETS

    def begin(self) -> None:
        """The connection is there."""
        self._state.increment_flow_control_window(CONNECTION_OCTETS)

    def came(self, octets: int) -> None:
        """So many came, on whatever stream."""
        self._unopened += octets
        if self._unopened >= CONNECTION_STEP:
            self._state.increment_flow_control_window(self._unopened)
            self._unopened = 0

    def taken(self, number: int, octets: int) -> int:
        """So many of the body on a stream were taken; how many are left to be told."""
        if octets < STREAM_STEP:
            return octets
        self._state.increment_flow_control_window(octets, number)
        self._write()
        return 0

    def widen(self, number: int) -> int:
        """The body on a stream is taken: by how many octets its window is wider now."""
        more = min(WIDE_OCTETS - FIRST_OCTETS, self._spare)
        if more:
            self._spare -= more
            self._state.increment_flow_control_window(more, number)
            self._write()
        return more

    def give_back(self, octets: int) -> None:
        """A stream is over whose window was wider by so many."""
        self._spare += octets
