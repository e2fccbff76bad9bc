"""Endpoints whose connections are libuv's."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Coroutine
from typing import Any, cast

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import HostnameEndpoint, TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.error import CannotListenError, ConnectError
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from lambdadispatch.transports.choose import loop_of
from lambdadispatch.transports.face import Bridge, address_of

BACKLOG = 4096


@implementer(IListeningPort)
class LibuvPort:
    """A listening socket and the asyncio server on it."""

    def __init__(
        self, handle: socket.socket, server: asyncio.AbstractServer, factory: IProtocolFactory
    ) -> None:
        self._handle = handle
        self._address: IAddress = address_of(handle.getsockname())
        self._server = server
        self._factory = factory

    def startListening(self) -> None:
        """Twisted: it listens from the beginning."""

    def stopListening(self) -> Deferred[None]:
        """Twisted: accept no more."""
        self._server.close()
        self._handle.close()
        self._factory.doStop()
        return succeed(None)

    def getHost(self) -> IAddress:
        """Twisted: where it listens."""
        return self._address


@implementer(IStreamServerEndpoint)
class LibuvServerEndpoint:
    """Listens on a TCP port, in clear text or, with ``context``, over TLS."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        port: int,
        interface: str = "",
        backlog: int = BACKLOG,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._loop = loop
        self._port = port
        self._interface = interface
        self._backlog = backlog
        self._context = context

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Twisted: listen, at once if the loop does not run yet."""
        try:
            handle = self._bind()
        except OSError as error:
            return fail(CannotListenError(self._interface, self._port, error))
        protocolFactory.doStart()
        making = self._loop.create_server(
            lambda: Bridge(protocolFactory.buildProtocol, self._loop),
            sock=handle,
            backlog=self._backlog,
            ssl=self._context,
        )
        if self._loop.is_running():
            served = Deferred.fromFuture(asyncio.ensure_future(making, loop=self._loop))
        else:
            served = succeed(self._loop.run_until_complete(making))
        return served.addCallback(lambda server: LibuvPort(handle, server, protocolFactory))

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._interface else socket.AF_INET
        handle = socket.socket(family, socket.SOCK_STREAM)
        try:
            handle.setblocking(False)
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            handle.bind((self._interface, self._port))
            handle.listen(self._backlog)
        except OSError:
            handle.close()
            raise
        return handle


@implementer(IStreamClientEndpoint)
class LibuvClientEndpoint:
    """Connects to a TCP port; with ``context`` over TLS, verifying ``name``."""

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
        self._name = name

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Twisted: connect; cancelling the Deferred gives up."""
        task = asyncio.ensure_future(self._connect(protocolFactory), loop=self._loop)
        return Deferred.fromFuture(task).addErrback(_as_connect_error)

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        making: Coroutine[Any, Any, tuple[Any, Bridge]] = self._loop.create_connection(
            lambda: Bridge(factory.buildProtocol, self._loop),
            self._host,
            self._port,
            ssl=self._context,
            server_hostname=self._name if self._context else None,
        )
        _, bridge = await asyncio.wait_for(making, self._timeout)
        return cast(IProtocol, bridge.protocol)


def _as_connect_error(failure: Failure) -> Failure:
    if isinstance(failure.value, OSError | TimeoutError):
        raise ConnectError(string=str(failure.value) or type(failure.value).__name__)
    return failure


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
