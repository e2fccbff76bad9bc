"""A tunnel: what a relayed exchange becomes when the server has answered 101.

Theory of operation. A tunnel takes the relay's place as the sink of both connections: they give it
what arrives, raw now, and it writes that to the other one in the same call. So it owns no buffer, a
slow side holds the other back just as within a body, and the limits on connections see no
difference. Nothing in it can be read as HTTP or as control: neither connection parses any more, and
neither is used again.

What a client sends behind the head of its request waits in the front's reader, bounded as any
pipelined request is, until the answer is known. After a 101 it is the first that the tunnel
carries. After any other answer the client's connection is closed (``front/resource.py``): a proxy
before this one that took the request alone for the end of HTTP would let its client write requests
there.

A tunnel ends when either side ends: what was written to the other is sent, then that one is closed.
A connection that breaks breaks the other, so that a part does not look like the whole.

Rejected: two plain protocols joined beside the connections (they would need admission, sweeps,
drain and back-pressure once more); half-closing (most channels are TLS, which cannot be closed in
one direction only, and WebSocket has no use for it).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.http11.exchange import Exchange
from lambdadispatch.http11.outcomes import RelayOutcome, client_loss
from lambdadispatch.wire.fields import Pairs

if TYPE_CHECKING:
    from lambdadispatch.wire.heads import ResponseHead


class Tunnel:
    """Joins ``exchange`` and ``connection`` until one of them ends.

    ``protocol`` is what they speak; ``on_outcome`` is called once, when it is over. ``moved`` and
    ``quiet_since`` are those of a Relay.
    """

    __slots__ = ("_connection", "_exchange", "_on_outcome", "moved", "protocol", "quiet_since")

    def __init__(
        self,
        exchange: Exchange,
        connection: ClientConnection,
        protocol: bytes,
        on_outcome: Callable[[RelayOutcome], None],
    ) -> None:
        self._exchange = exchange
        self._connection = connection
        self._on_outcome: Callable[[RelayOutcome], None] | None = on_outcome
        self.protocol = protocol
        self.moved = True
        self.quiet_since = 0.0

    # -- its ends

    def leave(self) -> None:
        """It is to end soon: tell both sides, if this protocol has a way."""

    @property
    def told(self) -> bool:
        """Whether both sides have been told so, or by each other."""
        return False

    def close(self) -> None:
        """End it in order: what was written is sent first."""
        if self._on_outcome is not None:
            self._connection.end_tunnel()
            self._exchange.end_tunnel()
            self._end(RelayOutcome.TUNNEL_CLOSED)

    def expire(self, outcome: RelayOutcome) -> None:
        """End it at once, for what ``outcome`` names."""
        if self._on_outcome is not None:
            self._exchange.release()
            self._connection.cut(outcome)
            self._exchange.cut()
            self._end(outcome)

    def _end(self, outcome: RelayOutcome) -> None:
        on_outcome, self._on_outcome = self._on_outcome, None
        if on_outcome is not None:
            self._exchange.release()
            on_outcome(outcome)

    # -- from the client: RequestSink

    def request_data(self, data: bytes) -> None:
        """The client has sent something."""
        self.moved = True
        self._connection.write(data)

    def request_end(self, trailers: Pairs) -> None:
        """The client has ended."""
        self._connection.end_tunnel()
        self._end(RelayOutcome.TUNNEL_CLOSED)

    def client_lost(self, reason: str) -> None:
        """The client's connection broke, or was cut."""
        outcome = client_loss(reason)
        self._connection.cut(outcome)
        self._end(outcome)

    def client_slow(self) -> None:
        """Hold the server back."""
        self._connection.pause()

    def client_ready(self) -> None:
        """Let the server send on."""
        self._connection.resume()

    # -- from the server: ResponseSink

    def response_whole(self, head: ResponseHead, body: bytes) -> None:
        """Not in a tunnel."""

    def response_head(self, head: ResponseHead) -> None:
        """Not in a tunnel."""

    def response_data(self, data: bytes) -> None:
        """The server has sent something."""
        self.moved = True
        self._exchange.write(data)

    def response_end(self, trailers: Pairs) -> None:
        """The server has ended."""
        self._exchange.end_tunnel()
        self._end(RelayOutcome.TUNNEL_CLOSED)

    def response_flush(self) -> None:
        """Nothing is held back."""

    def server_lost(self, reason: str) -> None:
        """The server's connection broke, or was cut."""
        if self._on_outcome is not None:
            self._exchange.cut()
            self._end(RelayOutcome.TUNNEL_CUT)

    def server_slow(self) -> None:
        """Hold the client back."""
        self._exchange.pause_body()

    def server_ready(self) -> None:
        """Let the client send on."""
        self._exchange.resume_body()
