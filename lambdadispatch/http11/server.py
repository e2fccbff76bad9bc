"""A server: what its connections have in common, and which of them are open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IProtocolNegotiationFactory
from twisted.internet.protocol import Factory, Protocol
from zope.interface import classImplements

from lambdadispatch.http11.exchange import ServedConnection
from lambdadispatch.http11.pace import (
    NO_LIMITS,
    Admission,
    ConnectionLimits,
)
from lambdadispatch.http11.server_connection import ServerConnection
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.http11.transport import IStreamTransport
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.fields import NameSet
from lambdadispatch.wire.reader import DEFAULT_LIMITS, Limits
from lambdadispatch.wire.request_reader import RequestReader
from lambdadispatch.wire.upgrade import NO_UPGRADES, Upgrades


class HttpServer(Factory):
    """Makes ServerConnections and knows those that are open.

    ``on_request`` is called with each exchange when the request's head is complete;
    ``on_refused`` with an exchange that must be answered with the error; it has a request only if
    the error came within a body, and then ``on_request`` was called for that request before.
    ``sweep`` is to be called once a second: one pass over all connections costs less than a
    timer for each. ``patience`` is how many seconds an idle connection is kept. Answers of others
    lose their fields of ``answer_names``, which exchanges have in their own lines. ``later``, given
    0 and a function, calls it in the next turn of the loop: a pipelined request is begun then, or
    at once without it. ``upgrades`` are the protocols that a relayed request may ask for.
    """

    noisy = False

    def __init__(
        self,
        on_request: Callable[[ServerExchange], None],
        on_refused: Callable[[ServerExchange, RemoteProtocolError], None],
        *,
        limits: Limits = DEFAULT_LIMITS,
        patience: int = 75,
        prepare: Callable[[IStreamTransport], None] | None = None,
        connection_limits: ConnectionLimits = NO_LIMITS,
        admission: Admission | None = None,
        answer_names: NameSet | None = None,
        make: Callable[[HttpServer], ServerConnection] = ServerConnection,
        reader: Callable[[Limits], RequestReader] = RequestReader,
        later: Callable[[float, Callable[[], None]], object] | None = None,
        upgrades: Upgrades = NO_UPGRADES,
    ) -> None:
        self.on_request = on_request
        self.on_refused = on_refused
        self.limits = limits
        self.patience = patience
        self.prepare = prepare
        self.connection_limits = connection_limits
        self.admission = admission
        self.answer_names = answer_names
        self.reader = reader
        self.later = later
        # Who hears of TLS connections that have not shaken hands yet (``transports.arrivals``).
        self.arrivals: Any = None
        self.upgrades = upgrades
        self._make = make
        self.connections: set[ServedConnection] = set()
        self.sweeps = 0
        self._draining = False
        self._emptied: Deferred[None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """Twisted: a client connected."""
        connection = self._make(self)
        connection.factory = self
        connection.closing = self._draining
        return cast(Protocol, connection)

    def acceptableProtocols(self) -> list[bytes]:
        """Twisted: what ALPN offers (RFC 7301), the first first."""
        return [b"http/1.1"]

    def sweep(self) -> None:
        """One second has passed."""
        self.sweeps += 1
        for connection in tuple(self.connections):
            connection.sweep(self.sweeps, self.patience)

    def drain(self) -> None:
        """Close idle connections now, the others when their exchange has ended."""
        self._draining = True
        for connection in tuple(self.connections):
            connection.close_when_idle()

    def cut(self) -> None:
        """Cut every connection that is not closing already: those have their whole answer."""
        for connection in tuple(self.connections):
            if not connection.is_closing:
                connection.cut()

    def closed(self, connection: ServedConnection) -> None:
        """From a connection: it is gone, or another protocol's."""
        self.connections.discard(connection)
        if self._emptied is not None and not self.connections:
            emptied, self._emptied = self._emptied, None
            emptied.callback(None)

    def when_empty(self) -> Deferred[None]:
        """Fires when no connection is left."""
        if not self.connections:
            return succeed(None)
        if self._emptied is None:
            self._emptied = Deferred()
        return self._emptied


classImplements(HttpServer, IProtocolNegotiationFactory)
