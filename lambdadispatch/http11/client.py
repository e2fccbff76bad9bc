"""The client's role on one connection: one exchange after another, kept alive.

The router speaks it on channels, the Lambda side towards an application on a loopback port.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from typing import Protocol as Interface

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol, IPushProducer
from twisted.python.failure import Failure
from zope.interface import classImplements

from lambdadispatch.http11.sinks import ResponseSink, UpgradeSink
from lambdadispatch.http11.stream import StreamProtocol
from lambdadispatch.wire.errors import LocalProtocolError, RemoteProtocolError
from lambdadispatch.wire.exchange_state import (
    ANSWERING,
    CLOSED,
    IDLE,
    REQUEST_BEGUN,
    REQUEST_ENDED,
    REQUEST_WHOLE,
    RESPONSE_ENDED,
    SWITCHED,
    TUNNELLED,
    after,
)
from lambdadispatch.wire.fields import Pairs
from lambdadispatch.wire.heads import (
    CHUNKED,
    RequestHead,
    ResponseHead,
    render_chunk,
    render_last_chunk,
    render_request,
)
from lambdadispatch.wire.reader import DEFAULT_LIMITS, Event, Limits, Signal
from lambdadispatch.wire.response_reader import ResponseReader
from lambdadispatch.wire.upgrade import switched_to, upgrade_lines

TUNNEL_CLOSED: Final = "tunnel_closed"
"""Why a connection ended on which a tunnel was, when that ended in order."""


class ClientOwner(Interface):
    """Who opened a client connection and hears of its life."""

    def connection_opened(self, connection: ClientConnection) -> None:
        """It can take its first request."""

    def connection_idle(self, connection: ClientConnection) -> None:
        """An exchange has ended; it can take the next request."""

    def connection_closed(self, connection: ClientConnection, reason: str) -> None:
        """It is gone, for the reason in one word: ``closed``, ``lost``, ``cut``, TUNNEL_CLOSED or
        what the peer broke. Told exactly once.
        """


class ClientConnection(StreamProtocol):
    """A connection on which requests are sent one at a time."""

    def __init__(self, owner: ClientOwner, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__()
        self.owner = owner
        self.state = IDLE
        self.status = 0
        """That of the last response."""
        self._reader = ResponseReader(limits)
        self._sink: ResponseSink | None = None
        self._keep = True
        self._chunked = False
        self._paused = False
        self._slow = False
        self._reason = ""
        self._upgrading: UpgradeSink | None = None
        self._asked: tuple[bytes, ...] = ()

    # -- sending

    def send(self, head: RequestHead, sink: ResponseSink, extra: bytes = b"") -> None:
        """Begin an exchange; ``head.body`` 0 completes the request, else ``write`` and ``end``."""
        self.state = after(self.state, REQUEST_BEGUN if head.body else REQUEST_WHOLE)
        self._sink = sink
        self._chunked = head.body == CHUNKED
        self._reader.expect(head.method)
        if self._slow:
            sink.server_slow()
        self.transport.write(render_request(head, extra))

    def send_upgrade(
        self, head: RequestHead, sink: UpgradeSink, extra: bytes, protocols: Iterable[bytes]
    ) -> None:
        """``send`` a request without a body that asks for one of these protocols, too."""
        self._upgrading = sink
        self._asked = tuple(protocols)
        self.send(head, sink, extra + upgrade_lines(self._asked))

    def write(self, data: bytes) -> None:
        """Send a piece of the request's body, or of what a tunnel carries (not empty)."""
        if self.state is not CLOSED:
            self.transport.write(render_chunk(data) if self._chunked else data)

    def end(self, trailers: Pairs = ()) -> None:
        """The request's body is complete."""
        if self.state is CLOSED:
            return
        if self._chunked:
            self.transport.write(render_last_chunk(trailers))
        self.state = after(self.state, REQUEST_ENDED)
        if self.state is IDLE:
            self._exchange_ended()

    def cut(self, reason: str = "cut") -> None:
        """End the connection at once; the exchange on it is not told."""
        self._sink = None
        self._close(reason, clean=False)

    def lose(self, reason: str, told: str = "lost") -> None:
        """End the connection at once; the exchange on it is ``told`` that its server is lost."""
        self._fail(told)
        self._reason = reason
        self._close(reason, clean=False)

    def close(self, reason: str = "closed") -> None:
        """End an idle connection."""
        if self.state is not IDLE:
            raise LocalProtocolError("bad_step", f"close cannot happen while {self.state}")
        self._close(reason, clean=True)

    def end_tunnel(self) -> None:
        """Close once all that was written has left; the tunnel on it is not told."""
        self._sink = None
        self.resume()
        self._close(TUNNEL_CLOSED, clean=True)

    def pause(self) -> None:
        """Hold the server back."""
        if self.state is not CLOSED and not self._paused:
            self._paused = True
            self.transport.pauseProducing()

    def resume(self) -> None:
        """Let the server send on."""
        if self.state is not CLOSED and self._paused:
            self._paused = False
            self.transport.resumeProducing()

    # -- from the transport

    def connectionMade(self) -> None:
        """Twisted: the connection is up."""
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self.owner.connection_opened(self)

    def dataReceived(self, data: bytes) -> None:
        """Twisted: bytes arrived; a small response comes whole."""
        whole = self._reader.whole(data) if self.state is ANSWERING else None
        if whole is not None:
            self._take_whole(*whole)
        elif self.state is TUNNELLED:
            self._pass_on(data)
        elif self.state is not CLOSED:
            self._reader.feed(data)
            self._advance()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Twisted: the connection is gone. Only an orderly end can complete a response."""
        orderly = reason is None or reason.check(ConnectionDone) is not None
        if self.state is TUNNELLED and orderly:
            self._tunnel_ended()
        elif self.state is not CLOSED and orderly:
            self._reader.feed_eof()
            self._advance()
        self._fail(self._reason or ("closed" if self.state is IDLE else "lost"))
        self.state = CLOSED
        self.owner.connection_closed(self, self._reason)

    def pauseProducing(self) -> None:
        """Twisted: the server reads too slowly for what is written; said at each write."""
        if self._slow:
            return
        self._slow = True
        if self._sink is not None:
            self._sink.server_slow()

    def resumeProducing(self) -> None:
        """Twisted: what was written has left."""
        self._slow = False
        if self._sink is not None:
            self._sink.server_ready()

    def stopProducing(self) -> None:
        """Twisted: no more can be written; connectionLost follows."""

    # -- reading

    def _advance(self) -> None:
        try:
            while self.state is not CLOSED and self._take(self._reader.next_event()):
                pass
        except RemoteProtocolError as error:
            self._fail(error.reason)
            self._close(error.reason, clean=False)
            return
        if self._sink is not None:
            self._sink.response_flush()

    def _take(self, event: Event) -> bool:
        """Pass on one event; whether to go on."""
        sink = self._sink
        if isinstance(event, Signal) or sink is None:
            return False
        if isinstance(event, bytes):
            sink.response_data(event)
        elif isinstance(event, ResponseHead):
            self.status = event.status
            if event.status == 101:
                self._switch(event)
                return False
            self._keep = event.keep_alive
            sink.response_head(event)
        elif not isinstance(event, RequestHead):
            self._response_ended(sink, event.trailers)
        return True

    def _take_whole(self, head: ResponseHead, body: bytes) -> None:
        sink = self._sink
        assert sink is not None, "a response is read for somebody"
        self.state = after(self.state, RESPONSE_ENDED)
        self.status = head.status
        if not head.keep_alive:
            self._close("closed", clean=True)
        sink.response_whole(head, body)
        if self._sink is sink:
            self._sink = None
        if self.state is IDLE:
            self._exchange_ended()

    def _response_ended(self, sink: ResponseSink, trailers: Pairs) -> None:
        self.state = after(self.state, RESPONSE_ENDED)
        if self.state is IDLE:
            self._sink = None
        if not self._keep or self._reader.buffered:
            # What follows the response would pass for the answer to the next request.
            self._sink = None
            self._close("unasked" if self._keep else "closed", clean=True)
        sink.response_end(trailers)
        if self.state is IDLE:
            self._exchange_ended()

    # -- tunnels

    def _switch(self, head: ResponseHead) -> None:
        """The server has changed protocols: to one that it was asked for, or it broke the rules."""
        upgrading, self._upgrading = self._upgrading, None
        protocol = b"" if upgrading is None else switched_to(head, self._asked)
        if upgrading is None or not protocol:
            raise RemoteProtocolError("unasked_upgrade", "the server changed protocols")
        self.state = after(self.state, SWITCHED)
        self._sink = upgrading.response_switched(head, protocol)
        rest = self._reader.take_rest()
        if rest:
            self._pass_on(rest)

    def _pass_on(self, data: bytes) -> None:
        if self._sink is not None:
            self._sink.response_data(data)

    def _tunnel_ended(self) -> None:
        sink, self._sink = self._sink, None
        self.state = CLOSED
        self._reason = self._reason or TUNNEL_CLOSED
        if sink is not None:
            sink.response_end(())

    def _exchange_ended(self) -> None:
        self._sink = self._upgrading = None
        if self._paused:
            self.resume()
        self.owner.connection_idle(self)

    def _fail(self, reason: str) -> None:
        self._reason = self._reason or reason
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.server_lost(reason)

    def _close(self, reason: str, *, clean: bool) -> None:
        self._reason = self._reason or reason
        closed, self.state = self.state is CLOSED, CLOSED
        if not clean:
            # Also after a clean close, which waits for as long as the server reads nothing.
            self.transport.abortConnection()
        elif not closed:
            self.transport.unregisterProducer()
            self.transport.loseConnection()


classImplements(ClientConnection, IProtocol, IPushProducer)
