"""Connections of uvloop with the little of a Twisted transport that a dialled channel needs."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from lambdadispatch.wire.control import CERTIFICATE_NAME
from lambdadispatch.wire.payload import Callback


class ThinTransport(asyncio.Protocol):
    """``write``, ``loseConnection`` and ``abortConnection`` over ``stream``, uvloop's transport.

    Bytes go to the Twisted protocol as they come, in pieces of any size, until ``stream`` is given
    another protocol.
    """

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.stream: Any = None

    def connection_made(self, transport: Any) -> None:
        """asyncio: connected, with the handshake over if there is one."""
        self.stream = transport
        self.write = transport.write
        self.loseConnection = transport.close
        self.abortConnection = transport.abort
        self.protocol.makeConnection(self)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes arrived."""
        self.protocol.dataReceived(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: gone."""
        reason = ConnectionDone() if exc is None else ConnectionLost(str(exc))
        self.protocol.connectionLost(Failure(reason))


@implementer(IStreamClientEndpoint)
class ThinEndpoint:
    """Connects from ``source``, an address of this machine, to where the payload says.

    Over TLS it trusts the certificate in the payload only, as an ordinary instance does.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callback, source: str) -> None:
        self._loop = loop
        self._callback = callback
        self._source = source
        self._context: ssl.SSLContext | None = None
        if callback.tls:
            self._context = ssl.create_default_context(cadata=callback.certificate)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """Twisted: connect; fires with the protocol, fails with OSError."""
        address = IPv4Address("TCP", self._callback.host, self._callback.port)
        protocol = protocolFactory.buildProtocol(address)
        making = self._loop.create_connection(
            lambda: ThinTransport(protocol),
            self._callback.host,
            self._callback.port,
            ssl=self._context,
            server_hostname=CERTIFICATE_NAME if self._context else None,
            local_addr=(self._source, 0),
        )
        return Deferred.fromFuture(asyncio.ensure_future(making, loop=self._loop))
