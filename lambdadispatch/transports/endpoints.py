"""Endpoints whose connections are libuv's, and the choice between them and Twisted's own."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import HostnameAddress, IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import HostnameEndpoint, TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from zope.interface import implementer

from lambdadispatch.transports.arrivals import Arrivals, arrivals_of
from lambdadispatch.transports.choose import loop_of
from lambdadispatch.transports.connecting import Accepting, Connecting
from lambdadispatch.transports.face import TcpTransport
from lambdadispatch.transports.port import LibuvPort

BACKLOG = 4096


@implementer(IStreamServerEndpoint)
class LibuvServerEndpoint:
    """Listens on a TCP port, in clear text or, with ``context``, over TLS.

    ``context`` may be a function that gives the one for the next connection. ``interface`` is an
    address, IPv6 if it holds a colon, and "" every IPv4 one. A TLS handshake may take
    ``handshake_time`` seconds. With ``handle``, a socket that listens there already, nothing is
    bound.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        port: int,
        interface: str = "",
        backlog: int = BACKLOG,
        context: ssl.SSLContext | Callable[[], ssl.SSLContext] | None = None,
        handshake_time: float | None = None,
        handle: socket.socket | None = None,
    ) -> None:
        self._handshake_time = handshake_time
        self._loop = loop
        self._port = port
        self._interface = interface
        self._backlog = backlog
        self._current = _source_of(context)
        self._handle = handle

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Twisted: listen, at once; CannotListenError if it cannot be."""
        try:
            handle = self._handle or self._bind()
        except OSError as error:
            return fail(CannotListenError(self._interface, self._port, error))
        origin, current = Accepting(protocolFactory), self._current
        arrivals = arrivals_of(protocolFactory)
        port = LibuvPort(self._loop, handle, self._backlog, protocolFactory)
        if current is None:
            port.accept(lambda: TcpTransport(self._loop, origin))
        else:
            patience = self._handshake_time
            port.accept(lambda: _over_tls(self._loop, origin, current(), None, patience, arrivals))
        return succeed(cast(IListeningPort, port))

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._interface else socket.AF_INET
        handle = socket.socket(family, socket.SOCK_STREAM)
        try:
            handle.setblocking(False)
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            handle.bind((self._interface, self._port))
            handle.listen(self._backlog)
        except BaseException:
            handle.close()
            raise
        return handle


def _source_of(
    context: ssl.SSLContext | Callable[[], ssl.SSLContext] | None,
) -> Callable[[], ssl.SSLContext] | None:
    if isinstance(context, ssl.SSLContext):
        always = context
        return lambda: always
    return context


@implementer(IStreamClientEndpoint)
class LibuvClientEndpoint:
    """Connects to a TCP port within ``timeout`` seconds.

    With ``context`` over TLS, whose handshake is part of it and verifies ``name``, or else
    ``host``, as far as the context asks for that. For errors see ``Connecting``.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        host: str,
        port: int,
        timeout: float = 30.0,
        context: ssl.SSLContext | None = None,
        name: str | None = None,
    ) -> None:
        self._loop = loop
        self._host = host
        self._port = port
        self._timeout = timeout
        self._context = context
        self._name = name or host

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Twisted: connect; cancelling the Deferred gives up."""
        address = _destination(self._host, self._port)
        origin = Connecting(self._loop, protocolFactory, address)
        abandon = None
        if self._context is None:
            lower: Any = TcpTransport(self._loop, origin)
        else:
            lower = _over_tls(self._loop, origin, self._context, self._name)
            abandon = lower.give_up
        making = self._loop.create_connection(lambda: lower, self._host, self._port)
        return origin.begin(making, self._timeout, abandon)


def _over_tls(
    loop: asyncio.AbstractEventLoop,
    origin: Any,
    context: ssl.SSLContext,
    name: str | None,
    handshake_time: float | None = None,
    arrivals: Arrivals | None = None,
) -> Any:
    # Only now: the Lambda side does without, and pays for each module at a cold start.
    from lambdadispatch.transports.tls import (  # noqa: PLC0415
        HANDSHAKE_TIME,
        TlsLayer,
        TlsTransport,
    )

    patience = HANDSHAKE_TIME if handshake_time is None else handshake_time
    return TlsLayer(loop, TlsTransport(loop, origin), context, name, patience, arrivals)


def _destination(host: str, port: int) -> Any:
    if isIPAddress(host):
        return IPv4Address("TCP", host, port)
    if isIPv6Address(host):
        return IPv6Address("TCP", host, port)
    return HostnameAddress(host.encode("idna"), port)


def server_endpoint(reactor: Any, port: int, interface: str) -> IStreamServerEndpoint:
    """A clear-text TCP endpoint to listen on, libuv's where the process uses it."""
    loop = loop_of(reactor)
    if loop is not None:
        return cast(IStreamServerEndpoint, LibuvServerEndpoint(loop, port, interface))
    kind = TCP6ServerEndpoint if ":" in interface else TCP4ServerEndpoint
    return cast(IStreamServerEndpoint, kind(reactor, port, BACKLOG, interface))


def client_endpoint(reactor: Any, host: str, port: int, timeout: float) -> IStreamClientEndpoint:
    """A clear-text TCP endpoint to connect to, libuv's where the process uses it."""
    loop = loop_of(reactor)
    if loop is not None:
        return cast(IStreamClientEndpoint, LibuvClientEndpoint(loop, host, port, timeout))
    return cast(IStreamClientEndpoint, HostnameEndpoint(reactor, host, port, timeout=timeout))
