"""The front's server where HTTP/2 is offered beside HTTP/1.1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IProtocolNegotiationFactory
from zope.interface import classImplements

from lambdadispatch.http2.negotiated import H2, NegotiatedConnection
from lambdadispatch.http2.rules import Http2Rules
from lambdadispatch.http11.pace import NO_LIMITS, Admission, ConnectionLimits
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.wire.fields import NameSet
from lambdadispatch.wire.reader import DEFAULT_LIMITS, Limits
from lambdadispatch.wire.upgrade import NO_UPGRADES, Upgrades

OFFERED: Final = (H2, b"http/1.1")
"""In the order in which they are preferred."""


class NegotiatingServer(HttpServer):
    """An HttpServer whose TLS transports offer h2 and http/1.1."""

    # Each option by its name: mypyc does not pass on a mapping of them.
    def __init__(
        self,
        rules: Http2Rules,
        *,
        limits: Limits = DEFAULT_LIMITS,
        patience: int = 75,
        connection_limits: ConnectionLimits = NO_LIMITS,
        admission: Admission | None = None,
        answer_names: NameSet | None = None,
        later: Callable[[float, Callable[[], None]], object] | None = None,
        upgrades: Upgrades = NO_UPGRADES,
    ) -> None:
        super().__init__(
            rules.on_request,
            rules.on_refused,
            limits=limits,
            patience=patience,
            connection_limits=connection_limits,
            admission=admission,
            answer_names=answer_names,
            make=lambda server: NegotiatedConnection(server, rules),
            later=later,
            upgrades=upgrades,
        )

    def acceptableProtocols(self) -> list[bytes]:
        """Twisted: what may be agreed on by ALPN, best first."""
        return list(OFFERED)


classImplements(NegotiatingServer, IProtocolNegotiationFactory)
