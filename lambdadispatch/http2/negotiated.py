"""A connection that may turn out to be one of HTTP/2, by what ALPN has agreed on (RFC 7301).

What was agreed is known once the handshake is over, which for Twisted's own TLS is after
connectionMade: so the first data decides. Until then something else stands where a connection of
HTTP/1.1 has what it was handed over to, if it was. So the decision costs the first read something
and those that follow nothing.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.python.failure import Failure

from lambdadispatch.http2.connection import Http2Connection
from lambdadispatch.http2.rules import Http2Rules
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.http11.server_connection import ServerConnection

H2: Final = b"h2"


class NegotiatedConnection(ServerConnection):
    """Made by an HttpServer that offers both."""

    def __init__(self, server: HttpServer, rules: Http2Rules) -> None:
        super().__init__(server)
        self._rules = rules
        self._successor = Undecided(self)

    def decide(self) -> None:
        """Become what was agreed on."""
        self._successor = None
        agreed = getattr(self.transport, "negotiatedProtocol", None)
        if agreed == H2 and not (self.is_closing or self.closing):
            self.switch(Http2Connection(self.server, self._rules))

    def undecided_lost(self, reason: Failure) -> None:
        """It ended before there was anything to decide."""
        self._successor = None
        self.connectionLost(reason)


class Undecided:
    """Takes the first data of a connection, or its end."""

    def __init__(self, connection: NegotiatedConnection) -> None:
        self._connection = connection

    def makeConnection(self, transport: Any) -> None:
        """Twisted: here is the transport. It is the connection's."""

    def dataReceived(self, data: bytes) -> None:
        """Twisted: the first bytes arrived."""
        self._connection.decide()
        self._connection.dataReceived(data)

    def connectionLost(self, reason: Failure) -> None:
        """Twisted: the connection is gone, and there was no data."""
        self._connection.undecided_lost(reason)
