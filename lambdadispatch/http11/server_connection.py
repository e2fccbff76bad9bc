"""The server's role on one connection: requests in, in order, one at a time.

Theory of operation. The reader is asked for events only while somebody wants them, so a
pipelined request simply stays in the reader until the exchange before it has ended, and a body
stays there until someone takes it. While an exchange is open the connection goes on reading up
to ``HELD_OCTETS``, because reading is the only way to learn that a client is gone; beyond that
the transport is paused and TCP holds the client back.

A request that came with the one before it is begun in the next turn of the loop, when all who had
part in the last answer have heard that it is over. Begun at once, within the writing of that
answer, it would meet a slot that nobody has said is free, and an instance would be started for it.

The connection's state moves through the table in ``wire.exchange_state``, once for each message
boundary and never for a piece of a body.

Rejected: reading the whole body first, as stock twisted.web does (no streaming, no full duplex);
one timer object a connection (see ``HttpServer.sweep`` and ``watched_connection``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, INegotiated, IProtocol, IPushProducer
from twisted.python.failure import Failure
from zope.interface import classImplements

from lambdadispatch.http11.keepalive import keep_alive
from lambdadispatch.http11.server_exchange import CLIENT_GONE, ServerExchange
from lambdadispatch.http11.stream import Successor
from lambdadispatch.http11.watched_connection import WatchedConnection
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.exchange_state import (
    CLOSED,
    IDLE,
    LOST,
    OPEN,
    REQUEST_BEGUN,
    REQUEST_ENDED,
    REQUEST_WHOLE,
    RESPONSE_ENDED,
    SWITCHED,
    TUNNELLED,
    UPLOADING,
    after,
)
from lambdadispatch.wire.heads import RequestHead
from lambdadispatch.wire.reader import End, Event, Signal

if TYPE_CHECKING:
    from lambdadispatch.http11.server import HttpServer

HELD_OCTETS: Final = 65536
JOINED_OCTETS: Final = 4096
"""A head is joined to data up to this; more costs less to send beside it than to copy."""


class ServerConnection(WatchedConnection):
    """One client connection; made by HttpServer."""

    def __init__(self, server: HttpServer) -> None:
        super().__init__(server)
        self._successor: Successor | None = None
        self._requests_left = server.connection_limits.requests
        self._advancing = False
        self._held_back = False

    # -- its ends

    @property
    def peer(self) -> IAddress:
        """The client's address."""
        return cast(IAddress, self.transport.getPeer())

    @property
    def own_address(self) -> IAddress:
        """The address that the client connected to."""
        return cast(IAddress, self.transport.getHost())

    # -- from the transport

    def connectionMade(self) -> None:
        """Twisted: the connection is up."""
        if self.server.admission is not None and not self.server.admission.opened(self):
            self.cut()
            return
        self.transport.setTcpNoDelay(True)
        if self.server.prepare is not None:
            self.server.prepare(self.transport)
        self.transport.registerProducer(self, True)
        self.server.connections.add(self)
        if self.closing:
            self.lose()

    def dataReceived(self, data: bytes) -> None:
        """Twisted: bytes arrived."""
        if self._successor is not None:
            self._successor.dataReceived(data)
            return
        if self._lingering:
            return
        free = self.state is IDLE and not self.closing and not self._slow
        head = self._reader.whole(data) if free else None
        if head is not None:
            self._begin(head)
        elif self.state is TUNNELLED:
            self._pass_on(data)
        elif self.state is not CLOSED:
            # TLS goes on reading after its end has been ordered: that is not kept.
            self._reader.feed(data)
            self._advance()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Twisted: the connection is gone."""
        # It may hold the exchange, which holds this: only the garbage collector, which looks
        # seldom, would undo that ring.
        self._pace = None
        if self._successor is not None:
            self._successor.connectionLost(reason or Failure(ConnectionDone()))
            return
        self.server.closed(self)
        if self.server.admission is not None:
            self.server.admission.closed(self)
        # There is no other way to end a tunnel.
        ended = self.state is TUNNELLED and (reason is None or reason.check(ConnectionDone))
        self.state = after(self.state, LOST)
        exchange, self.exchange = self.exchange, None
        if exchange is not None and ended:
            exchange.request_end(())
        elif exchange is not None:
            exchange.connection_lost(CLIENT_GONE)

    def pauseProducing(self) -> None:
        """Twisted: the client reads too slowly for what is written; said at each write."""
        if self._slow:
            return
        self._slow = True
        if self.exchange is not None:
            self.exchange.client_slow()

    def resumeProducing(self) -> None:
        """Twisted: what was written has left."""
        self._slow = False
        self._drained += 1
        if self.exchange is not None:
            self.exchange.client_ready()
        elif self._reader.buffered:
            self._go_on()

    def stopProducing(self) -> None:
        """Twisted: no more can be written; connectionLost follows."""

    # -- reading

    def _advance(self) -> None:
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._wants_event() and self._take(self._reader.next_event()):
                pass
        except RemoteProtocolError as error:
            self._refuse(error)
        finally:
            self._advancing = False
        self._hold_back()

    def _go_on(self) -> None:
        """Read what has come by now; who is advancing does so anyway."""
        later = self.server.later
        if later is None:
            self._advance()
        elif not self._advancing:
            later(0, self._advance)

    def _wants_event(self) -> bool:
        if self.state is IDLE:
            # Who does not read its answers is given no more of them to be held.
            return not (self.closing or self._slow)
        if self.state is OPEN or self.state is UPLOADING:
            return self.exchange is not None and self.exchange.takes_body
        return False

    def _take(self, event: Event) -> bool:
        """Pass on one event; whether to go on."""
        if isinstance(event, RequestHead):
            self._heads += 1
            if not event.body:
                self._reader.next_event()  # its End, which says nothing more
            self._begin(event)
            return True
        exchange = self.exchange
        if isinstance(event, Signal) or exchange is None:
            return False
        if isinstance(event, bytes):
            self._octets += len(event)
            exchange.request_data(event)
        elif isinstance(event, End):
            self._request_ended()
            exchange.request_end(event.trailers)
        return True

    def _begin(self, head: RequestHead) -> None:
        self.state = after(self.state, REQUEST_BEGUN if head.body else REQUEST_WHOLE)
        self.exchange = exchange = ServerExchange(self, head)
        if self._requests_left:
            self._requests_left -= 1
            self.closing = self.closing or not self._requests_left
        self.server.on_request(exchange)

    def _request_ended(self) -> None:
        self.state = after(self.state, REQUEST_ENDED)
        if self.state is IDLE:
            self._exchange_ended()

    def _hold_back(self) -> None:
        """Pause or resume the transport by what the reader holds, or as a tunnel says.

        What is wanted and not complete (a head, which may be larger) has a limit of its own.
        """
        full = self._reader.buffered > HELD_OCTETS and not self._wants_event()
        if self.state is TUNNELLED and self.exchange is not None:
            full = self.exchange.body_paused
        if full != self._held_back and self.state is not CLOSED:
            self._held_back = full
            if full:
                self.transport.pauseProducing()
            else:
                self.transport.resumeProducing()

    def _refuse(self, error: RemoteProtocolError) -> None:
        """Answer what cannot be read, if an answer has not begun, and close."""
        broken, self.exchange = self.exchange, None
        self.closing = True
        if broken is not None:
            broken.connection_lost(error.reason)
        if broken is not None and broken.answer_ended:
            self._linger()
        elif broken is not None and broken.answer_begun:
            self.cut()
        elif self.state is not CLOSED:
            self.state = OPEN
            refused = ServerExchange(self, broken.head if broken else None)
            refused.own_lines = broken.own_lines if broken else b""
            self.server.on_refused(refused, error)

    # -- for the exchange

    def response_ended(self, keep: bool) -> None:
        """The exchange has written the whole of its response."""
        if not keep:
            self.closing = True
        if self.state is CLOSED:
            return
        self.state = after(self.state, RESPONSE_ENDED)
        if self.state is IDLE:
            self._exchange_ended()
            if self._reader.buffered:
                self._go_on()
        elif self.closing:
            self._linger()
        else:
            self.idle_since = self.server.sweeps

    def decline(self, reason: str) -> bool:
        """The exchange will not be served; whether the client can be told so. HTTP has no way."""
        return False

    def body_wanted(self) -> None:
        """The exchange takes (more of) the request's body."""
        self._advance()

    def _exchange_ended(self) -> None:
        self.exchange = None
        self.idle_since = self.server.sweeps
        if not self.closing:
            return
        if self._reader.buffered:
            self._linger()  # for the client goes on sending
        else:
            self.lose()

    def write_after(self, head: bytes, data: bytes) -> None:
        """Write ``data`` (not empty), after ``head`` if there is one."""
        if not head:
            self.transport.write(data)
        elif len(data) <= JOINED_OCTETS:
            self.transport.write(head + data)
        else:
            self.transport.writeSequence((head, data))

    # -- closing

    def close_when_idle(self) -> None:
        """Take no further request; close at once if none is being served."""
        self.closing = True
        if self.state is IDLE and not self._lingering:
            self.lose()

    def lose(self) -> None:
        """Close once all that was written has left."""
        if self.state is not CLOSED:
            self.state = CLOSED
            self.idle_since = self.server.sweeps
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def cut(self) -> None:
        """End the connection so that the client sees the response is not whole."""
        self.state = CLOSED
        self.transport.abortConnection()

    @property
    def is_closing(self) -> bool:
        """Whether nothing more is written, and it ends once what was written has left."""
        return self.state is CLOSED or self._lingering

    def _linger(self) -> None:
        """Close for writing and pass over what still comes.

        Closing with unread bytes makes TCP reset the connection, and the client could lose the
        response (RFC 9112 section 9.6). TLS cannot be closed in one direction before what was
        written has left, but goes on reading until the client has closed too.
        """
        if self._lingering or self.state is CLOSED:
            return
        exchange, self.exchange = self.exchange, None
        self._lingering = True
        self._reader.take_rest()
        self.idle_since = self.server.sweeps
        self.transport.unregisterProducer()
        if INegotiated.providedBy(self.transport):
            self.transport.loseConnection()
        else:
            self.transport.loseWriteConnection()
        if self._held_back:
            self._held_back = False
            self.transport.resumeProducing()
        if exchange is not None:
            exchange.connection_lost(CLIENT_GONE)

    def tunnel(self, rendered: bytes) -> None:
        """Write the head of a 101, and give the exchange raw octets from now on, first those that
        the client has sent already.

        The connection stays this server's: it is counted, drained, swept and cut as any other.
        """
        if self.state is CLOSED:
            # It was cut, and has not heard yet that it is gone.
            return
        self.state = after(self.state, SWITCHED)
        # It may be silent for hours, and a client that is gone would keep its place as long.
        keep_alive(self.transport)
        self.transport.write(rendered)
        rest = self._reader.take_rest()
        if rest:
            self._pass_on(rest)
        self._hold_back()

    def _pass_on(self, data: bytes) -> None:
        if self.exchange is not None:
            self.exchange.request_data(data)

    def end_tunnel(self) -> None:
        """Close once all that was written has left."""
        self.closing = True
        self._linger()

    def switch(self, successor: Successor) -> None:
        """Hand the transport to another protocol, with what arrived after the request's head."""
        rest = self._reader.take_rest()
        self.server.closed(self)
        if self.server.admission is not None:
            self.server.admission.closed(self)
        self.exchange = None
        self.state = CLOSED
        self.transport.unregisterProducer()
        if self._held_back:
            self.transport.resumeProducing()
        self._successor = successor
        successor.makeConnection(self.transport)
        if rest:
            successor.dataReceived(rest)


classImplements(ServerConnection, IProtocol, IPushProducer)
