"""The tunnel of a WebSocket at the front: it can be told that its instance leaves.

Theory of operation. The frames of both directions are followed (``wire/websocket.py``), so that at
any time a Close frame can be put between two of them. ``leave`` does so in each direction, at the
next boundary: code 1012, unmasked to the client, masked to the application. After its Close a side
gets nothing more (RFC 6455 section 5.5.1), but is still read, until it has answered with a Close
of its own. When both have, the tunnel is closed from here, as the server of a WebSocket does. Who
waits for that sets a limit (``router/tunnels.py``). A side whose peer has sent it a Close already
needs no other.

Only the router does this. The Lambda side joins two connections and looks at nothing: the order to
leave comes from the router, whatever it came from first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.http11.exchange import Exchange
from lambdadispatch.http11.outcomes import RelayOutcome
from lambdadispatch.http11.tunnel import Tunnel
from lambdadispatch.wire.websocket import (
    SERVICE_RESTART,
    FrameScanner,
    close_frame,
    masked_close_frame,
)

TO_CLIENT: Final = close_frame(SERVICE_RESTART)
TO_SERVER: Final = masked_close_frame(SERVICE_RESTART)


class Direction:
    """Frames from one side to the other, which ``write`` sends to; ``told`` is whether the other
    side has got a Close from here.
    """

    __slots__ = ("_close", "_leaving", "_write", "frames", "told")

    def __init__(self, write: Callable[[bytes], None], close: bytes) -> None:
        self._write = write
        self._close = close
        self._leaving = False
        self.frames = FrameScanner()
        self.told = False

    @property
    def over(self) -> bool:
        """Whether the side that sends has sent its Close."""
        return self.frames.closed

    @property
    def ends(self) -> bool:
        """Whether a Close has gone to the other side, of its peer or from here."""
        return self.told or self.frames.closed

    def carry(self, data: bytes) -> None:
        """Pass on what came; when leaving, only what ends the frame that has begun."""
        frames = self.frames
        if not self._leaving or frames.closing:
            frames.follow(data)
            if not self.told:
                self._write(data)
            return
        ended = frames.follow_to_boundary(data)
        rest = data[ended:]
        if ended and not self.told:
            self._write(data[:ended])
        if frames.at_boundary:
            self._tell()
            frames.follow(rest)

    def leave(self) -> None:
        """Put a Close at the next boundary: at once, if it is there now."""
        self._leaving = True
        if self.frames.at_boundary:
            self._tell()

    def _tell(self) -> None:
        if not self.told and not self.frames.closing:
            self.told = True
            self._write(self._close)


class WebSocketTunnel(Tunnel):
    """Joins a client and an application that speak WebSocket."""

    __slots__ = ("_from_client", "_from_server", "_leaving")

    def __init__(
        self,
        exchange: Exchange,
        connection: ClientConnection,
        protocol: bytes,
        on_outcome: Callable[[RelayOutcome], None],
    ) -> None:
        super().__init__(exchange, connection, protocol, on_outcome)
        self._from_client = Direction(connection.write, TO_SERVER)
        self._from_server = Direction(exchange.write, TO_CLIENT)
        self._leaving = False

    def leave(self) -> None:
        """Tell both sides, at the next boundary of their frames."""
        self._leaving = True
        self._from_server.leave()
        self._from_client.leave()
        self._look()

    @property
    def told(self) -> bool:
        """Whether a Close has been sent in each direction, by whomever."""
        return self._from_client.ends and self._from_server.ends

    def request_data(self, data: bytes) -> None:
        """The client has sent something."""
        self.moved = True
        self._from_client.carry(data)
        if self._leaving:
            self._look()

    def response_data(self, data: bytes) -> None:
        """The server has sent something."""
        self.moved = True
        self._from_server.carry(data)
        if self._leaving:
            self._look()

    def _look(self) -> None:
        """Over, if both sides have sent their Close."""
        if self._from_client.over and self._from_server.over:
            self.close()
