"""What the sweep sees of a connection of HTTP/2: the limits of ``http11.pace``, stream by stream.

Theory of operation. A body has to come at a rate where somebody awaits it. Octets count once their
frame is whole, and those of the frame under way for every stream, since whose they are shows only
then: a stream that stands still can hide behind one frame of another, but no longer than that frame
may take itself. An answer has to be taken within a time once its window is closed, as has all that
the transport holds. A head has to become whole while nothing else goes on; beside other streams it
costs no more than they do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambdadispatch.http2.exchange import NO_ERROR
from lambdadispatch.http11.pace import Pace, body_too_slow
from lambdadispatch.http11.watched_connection import LINGER_SWEEPS

if TYPE_CHECKING:
    from lambdadispatch.http2.connection import Http2Connection
    from lambdadispatch.http2.exchange import StreamExchange


class Watch:
    """Told once a second to look at its connection, which it tells what is too slow."""

    __slots__ = ("_connection", "_pace")

    def __init__(self, connection: Http2Connection) -> None:
        self._connection = connection
        self._pace: Pace | None = None

    def sweep(self, sweeps: int, patience: int) -> None:
        """Look: nothing may have been asked for ``patience`` sweeps at most."""
        connection = self._connection
        unread = connection.server.connection_limits.unread_sweeps
        waited = sweeps - connection.idle_since
        if connection.closed:
            if waited > (unread or patience):
                connection.transport.abortConnection()
        elif unread and self._is_unread(sweeps, unread):
            connection.stall_all()
        elif connection.exchanges:
            for exchange in tuple(connection.exchanges.values()):
                self._look_at(exchange, sweeps, unread)
        elif waited > patience or self._head_is_late(sweeps):
            connection.tire()

    def _is_unread(self, sweeps: int, most: int) -> bool:
        """Whether the client has left unread for too long what the transport holds for it."""
        connection = self._connection
        if not connection.writing.slow:
            return False
        self._pace = _paced(self._pace, ("unread", connection.drained), sweeps, 0)
        return sweeps - self._pace.since >= most

    def _head_is_late(self, sweeps: int) -> bool:
        """Whether a head has begun and does not become whole."""
        splitter = self._connection.reading.splitter
        most = self._connection.server.connection_limits.head_sweeps
        if not (most and splitter.in_head):
            self._pace = None
            return False
        self._pace = _paced(self._pace, ("head", splitter.ended), sweeps, 0)
        return sweeps - self._pace.since >= most

    def _look_at(self, exchange: StreamExchange, sweeps: int, unread: int) -> None:
        connection = self._connection
        limits = connection.server.connection_limits
        if unread and exchange.number in connection.writing.waiting:
            awaited = ("unread", exchange.emptied)
            exchange.pace = pace = _paced(exchange.pace, awaited, sweeps, 0)
            if sweeps - pace.since >= unread:
                connection.stall(exchange)
        elif limits.body_rate and exchange.awaits_body:
            octets = exchange.octets + connection.reading.splitter.under_way
            exchange.pace = pace = _paced(exchange.pace, "body", sweeps, octets)
            if pace.too_slow(sweeps, octets, limits.body_rate):
                connection.refuse(exchange, body_too_slow(limits))
        elif exchange.is_left:
            exchange.pace = pace = _paced(exchange.pace, "rest", sweeps, 0)
            if sweeps - pace.since >= LINGER_SWEEPS:
                connection.reset(exchange, NO_ERROR)
        else:
            exchange.pace = None


def _paced(pace: Pace | None, awaited: object, sweeps: int, octets: int) -> Pace:
    """What a sweep saw first of what is awaited still."""
    if pace is None or pace.awaited != awaited:
        return Pace(awaited, sweeps, octets)
    return pace
