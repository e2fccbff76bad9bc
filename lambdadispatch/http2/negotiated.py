"""A connection that may turn out to be one of HTTP/2, by what ALPN has agreed on (RFC 7301).

What was agreed is known once the handshake is over, which for Twisted's own TLS is after
connectionMade: so the first data decides. Until then, and after HTTP/1.1 was agreed, this is a
connection of HTTP/1.1 with one look more for each read.
"""

from __future__ import annotations

from typing import Final

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
        self._undecided = True

    def dataReceived(self, data: bytes) -> None:
        """Twisted: bytes arrived; at the first it is decided whose they are."""
        if self._undecided:
            self._undecided = False
            agreed = getattr(self.transport, "negotiatedProtocol", None)
            if agreed == H2 and not (self.is_closing or self.closing):
                self.switch(Http2Connection(self.server, self._rules))
        super().dataReceived(data)
