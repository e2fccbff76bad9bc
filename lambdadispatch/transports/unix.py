"""Unix socket endpoints whose connections are libuv's, and the choice of them."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from pathlib import Path
from typing import Any, cast

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import UNIXClientEndpoint, UNIXServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from zope.interface import implementer

from lambdadispatch.transports.choose import loop_of
from lambdadispatch.transports.connecting import Accepting, Connecting
from lambdadispatch.transports.endpoints import BACKLOG
from lambdadispatch.transports.face import UnixTransport
from lambdadispatch.transports.port import LibuvPort


@implementer(IStreamServerEndpoint)
class LibuvUnixServerEndpoint:
    """Listens on a Unix socket at ``path``, which is there for as long as it listens.

    A socket left at ``path`` by a process that has ended is replaced; one that is served is not.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        path: str,
        mode: int = 0o666,
        backlog: int = BACKLOG,
    ) -> None:
        self._loop = loop
        self._path = path
        self._mode = mode
        self._backlog = backlog

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Twisted: listen, at once; CannotListenError if it cannot be."""
        try:
            handle = self._bind()
        except OSError as error:
            return fail(CannotListenError(None, self._path, error))
        inode = os.stat(self._path).st_ino  # noqa: PTH116
        port = LibuvPort(
            self._loop,
            handle,
            self._backlog,
            protocolFactory,
            lambda: _remove(self._path, inode),
        )
        origin = Accepting(protocolFactory)
        port.accept(lambda: UnixTransport(self._loop, origin))
        return succeed(cast(IListeningPort, port))

    def _bind(self) -> socket.socket:
        _remove_stale(self._path)
        handle = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            handle.setblocking(False)
            handle.bind(self._path)
            Path(self._path).chmod(self._mode)
            handle.listen(self._backlog)
        except BaseException:
            handle.close()
            raise
        return handle


@implementer(IStreamClientEndpoint)
class LibuvUnixClientEndpoint:
    """Connects to the Unix socket at ``path`` within ``timeout`` seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, path: str, timeout: float = 30.0) -> None:
        self._loop = loop
        self._path = path
        self._timeout = timeout

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Twisted: connect; cancelling the Deferred gives up. For errors see ``Connecting``."""
        origin = Connecting(self._loop, protocolFactory, UNIXAddress(self._path))
        face = UnixTransport(self._loop, origin)
        return origin.begin(
            self._loop.create_unix_connection(lambda: face, self._path), self._timeout
        )


def _remove_stale(path: str) -> None:
    """Remove a socket that nobody listens on any more."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):  # noqa: PTH116
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        if probe.connect_ex(path) == errno.ECONNREFUSED:
            Path(path).unlink(missing_ok=True)


def _remove(path: str, inode: int) -> None:
    """Remove the socket, unless another has taken its place."""
    try:
        if os.stat(path).st_ino == inode:  # noqa: PTH116
            Path(path).unlink()
    except FileNotFoundError:
        pass


def unix_server_endpoint(reactor: Any, path: str) -> IStreamServerEndpoint:
    """An endpoint to listen on at ``path``, libuv's where the process uses it."""
    loop = loop_of(reactor)
    if loop is not None:
        return cast(IStreamServerEndpoint, LibuvUnixServerEndpoint(loop, path))
    return cast(IStreamServerEndpoint, UNIXServerEndpoint(reactor, path, BACKLOG))


def unix_client_endpoint(reactor: Any, path: str, timeout: float) -> IStreamClientEndpoint:
    """An endpoint to connect to at ``path``, libuv's where the process uses it."""
    loop = loop_of(reactor)
    if loop is not None:
        return cast(IStreamClientEndpoint, LibuvUnixClientEndpoint(loop, path, timeout))
    return cast(IStreamClientEndpoint, UNIXClientEndpoint(reactor, path, timeout))
