"""The relay: one exchange at a server's end joined to one at a client's.

Every byte of every request passes here, at the router (front to channel) and on the Lambda side
(channel to a loopback port).

Theory of operation. The relay is the sink of both connections and owns no buffer and no timer:
what comes from one side is written to the other in the same call, and a side that is slow pauses
the other's reading. The two directions end independently; the exchange is over when both have, or
when either side is lost. Exactly one outcome is reported, at that moment.

What a loss means depends only on how far the response is: before its head was passed on the
client is told (502); after it the client's connection is cut, for a clean end would make a part
look like the whole. A client that leaves cuts the server's connection, which is how HTTP/1.1 tells
an application.

A 101 that was asked for ends the relay without an outcome: a ``Tunnel`` takes its place.

Rejected: Twisted's own producers passed through (their pull and streaming modes and one producer
a transport make a relay that must also switch between requests harder, not easier).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.http11.exchange import Exchange
from lambdadispatch.http11.outcomes import ANSWERED, RelayOutcome, client_loss
from lambdadispatch.http11.sinks import TunnelSink
from lambdadispatch.http11.tunnel import Tunnel
from lambdadispatch.wire.exchange_state import CLOSED, OPEN, UPLOADING
from lambdadispatch.wire.fields import Pairs
from lambdadispatch.wire.heads import ResponseHead

NACKED: Final = "nacked"
"""The reason of a loss when the server said that it has not touched the request."""

_UNSENT: Final = frozenset([OPEN, UPLOADING])

LOSSES: Final = frozenset(["lost", "closed", "cut", "cut_short", NACKED])
"""Reasons of ``server_lost`` other than a broken rule."""

Refuse = Callable[[Exchange, int, str], None]
"""Answers an exchange with a status and a reason in one word."""


class Relay:
    """Joins ``exchange`` (whose response has not begun) to ``connection`` (which is idle).

    ``refuse`` answers the exchange when there is no response; ``on_outcome`` is called once, when
    the exchange is over, with the outcome.

    ``spent`` is whether something was passed on that could not be passed on once more: a piece of
    the request's body, or an interim response. ``moved`` is set by whatever passes; who watches
    for a standstill clears it, and keeps in ``quiet_since`` when that was.
    """

    __slots__ = (
        "_connection",
        "_exchange",
        "_on_outcome",
        "_refuse",
        "moved",
        "quiet_since",
        "spent",
    )

    def __init__(
        self,
        exchange: Exchange,
        connection: ClientConnection,
        refuse: Refuse,
        on_outcome: Callable[[RelayOutcome], None],
    ) -> None:
        self._exchange = exchange
        self._connection = connection
        self._refuse = refuse
        self._on_outcome: Callable[[RelayOutcome], None] | None = on_outcome
        self.spent = False
        self.moved = True
        self.quiet_since = 0.0

    def start(self, extra: bytes = b"") -> None:
        """Send the request's head, with ``extra`` field lines, and let the body follow."""
        head = self._exchange.head
        assert head is not None, "an exchange without a request cannot be relayed"
        if not head.fields.hosts:
            extra += b"Host: \r\n"
        protocols = self._exchange.upgrades if head.fields.upgrade else ()
        if protocols:
            self._connection.send_upgrade(head, self, extra, protocols)
        else:
            self._connection.send(head, self, extra)
        self._exchange.take(self)

    @property
    def uploading(self) -> bool:
        """Whether the request is not complete."""
        return self._connection.state in _UNSENT

    def expire(self, outcome: RelayOutcome) -> None:
        """It has taken too long, which ``outcome`` names."""
        exchange = self._exchange
        if self._on_outcome is None:
            return
        self._connection.cut(outcome)
        if exchange.answer_ended:
            self._end(RelayOutcome.ANSWERED)
            exchange.discard()
        elif exchange.answer_begun:
            exchange.cut()
            self._end(outcome)
        else:
            self._end(outcome)
            self._refuse(exchange, 504, outcome)

    def _end(self, outcome: RelayOutcome) -> None:
        """Over: report it, and let go of everything, for objects that hold each other have to be
        found by the garbage collector.
        """
        on_outcome, self._on_outcome = self._on_outcome, None
        if on_outcome is not None:
            self._exchange.release()
            on_outcome(outcome)

    # -- from the client: RequestSink

    def request_data(self, data: bytes) -> None:
        """A piece of the request's body."""
        self.spent = self.moved = True
        self._connection.write(data)

    def request_end(self, trailers: Pairs) -> None:
        """The request is complete."""
        self.spent = self.moved = True
        if self._exchange.answer_ended:
            self._end(ANSWERED)
        self._connection.end(trailers)

    def client_lost(self, reason: str) -> None:
        """The client left, or broke a rule."""
        answered = self._exchange.answer_ended
        outcome = client_loss(reason)
        self._connection.cut(outcome)
        self._end(RelayOutcome.ANSWERED if answered else outcome)

    def client_slow(self) -> None:
        """Hold the response back."""
        self._connection.pause()

    def client_ready(self) -> None:
        """Let the response go on."""
        self._connection.resume()

    # -- from the server: ResponseSink

    def response_whole(self, head: ResponseHead, body: bytes) -> None:
        """A whole response to a whole request."""
        self._exchange.answer_whole(head, body)
        self._end(ANSWERED)

    def response_head(self, head: ResponseHead) -> None:
        """A head, interim or final."""
        self.moved = True
        if head.status < 200:
            self.spent = True
            self._exchange.interim(head)
        else:
            self._exchange.answer(head)

    def response_data(self, data: bytes) -> None:
        """A piece of the response's body."""
        self.moved = True
        self._exchange.write(data)

    def response_end(self, trailers: Pairs) -> None:
        """The response is complete; the request may not be."""
        state = self._connection.state
        self._exchange.end(trailers)
        if state is not UPLOADING:
            self._end(ANSWERED)
        if state is CLOSED:
            self._exchange.discard()

    def response_flush(self) -> None:
        """Everything that arrived together was passed on."""
        self._exchange.flush()

    def response_switched(self, head: ResponseHead, protocol: bytes) -> TunnelSink:
        """A 101 that was asked for."""
        return self._switch(head, protocol)

    def _switch(self, head: ResponseHead, protocol: bytes) -> Tunnel:
        """Let a tunnel take this relay's place, and answer the client."""
        on_outcome, self._on_outcome = self._on_outcome, None
        assert on_outcome is not None, "a relay that is over hears nothing more"
        tunnel = self.make_tunnel(protocol, on_outcome)
        self._exchange.tunnel(head, protocol, tunnel)
        return tunnel

    def make_tunnel(self, protocol: bytes, on_outcome: Callable[[RelayOutcome], None]) -> Tunnel:
        """What takes this relay's place, and tells its one outcome."""
        return Tunnel(self._exchange, self._connection, protocol, on_outcome)

    def server_lost(self, reason: str) -> None:
        """The server's connection failed."""
        exchange = self._exchange
        broken = reason not in LOSSES
        if exchange.answer_ended:
            self._end(ANSWERED)
            exchange.discard()
        elif exchange.answer_begun:
            exchange.cut()
            self._end(RelayOutcome.BAD_ANSWER if broken else RelayOutcome.ANSWER_CUT)
        else:
            outcome = RelayOutcome.BAD_ANSWER if broken else RelayOutcome.ANSWER_LOST
            self._end(outcome)
            self._refuse(exchange, 502, outcome)

    def server_slow(self) -> None:
        """Hold the request's body back."""
        self._exchange.pause_body()

    def server_ready(self) -> None:
        """Let the request's body go on."""
        self._exchange.resume_body()
