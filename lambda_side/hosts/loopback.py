"""Kept connections to an application on a loopback port."""

from __future__ import annotations

from typing import Final, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol

from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.wire.exchange_state import State
from lambdadispatch.wire.reader import Limits

ANSWER_LIMITS: Final = Limits(head_octets=1_048_576, fields=10_000)
"""Of the application's answers. The router has settings for these, so here is what they allow."""


class Loopback(Factory):
    """Opens connections, and keeps those that are idle to be used again, the latest first.

    A connection is opened only when none is idle, so there are never more of them than there were
    exchanges at once.
    """

    noisy = False

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint
        self._open: set[ClientConnection] = set()
        self._idle: list[ClientConnection] = []
        self._closed = False

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """Twisted: a connection is up."""
        return cast(Protocol, ClientConnection(self, ANSWER_LIMITS))

    def take_idle(self) -> ClientConnection | None:
        """The connection that was used last, if one is idle."""
        while self._idle:
            connection = self._idle.pop()
            if connection.state is State.IDLE:
                return connection
        return None

    def connect(self) -> Deferred[ClientConnection]:
        """Open a connection; fails as its endpoint does."""
        return cast("Deferred[ClientConnection]", self._endpoint.connect(self))

    def give_back(self, connection: ClientConnection) -> None:
        """A connection was opened and is not needed now."""
        self.connection_idle(connection)

    def close(self) -> None:
        """Close all connections, now and those still being opened."""
        self._closed = True
        self._idle.clear()
        for connection in tuple(self._open):
            if connection.state is State.IDLE:
                connection.close()
            else:
                connection.cut()

    # -- from the connections: ClientOwner

    def connection_opened(self, connection: ClientConnection) -> None:
        """It can take its first request."""
        self._open.add(connection)
        if self._closed:
            connection.close()

    def connection_idle(self, connection: ClientConnection) -> None:
        """It can take the next request."""
        if connection.state is State.IDLE:
            self._idle.append(connection)

    def connection_closed(self, connection: ClientConnection, reason: str) -> None:
        """It is gone."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
