"""The relay of the front: a request whose instance is lost may be sent to another one.

Theory of operation. A request may be sent again while nothing of its response was passed on, and if
all that was sent of its body is still here: pieces are kept up to ``REPLAY_OCTETS`` in all, which
costs a reference to what arrived anyway. Whether the first instance acted on it is not known, so
the method must be idempotent, unless the instance itself said that it has not touched the request
(a nack). The exchange then has no sink, its client is watched as that of any request that waits,
and the rest of its body stays unread.

Rejected: keeping larger bodies in a file (a client can send again, and knows when to).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from typing import Protocol as Interface

from lambdadispatch.front.tunnel import WebSocketTunnel
from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.http11.exchange import Exchange
from lambdadispatch.http11.outcomes import RelayOutcome
from lambdadispatch.http11.relay import LOSSES, NACKED, Refuse, Relay
from lambdadispatch.http11.sinks import TunnelSink
from lambdadispatch.http11.tunnel import Tunnel
from lambdadispatch.wire.fields import Pairs
from lambdadispatch.wire.heads import IDEMPOTENT, ResponseHead
from lambdadispatch.wire.upgrade import WEBSOCKET

REPLAY_OCTETS: Final = 16384
"""So much of a request's body is kept until its response has begun."""


class KeptBody:
    """What was sent of a body: its pieces, and its trailers if it was complete."""

    __slots__ = ("left", "pieces", "trailers")

    def __init__(self) -> None:
        self.left = REPLAY_OCTETS
        self.pieces: list[bytes] = []
        self.trailers: Pairs | None = None


class Returning(Interface):
    """Who takes back requests that can be sent again, and those that become tunnels."""

    def tunnelled(self, tunnel: Tunnel) -> None:
        """This one is a tunnel from now on, and will not be sent again."""

    def returns(self, *, nacked: bool) -> bool:
        """Whether this one may; if not, its client is told 502."""

    def come_back(self, kept: KeptBody | None, *, nacked: bool) -> None:
        """It does: ``kept`` is to be sent first."""


class FrontRelay(Relay):
    """Joins a client's exchange to a channel; ``kept`` was sent on another one before."""

    __slots__ = ("_kept", "_returning")

    def __init__(
        self,
        exchange: Exchange,
        connection: ClientConnection,
        refuse: Refuse,
        on_outcome: Callable[[RelayOutcome], None],
        returning: Returning,
        kept: KeptBody | None = None,
    ) -> None:
        super().__init__(exchange, connection, refuse, on_outcome)
        self._returning = returning
        self._kept = kept

    def start(self, extra: bytes = b"") -> None:
        """Send the request, with what was sent before."""
        kept, head = self._kept, self._exchange.head
        assert head is not None, "an exchange without a request cannot be relayed"
        if kept is None:
            if head.body:
                self._kept = KeptBody()
            super().start(extra)
            return
        if not head.fields.hosts:
            extra += b"Host: \r\n"
        self._connection.send(head, self, extra)
        for piece in kept.pieces:
            self._connection.write(piece)
        if kept.trailers is not None:
            self._connection.end(kept.trailers)
        self._exchange.take(self)

    def forget(self) -> None:
        """The response has begun: what was kept is of no use any more."""
        self._kept = None
        self.spent = True

    def request_data(self, data: bytes) -> None:
        """A piece of the request's body."""
        kept = self._kept
        if kept is not None:
            kept.left -= len(data)
            if kept.left < 0:
                self.forget()
            else:
                kept.pieces.append(data)
        self.moved = True
        self._connection.write(data)

    def request_end(self, trailers: Pairs) -> None:
        """The request is complete."""
        spent, kept = self.spent, self._kept
        if kept is not None:
            kept.trailers = trailers
        super().request_end(trailers)
        self.spent = spent

    def response_switched(self, head: ResponseHead, protocol: bytes) -> TunnelSink:
        """A 101 that was asked for."""
        tunnel = self._switch(head, protocol)
        self._returning.tunnelled(tunnel)
        return tunnel

    def make_tunnel(self, protocol: bytes, on_outcome: Callable[[RelayOutcome], None]) -> Tunnel:
        """One that can be told to end, if there is a way."""
        kind = WebSocketTunnel if protocol.lower() == WEBSOCKET else Tunnel
        return kind(self._exchange, self._connection, protocol, on_outcome)

    def server_lost(self, reason: str) -> None:
        """The channel failed."""
        nacked = reason == NACKED
        if self._replayable(reason) and self._returning.returns(nacked=nacked):
            exchange = self._exchange
            self._on_outcome = None
            exchange.release()
            exchange.body_paused = False
            self._returning.come_back(self._kept, nacked=nacked)
        else:
            super().server_lost(reason)

    def _replayable(self, reason: str) -> bool:
        exchange = self._exchange
        if self._on_outcome is None or self.spent or exchange.answer_begun or exchange.head is None:
            return False
        return reason == NACKED or (reason in LOSSES and exchange.head.method in IDEMPOTENT)
