"""The face: an asyncio transport as a Twisted protocol sees it.

Theory of operation. ``Bridge`` is the asyncio protocol of one connection and passes each of its
calls to the Twisted protocol; ``FaceTransport`` is what that protocol is given as its transport.
Both use public interfaces only. Flow control maps one to one: asyncio's pause_writing and
resume_writing become the registered producer's pauseProducing and resumeProducing, and
pauseProducing of the transport becomes pause_reading.

What Twisted promises and asyncio does not is kept here: connectionLost comes exactly once and
never from within loseConnection; no data after it or after loseConnection; an exception in a
protocol closes that connection only and is logged; loseConnection waits for a producer that was
paused until it has been resumed and unregistered.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IHalfCloseableProtocol,
    IHandshakeListener,
    IProtocol,
    IPushProducer,
    ISSLTransport,
    ITCPTransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import alsoProvides, implementer

log = Logger()

Build = Callable[[IAddress], "IProtocol | None"]
"""Makes the Twisted protocol for a peer's address, or None to refuse it."""


def address_of(name: Any) -> Any:
    """A socket's name as Twisted's address."""
    if isinstance(name, tuple):
        kind = IPv6Address if len(name) == 4 else IPv4Address
        return kind("TCP", name[0], name[1])
    return UNIXAddress(name or None)


@implementer(ITCPTransport, IConsumer, IPushProducer)
class FaceTransport:
    """A TCP, TLS or Unix stream of asyncio as ITCPTransport, IConsumer and IPushProducer."""

    def __init__(self, stream: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.disconnecting = False
        self.connected = True
        self.aborted = False
        self._stream = stream
        self._loop = loop
        self._write = stream.write
        self._producer: Any = None
        self._streaming = True
        self._paused = False

    # -- ITransport

    def write(self, data: bytes) -> None:
        """Twisted: send, as soon as possible."""
        if self.connected:
            if type(data) is not bytes:
                raise TypeError(f"only bytes can be sent, not {type(data).__name__}")
            self._write(data)

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Twisted: send pieces in order."""
        if self.connected:
            self._stream.writelines(list(iovec))

    def loseConnection(self) -> None:
        """Twisted: close when all has been sent."""
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            if self._producer is None or not self._paused:
                self._stream.close()
            else:
                self._stream.pause_reading()

    def abortConnection(self) -> None:
        """Twisted: close now."""
        if self.connected and not self.aborted:
            self.aborted = self.disconnecting = True
            self._stream.abort()

    def loseWriteConnection(self) -> None:
        """Twisted: close for writing when all has been sent."""
        if self.connected and not self.disconnecting and self._stream.can_write_eof():
            self._stream.write_eof()

    def getPeer(self) -> Any:
        """Twisted: the other end."""
        return address_of(self._stream.get_extra_info("peername"))

    def getHost(self) -> Any:
        """Twisted: this end."""
        return address_of(self._stream.get_extra_info("sockname"))

    # -- ITCPTransport

    def getHandle(self) -> Any:
        """Twisted: the socket."""
        return self._stream.get_extra_info("socket")

    def _option(self, level: int, name: int) -> bool:
        handle = self.getHandle()
        return bool(handle is not None and handle.getsockopt(level, name))

    def _set_option(self, level: int, name: int, value: bool) -> None:
        handle = self.getHandle()
        if handle is not None and handle.family != socket.AF_UNIX:
            handle.setsockopt(level, name, value)

    def getTcpNoDelay(self) -> bool:
        """Twisted: whether small pieces are sent at once."""
        return self._option(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Twisted: send small pieces at once. (uvloop has set it when the connection was made.)"""
        if not enabled:
            self._set_option(socket.IPPROTO_TCP, socket.TCP_NODELAY, False)

    def getTcpKeepAlive(self) -> bool:
        """Twisted: whether a silent connection is probed."""
        return self._option(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Twisted: probe a silent connection."""
        self._set_option(socket.SOL_SOCKET, socket.SO_KEEPALIVE, enabled)

    # -- IConsumer

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Twisted: ``producer`` is told when to pause."""
        if self._producer is not None:
            raise RuntimeError(f"{producer} cannot be registered: {self._producer} is")
        self._producer = producer
        self._streaming = streaming
        if not self.connected or self.disconnecting:
            producer.stopProducing()
        elif not streaming:
            self._loop.call_soon(self._pull, producer)

    def unregisterProducer(self) -> None:
        """Twisted: there is none any more."""
        self._producer = None
        if self.disconnecting and self.connected:
            self._stream.close()

    def _pull(self, producer: Any) -> None:
        if self._producer is producer and self.connected and not self._paused:
            producer.resumeProducing()
            self._loop.call_soon(self._pull, producer)

    def writing_paused(self) -> None:
        """From the bridge: more is waiting to be sent than should."""
        self._paused = True
        if self._producer is not None and self._streaming:
            self._producer.pauseProducing()

    def writing_resumed(self) -> None:
        """From the bridge: what waited has been sent."""
        self._paused = False
        producer = self._producer
        if producer is None:
            return
        if self._streaming:
            producer.resumeProducing()
        else:
            self._loop.call_soon(self._pull, producer)

    def lost(self) -> None:
        """From the bridge: the connection is gone."""
        self.connected = False
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()

    # -- IPushProducer

    def pauseProducing(self) -> None:
        """Twisted: read no more for now."""
        if self.connected and not self.disconnecting:
            self._stream.pause_reading()

    def resumeProducing(self) -> None:
        """Twisted: read on."""
        if self.connected and not self.disconnecting:
            self._stream.resume_reading()

    def stopProducing(self) -> None:
        """Twisted: close."""
        self.loseConnection()


class Bridge(asyncio.Protocol):
    """Passes one connection's events to the Twisted protocol that ``build`` makes for it."""

    def __init__(self, build: Build, loop: asyncio.AbstractEventLoop) -> None:
        self._build = build
        self._loop = loop
        self.protocol: Any = None
        self.face: FaceTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection is up, over TLS after the handshake."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        face = FaceTransport(transport, self._loop)  # type: ignore[arg-type]
        secure = transport.get_extra_info("ssl_object") is not None
        if secure:
            alsoProvides(face, ISSLTransport)
        with_failure = self._guarded(lambda: self._build(face.getPeer()))
        if with_failure is None:
            face.abortConnection()
            return
        self.protocol, self.face = with_failure, face
        self._guarded(lambda: self.protocol.makeConnection(face))
        if secure and IHandshakeListener.providedBy(self.protocol):
            self._guarded(self.protocol.handshakeCompleted)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes arrived."""
        face = self.face
        if face is None or face.disconnecting:
            return
        try:
            self.protocol.dataReceived(data)
        except Exception:
            self._failed()

    def eof_received(self) -> bool:
        """asyncio: the peer has ended its side."""
        half = IHalfCloseableProtocol(self.protocol, None)
        if half is None or self.face is None or self.face.disconnecting:
            return False
        self._guarded(half.readConnectionLost)
        return True

    def pause_writing(self) -> None:
        """asyncio: too much waits to be sent."""
        if self.face is not None:
            self._guarded(self.face.writing_paused)

    def resume_writing(self) -> None:
        """asyncio: what waited has been sent."""
        if self.face is not None:
            self._guarded(self.face.writing_resumed)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone."""
        face = self.face
        if face is None:
            return
        face.lost()
        protocol, self.protocol = self.protocol, None
        try:
            protocol.connectionLost(Failure(_reason(face, exc)))
        except Exception:
            log.failure("{protocol} failed when it lost its connection", protocol=protocol)

    def _guarded(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception:
            self._failed()
            return None

    def _failed(self) -> None:
        log.failure("{protocol} failed; its connection is closed", protocol=self.protocol)
        if self.face is not None:
            self.face.abortConnection()


def _reason(face: FaceTransport, exc: Exception | None) -> Exception:
    if face.aborted:
        return ConnectionAborted()
    if exc is None:
        return ConnectionDone()
    return ConnectionLost(str(exc))
