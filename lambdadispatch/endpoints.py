"""Endpoints on real sockets, on the transport that the process uses."""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
from collections.abc import Mapping
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import AdoptedStreamServerEndpoint, SSL4ServerEndpoint
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.internet.ssl import CertificateOptions, PrivateCertificate, TLSVersion
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

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


class InheritedEndpoints:
    """Endpoints on sockets that are bound already: descriptors by interface and port.

    They may or may not listen yet; they do once their endpoint does.
    """

    def __init__(self, reactor: Any, descriptors: Mapping[tuple[str, int], int]) -> None:
        self._reactor = reactor
        self._descriptors = descriptors

    def tcp(self, port: int, interface: str) -> IStreamServerEndpoint:
        """Clear text."""
        handle = self._listening(port, interface)
        loop = loop_of(self._reactor)
        if loop is not None:
            return LibuvServerEndpoint(loop, port, interface, handle=handle)
        return _adopted(self._reactor, handle)

    def tls(self, port: int, interface: str, pair: KeyAndCertificate) -> IStreamServerEndpoint:
        """TLS 1.2 or later."""
        handle = self._listening(port, interface)
        loop = loop_of(self._reactor)
        if loop is not None:
            context = _ssl_context(pair)
            return LibuvServerEndpoint(
                loop,
                port,
                interface,
                context=context,
                handshake_time=HANDSHAKE_TIME,
                handle=handle,
            )
        return TlsOver(self._reactor, _adopted(self._reactor, handle), _certificate_options(pair))

    def _listening(self, port: int, interface: str) -> socket.socket:
        handle = socket.socket(fileno=self._descriptors[interface, port])
        handle.setblocking(False)
        handle.listen(BACKLOG)
        return handle


def _adopted(reactor: Any, handle: socket.socket) -> IStreamServerEndpoint:
    family = handle.family
    return cast(
        IStreamServerEndpoint, AdoptedStreamServerEndpoint(reactor, handle.detach(), family)
    )


@implementer(IStreamServerEndpoint)
class TlsOver:
    """TLS over another endpoint, which Twisted has for names of endpoints only."""

    def __init__(
        self, reactor: Any, lower: IStreamServerEndpoint, options: CertificateOptions
    ) -> None:
        self._reactor = reactor
        self._lower = lower
        self._options = options

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Twisted: listen."""
        factory: Any = TLSMemoryBIOFactory(self._options, False, protocolFactory, self._reactor)
        factory.noisy = False
        return self._lower.listen(factory)


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
