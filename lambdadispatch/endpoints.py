"""Endpoints on real sockets."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.ssl import CertificateOptions, PrivateCertificate, TLSVersion

from lambdadispatch.router.certificate import KeyAndCertificate

BACKLOG = 4096


class ReactorEndpoints:
    """Makes the endpoints that the router listens on."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def tcp(self, port: int, interface: str) -> IStreamServerEndpoint:
        """Clear text."""
        kind = TCP6ServerEndpoint if ":" in interface else TCP4ServerEndpoint
        return cast(IStreamServerEndpoint, kind(self._reactor, port, BACKLOG, interface))

    def tls(self, port: int, interface: str, pair: KeyAndCertificate) -> IStreamServerEndpoint:
        """TLS 1.2 or later."""
        own = PrivateCertificate.loadPEM(pair.certificate + pair.key)
        context = CertificateOptions(
            privateKey=own.privateKey.original,
            certificate=own.original,
            raiseMinimumTo=TLSVersion.TLSv1_2,
        )
        endpoint = SSL4ServerEndpoint(self._reactor, port, context, BACKLOG, interface)
        return cast(IStreamServerEndpoint, endpoint)
