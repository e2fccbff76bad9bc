"""What a connection of HTTP/1.1 is held to in time, seen once a second (see ``pace``).

This half of a ``ServerConnection`` only looks at what the other half does, and ends or refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lambdadispatch.http11.exchange import CLIENT_STALLED, ServedConnection
from lambdadispatch.http11.pace import Pace, body_too_slow, head_timeout
from lambdadispatch.wire.exchange_state import CLOSED, IDLE, OPEN, UPLOADING

if TYPE_CHECKING:
    from lambdadispatch.http11.server import HttpServer
    from lambdadispatch.http11.server_exchange import ServerExchange
    from lambdadispatch.wire.errors import RemoteProtocolError

LINGER_SWEEPS: Final = 2
"""Sweeps for which a connection that is closed for writing is still read."""


class WatchedConnection(ServedConnection):
    """One client connection, as sweeps see it."""

    def __init__(self, server: HttpServer) -> None:
        super().__init__()
        self.server = server
        self.state = IDLE
        self.exchange: ServerExchange | None = None
        self.closing = False
        self.idle_since = server.sweeps
        self._reader = server.reader(server.limits)
        self._lingering = False
        self._slow = False
        self._pace: Pace | None = None
        self._heads = 0
        self._octets = 0
        self._drained = 0

    def lose(self) -> None:
        """Close once all that was written has left."""
        raise NotImplementedError

    def _refuse(self, error: RemoteProtocolError) -> None:
        """Answer what cannot be read, if an answer has not begun, and close."""
        raise NotImplementedError

    def sweep(self, sweeps: int, patience: int) -> None:
        """Close if nothing has been asked for ``patience`` sweeps, or lingering is over; end what
        was closed so long ago and cannot be written out.

        A body that is only read to keep the connection is not waited for any longer than that.
        """
        if self._lingering:
            # A client that is slow to read has not got its answer yet.
            unread = self.server.connection_limits.unread_sweeps or patience
            if sweeps - self.idle_since > (unread if self._slow else LINGER_SWEEPS):
                self.transport.abortConnection()
        elif self.state is IDLE and not (self._slow or self._reader.buffered):
            self._pace = None
            if sweeps - self.idle_since > patience:
                self.lose()
        elif self.state is CLOSED:
            # It waits for a client that does not read what was written.
            most = self.server.connection_limits.unread_sweeps or patience
            if sweeps - self.idle_since > most:
                self.transport.abortConnection()
        elif not self._awaits(sweeps) and sweeps - self.idle_since > patience:
            exchange = self.exchange
            passing_over = exchange is not None and exchange.discarding and exchange.answer_ended
            if self.state is IDLE or passing_over:
                self.lose()

    def _awaits(self, sweeps: int) -> bool:
        """Whether a head or a body is coming that has a limit; if it is over that, refuse it."""
        limits, exchange = self.server.connection_limits, self.exchange
        if limits.unread_sweeps and self._unread(sweeps, limits.unread_sweeps):
            return True
        awaited: object = None
        if self._slow and self.exchange is None:
            pass  # what waits here may be a whole head
        elif self.state is IDLE and limits.head_sweeps and self._reader.buffered:
            awaited = self._heads
        elif exchange is not None and limits.body_rate and self._body_is_awaited(exchange):
            awaited = exchange
        pace = self._pace
        if awaited is None or pace is None or pace.awaited != awaited:
            self._pace = None if awaited is None else Pace(awaited, sweeps, self._octets)
        elif awaited is exchange:
            if pace.too_slow(sweeps, self._octets, limits.body_rate):
                self._refuse(body_too_slow(limits))
        elif sweeps - pace.since >= limits.head_sweeps:
            self._refuse(head_timeout(limits))
        return awaited is not None

    def _body_is_awaited(self, exchange: ServerExchange) -> bool:
        """Whether a body should come: somebody takes it, and the answer is not under way."""
        if self.state is OPEN:
            return exchange.takes_body and not (exchange.answer_begun or exchange.holds_back)
        return self.state is UPLOADING and exchange.takes_body and not exchange.discarding

    def _unread(self, sweeps: int, most: int) -> bool:
        """Whether the client leaves unread what was written; if it did so for too long, cut it."""
        if not self._slow:
            return False
        awaited = ("unread", self._drained)
        if self._pace is None or self._pace.awaited != awaited:
            self._pace = Pace(awaited, sweeps, 0)
        elif sweeps - self._pace.since >= most:
            exchange, self.exchange = self.exchange, None
            self.cut()
            if exchange is not None:
                exchange.connection_lost(CLIENT_STALLED)
        return True
