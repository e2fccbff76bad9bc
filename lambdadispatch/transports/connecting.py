"""Where connections come from: an attempt to connect, or a port that accepts."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    DNSLookupError,
    NoProtocol,
    TimeoutError,
    getConnectError,
)
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from lambdadispatch.transports.face import FaceTransport

log = Logger()


class Accepting:
    """The origin of a port's connections: gives each a protocol of the factory."""

    def __init__(self, factory: IProtocolFactory) -> None:
        self._factory = factory

    def connected(self, face: FaceTransport) -> None:
        """From the face: build its protocol and begin.

        A protocol that fails in connectionMade keeps its connection, as it does in Twisted.
        """
        protocol = None
        try:
            protocol = self._factory.buildProtocol(face.getPeer())
            if protocol is not None:
                face.protocol = protocol
                protocol.makeConnection(face)
        except Exception:
            log.failure("{factory} failed with a new connection", factory=self._factory)
        if protocol is None:
            face.refuse()

    def failed(self, failure: Failure) -> None:
        """From the face: the TLS handshake failed; the layer has said so."""


class Connecting:
    """One attempt to connect to ``address``; the origin of its connection.

    Its Deferred fires with the protocol once connectionMade has returned, before any data. It fails
    with ConnectError or what is derived from it (TimeoutError, ConnectionRefusedError, SSLError,
    ...), DNSLookupError, NoProtocol, ConnectingCancelledError, or what the factory or the protocol
    raised.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, factory: IProtocolFactory, address: Any
    ) -> None:
        self._deferred: Deferred[IProtocol] | None = Deferred(self._cancelled)
        self._loop = loop
        self._factory = factory
        self._address = address
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._abandon: Callable[[], None] | None = None

    def begin(
        self,
        making: Coroutine[Any, Any, Any],
        timeout: float,
        abandon: Callable[[], None] | None = None,
    ) -> Deferred[IProtocol]:
        """Run ``making``, which makes the connection, for at most ``timeout`` seconds.

        ``abandon`` ends a handshake that goes on after ``making``.
        """
        assert self._deferred is not None, "an attempt is made once"
        deferred = self._deferred
        self._abandon = abandon
        self._task = self._loop.create_task(making)
        self._task.add_done_callback(self._made)
        self._timer = self._loop.call_later(timeout, self._too_slow, timeout)
        return deferred

    def connected(self, face: FaceTransport) -> None:
        """From the face: build its protocol and begin."""
        if self._deferred is None:
            face.refuse()
            return
        try:
            protocol = self._factory.buildProtocol(face.getPeer())
            if protocol is None:
                raise NoProtocol
        except Exception:
            face.refuse()
            self.failed(Failure())
            return
        face.protocol = protocol
        try:
            protocol.makeConnection(face)
        except Exception:
            failure = Failure()
            face.end(failure)
            self.failed(failure)
            return
        deferred = self._taken()
        if deferred is not None:
            deferred.callback(protocol)

    def failed(self, failure: Failure) -> None:
        """There is no connection, for this reason."""
        deferred = self._taken()
        if deferred is not None:
            deferred.errback(failure)

    def _taken(self) -> Deferred[IProtocol] | None:
        """The Deferred, once: the traceback of a failure leads here, and must not lead to it."""
        self._stop_timer()
        deferred, self._deferred = self._deferred, None
        return deferred

    def _made(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.failed(Failure(_as_twisted(error)))

    def _too_slow(self, timeout: float) -> None:
        self._give_up()
        self.failed(Failure(TimeoutError(string=f"no connection within {timeout:g} s")))

    def _cancelled(self, deferred: Deferred[IProtocol]) -> None:
        self._give_up()
        self.failed(Failure(ConnectingCancelledError(self._address)))

    def _give_up(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._abandon is not None:
            self._abandon()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()


def _as_twisted(error: BaseException) -> BaseException:
    """The error by which Twisted says the same."""
    if isinstance(error, socket.gaierror):
        return DNSLookupError(str(error))
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        if error.errno is None:
            return ConnectError(string=str(error))
        said: BaseException = getConnectError((error.errno, os.strerror(error.errno)))
        return said
    return error
