"""Endpoints on real sockets, on the transport that the process uses."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IProtocolNegotiationFactory,
    IStreamServerEndpoint,
)
from zope.interface import implementer

from lambdadispatch.router.certificate import KeyAndCertificate
from lambdadispatch.transports.choose import loop_of
from lambdadispatch.transports.endpoints import BACKLOG, LibuvServerEndpoint, server_endpoint
from lambdadispatch.transports.server_tls import openssl_context, ssl_context
from lambdadispatch.transports.twisted_tls import TlsOver

HANDSHAKE_TIME: Final = 5.0
"""Seconds that a TLS handshake may take where nothing else is said."""

Over = Callable[[Callable[[], Any]], IStreamServerEndpoint]
"""Makes an endpoint that asks for the context of each connection."""


@implementer(IStreamServerEndpoint)
class TlsEndpoint:
    """TLS with a certificate that can be renewed while it listens.

    Each renewal makes a new context: one that is given a second certificate keeps the first for
    clients that prefer its kind of key, and goes on taking the tickets that it has given out.
    """

    def __init__(
        self,
        make: Callable[[KeyAndCertificate, bytes | None, Sequence[bytes]], Any],
        over: Over,
        pair: KeyAndCertificate,
        client_ca: bytes | None,
    ) -> None:
        self._make = make
        self._over = over
        self._shown = (pair, client_ca)
        self._protocols: tuple[bytes, ...] = ()
        self._context = make(pair, client_ca, ())

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Twisted: listen; ALPN offers what the factory says that it accepts."""
        negotiating = IProtocolNegotiationFactory(protocolFactory, None)
        if negotiating is not None:
            self._protocols = tuple(negotiating.acceptableProtocols())
            self.renew(*self._shown)
        return self._over(lambda: self._context).listen(protocolFactory)

    def renew(self, pair: KeyAndCertificate, client_ca: bytes | None = None) -> None:
        """From now on new connections are shown this one."""
        self._context = self._make(pair, client_ca, self._protocols)
        self._shown = (pair, client_ca)


class ReactorEndpoints:
    """Makes the endpoints that the router listens on."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def tcp(self, port: int, interface: str) -> IStreamServerEndpoint:
        """Clear text."""
        return server_endpoint(self._reactor, port, interface)

    def tls(
        self,
        port: int,
        interface: str,
        pair: KeyAndCertificate,
        client_ca: bytes | None = None,
        handshake_time: float = HANDSHAKE_TIME,
    ) -> TlsEndpoint:
        """TLS 1.2 or later; with ``client_ca`` (PEM) for clients with a certificate of it."""
        loop = loop_of(self._reactor)
        if loop is None:
            lower = self.tcp(port, interface)
            return _twisted_tls(self._reactor, lower, pair, client_ca, handshake_time)
        return TlsEndpoint(
            ssl_context,
            lambda current: LibuvServerEndpoint(
                loop, port, interface, BACKLOG, current, handshake_time
            ),
            pair,
            client_ca,
        )


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

    def tls(
        self,
        port: int,
        interface: str,
        pair: KeyAndCertificate,
        client_ca: bytes | None = None,
        handshake_time: float = HANDSHAKE_TIME,
    ) -> TlsEndpoint:
        """TLS 1.2 or later; with ``client_ca`` (PEM) for clients with a certificate of it."""
        loop = loop_of(self._reactor)
        if loop is None:
            lower = self.tcp(port, interface)
            return _twisted_tls(self._reactor, lower, pair, client_ca, handshake_time)
        handle = self._listening(port, interface)
        return TlsEndpoint(
            ssl_context,
            lambda current: LibuvServerEndpoint(
                loop, port, interface, BACKLOG, current, handshake_time, handle
            ),
            pair,
            client_ca,
        )

    def _listening(self, port: int, interface: str) -> socket.socket:
        handle = socket.socket(fileno=self._descriptors[interface, port])
        handle.setblocking(False)
        handle.listen(BACKLOG)
        return handle


def _twisted_tls(
    reactor: Any,
    lower: IStreamServerEndpoint,
    pair: KeyAndCertificate,
    client_ca: bytes | None,
    handshake_time: float,
) -> TlsEndpoint:
    def over(current: Callable[[], Any]) -> IStreamServerEndpoint:
        return TlsOver(reactor, lower, current, handshake_time)

    return TlsEndpoint(openssl_context, over, pair, client_ca)


def _adopted(reactor: Any, handle: socket.socket) -> IStreamServerEndpoint:
    family = handle.family
    return cast(
        IStreamServerEndpoint, AdoptedStreamServerEndpoint(reactor, handle.detach(), family)
    )
