"""The front's server where HTTP/2 is offered beside HTTP/1.1."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.interfaces import IProtocolNegotiationFactory
from zope.interface import classImplements

from lambdadispatch.http2.negotiated import H2, NegotiatedConnection
from lambdadispatch.http2.rules import Http2Rules
from lambdadispatch.http11.server import HttpServer

OFFERED: Final = (H2, b"http/1.1")
"""In the order in which they are preferred."""


class NegotiatingServer(HttpServer):
    """An HttpServer whose TLS transports offer h2 and http/1.1; ``options`` are HttpServer's."""

    def __init__(self, rules: Http2Rules, **options: Any) -> None:
        super().__init__(
            rules.on_request,
            rules.on_refused,
            make=lambda server: NegotiatedConnection(server, rules),
            **options,
        )

    def acceptableProtocols(self) -> list[bytes]:
        """Twisted: what may be agreed on by ALPN, best first."""
        return list(OFFERED)


classImplements(NegotiatingServer, IProtocolNegotiationFactory)
