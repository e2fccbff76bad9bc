"""Endpoints on real sockets, on the transport that the process uses."""

from __future__ import annotations

import os
import ssl
import tempfile
from typing import Any, cast

from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.ssl import CertificateOptions, PrivateCertificate, TLSVersion

from lambdadispatch.router.certificate import KeyAndCertificate
from lambdadispatch.transports.choose import loop_of
from lambdadispatch.transports.endpoints import BACKLOG, LibuvServerEndpoint, server_endpoint

HANDSHAKE_TIME = 5.0
"""Seconds that a TLS handshake with the control port may take."""


class ReactorEndpoints:
    """Makes the endpoints that the router listens on."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def tcp(self, port: int, interface: str) -> IStreamServerEndpoint:
        """Clear text."""
        return server_endpoint(self._reactor, port, interface)

    def tls(self, port: int, interface: str, pair: KeyAndCertificate) -> IStreamServerEndpoint:
        """TLS 1.2 or later."""
        loop = loop_of(self._reactor)
        if loop is not None:
            context = _ssl_context(pair)
            endpoint: Any = LibuvServerEndpoint(
                loop, port, interface, BACKLOG, context, HANDSHAKE_TIME
            )
        else:
            options = _certificate_options(pair)
            endpoint = SSL4ServerEndpoint(self._reactor, port, options, BACKLOG, interface)
        return cast(IStreamServerEndpoint, endpoint)


def _certificate_options(pair: KeyAndCertificate) -> CertificateOptions:
    own = PrivateCertificate.loadPEM(pair.certificate + pair.key)
    return CertificateOptions(
        privateKey=own.privateKey.original,
        certificate=own.original,
        raiseMinimumTo=TLSVersion.TLSv1_2,
    )


def _ssl_context(pair: KeyAndCertificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The ssl module reads keys from files alone; this one is readable by its owner and short-lived.
    descriptor, name = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pair.key + pair.certificate)
        context.load_cert_chain(name)
    finally:
        os.unlink(name)  # noqa: PTH108
    return context
