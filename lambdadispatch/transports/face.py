"""The face: an asyncio transport as a Twisted protocol sees it.

Theory of operation. A ``FaceTransport`` is both sides of one connection: the asyncio protocol that
uvloop calls, and the transport that a Twisted protocol is given. Public interfaces only, on either
side. What Twisted promises and asyncio does not is kept here:

* data comes in pieces of at most ``PIECE`` octets, none once the protocol has paused (uvloop starts
  to read after connectionMade even if it was paused there), and none after loseConnection;
* the end of the peer's data is hidden while reading is paused, and is told after the last piece;
* connectionLost comes exactly once, with Twisted's reasons; an exception in a protocol is logged
  and ends that connection only; an abort is a reset.

The moments of everything are those of ``twisted.internet.tcp``, and held to the same tests.
"""

from __future__ import annotations

import asyncio
import select
import socket
import struct
from typing import Any, Final, Protocol

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableProtocol,
    IPushProducer,
    ITCPTransport,
    ITransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import classImplements

from lambdadispatch.transports.sending import Sender

log = Logger()

PIECE: Final = 262144
"""The most octets that a protocol gets at once: no less than libuv reads, for a larger piece has to
be cut up, which copies it. (Twisted's own: 65536.)"""

RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Origin(Protocol):
    """What a connection comes from: a listening port, or an attempt to connect."""

    def connected(self, face: FaceTransport) -> None:
        """The connection is up: give it a protocol, or refuse it."""

    def failed(self, failure: Failure) -> None:
        """It did not come to that."""


def address_of(name: Any) -> Any:
    """A socket's name as Twisted's address."""
    if isinstance(name, tuple):
        kind = IPv6Address if len(name) == 4 else IPv4Address
        return kind("TCP", name[0], name[1])
    return UNIXAddress(name or None)


class FaceTransport(Sender):
    """A stream of libuv's under the Twisted protocol that ``origin`` gives it."""

    __slots__ = (
        "_ended_unseen",
        "_origin",
        "_read_ended",
        "_reading",
        "_rest",
        "_wanted",
        "protocol",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, origin: Origin) -> None:
        super().__init__(loop)
        self.protocol: Any = None
        self._origin: Origin | None = origin
        # Pieces go straight to the protocol: it wants them and nothing waits before them.
        self._reading = True
        self._wanted = True
        self._rest = b""
        self._read_ended = False
        self._ended_unseen = False

    # -- the connection, from asyncio

    def connection_made(self, stream: Any) -> None:
        """asyncio: the connection is up (and its handshake over, if there is one)."""
        stream.set_write_buffer_limits(0)
        self._stream = stream
        self.connected = self._writable = True
        origin, self._origin = self._origin, None
        if origin is not None:
            origin.connected(self)
        if not self._reading and self.connected:
            self._loop.call_soon(self._stop_if_paused)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes arrived."""
        if self._reading and len(data) <= PIECE:
            try:
                # Looked up each time: protocols replace it when they hand the connection on.
                self.protocol.dataReceived(data)
            except Exception:
                self.fail(Failure())
        else:
            self._keep(data)

    def eof_received(self) -> bool:
        """asyncio: the peer has ended its side; what to do about it is decided here."""
        if not self._read_ended:
            self._read_ended = True
            if self._reading:
                self._pass_end()
            else:
                self._ended_unseen = True
        return True

    def connection_lost(self, error: BaseException | None) -> None:
        """asyncio: the connection is gone."""
        if self._aborting:
            reason: Exception = ConnectionAborted()
        elif error is None:
            reason = ConnectionDone()
        else:
            reason = ConnectionLost(str(error))
        self._lost(Failure(reason))

    def refused(self, failure: Failure) -> None:
        """From TLS: the handshake failed, so there never was a connection."""
        origin, self._origin = self._origin, None
        if origin is not None:
            origin.failed(failure)

    def refuse(self) -> None:
        """From the origin: no protocol wants it."""
        self._drop_pending()
        self.connected = self._reading = self._wanted = False
        self.disconnected = True
        self._stream.close()

    # -- ITransport

    def loseConnection(self) -> None:
        """Twisted: close when all has been sent and a paused producer has ended."""
        if not self.connected or self.disconnecting:
            return
        if self._write_ended:
            self.end(Failure(ConnectionDone()))
            return
        self.disconnecting = True
        self.pauseProducing()
        self._schedule()

    def abortConnection(self) -> None:
        """Twisted: close now, by a reset; connectionLost comes in the next turn."""
        if not self.connected or self._aborting:
            return
        self._aborting = self.disconnecting = True
        self.pauseProducing()
        self._drop_pending()
        try:
            self.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        except OSError:
            log.debug("a connection that is aborted ends without a reset")
        self._stream.abort()

    def getPeer(self) -> Any:
        """Twisted: the other end."""
        return address_of(self._stream.get_extra_info("peername"))

    def getHost(self) -> Any:
        """Twisted: this end."""
        return address_of(self._stream.get_extra_info("sockname"))

    def getHandle(self) -> Any:
        """Twisted: the socket, for its options."""
        return self._stream.get_extra_info("socket")

    # -- IPushProducer

    def pauseProducing(self) -> None:
        """Twisted: read no more for now."""
        self._reading = self._wanted = False
        if self.connected:
            self._stream.pause_reading()

    def resumeProducing(self) -> None:
        """Twisted: read on."""
        if not self.connected or self.disconnecting or self._wanted:
            return
        self._wanted = True
        if self._rest or self._ended_unseen:
            self._loop.call_soon(self._pass_rest)
        else:
            self._read_on()

    def stopProducing(self) -> None:
        """Twisted: close."""
        self.loseConnection()

    # -- reading

    def _stop_if_paused(self) -> None:
        if not self._reading and self.connected:
            self._stream.pause_reading()

    def _read_on(self) -> None:
        self._reading = True
        if not self._read_ended:
            self._stream.resume_reading()

    def _keep(self, data: bytes) -> None:
        """More than a piece, or not wanted now."""
        if not self.connected or self.disconnecting:
            return
        self._rest += data
        self._reading = False
        self._stream.pause_reading()
        self._pass_rest()

    def _pass_rest(self) -> None:
        while self._rest and self._wanted:
            piece, self._rest = self._rest[:PIECE], self._rest[PIECE:]
            try:
                self.protocol.dataReceived(piece)
            except Exception:
                self.fail(Failure())
        if not self._wanted or self._reading:
            return
        if self._ended_unseen:
            self._ended_unseen = False
            self._reading = True
            self._pass_end()
        else:
            self._read_on()

    def _pass_end(self) -> None:
        half = IHalfCloseableProtocol(self.protocol, None)
        if half is None:
            self.end(Failure(ConnectionDone()))
            return
        try:
            half.readConnectionLost()
        except Exception:
            self.fail(Failure())

    # -- ends

    def fail(self, failure: Failure) -> None:
        """The protocol or its producer raised: log it and end with it as the reason."""
        log.failure("{protocol} failed; its connection ends", failure, protocol=self.protocol)
        self.end(failure)

    def end(self, reason: Failure) -> None:
        """End at once, with this reason; what has not been sent is dropped."""
        if self.connected:
            self._lost(reason)
            self._stream.abort()

    def _lost(self, reason: Failure) -> None:
        if not self.connected:
            return
        self._drop_pending()
        self.connected = self._reading = self._wanted = False
        self.disconnected = True
        self._rest = b""
        producer, self.producer = self.producer, None
        protocol, self.protocol = self.protocol, None
        try:
            if producer is not None:
                producer.stopProducing()
        except Exception:
            log.failure("{producer} failed when it was stopped", producer=producer)
        try:
            protocol.connectionLost(reason)
        except Exception:
            log.failure("{protocol} failed when it lost its connection", protocol=protocol)

    def _write_has_ended(self) -> None:
        half = IHalfCloseableProtocol(self.protocol, None)
        if half is None:
            return
        try:
            half.writeConnectionLost()
        except Exception:
            self.fail(Failure())

    def _write_ended_again(self) -> None:
        """Twisted looks at such a connection once more: has the peer gone altogether?"""
        if not self.connected or self._wanted:
            return
        poll = select.poll()
        poll.register(self.getHandle().fileno(), 0)
        if any(event & select.POLLHUP for _, event in poll.poll(0)):
            self._loop.call_soon(self.end, Failure(ConnectionLost()))


class TcpTransport(FaceTransport):
    """A TCP connection."""

    __slots__ = ()

    def getTcpNoDelay(self) -> bool:
        """Twisted: whether small pieces are sent at once; uvloop sets it on each connection."""
        return self._option(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Twisted: send small pieces at once."""
        self._set_option(socket.IPPROTO_TCP, socket.TCP_NODELAY, enabled)

    def getTcpKeepAlive(self) -> bool:
        """Twisted: whether a silent connection is probed."""
        return self._option(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Twisted: probe a silent connection."""
        self._set_option(socket.SOL_SOCKET, socket.SO_KEEPALIVE, enabled)

    def _option(self, level: int, name: int) -> bool:
        return self.connected and bool(self.getHandle().getsockopt(level, name))

    def _set_option(self, level: int, name: int, value: bool) -> None:
        if self.connected:
            self.getHandle().setsockopt(level, name, value)


classImplements(FaceTransport, ITransport, IConsumer, IPushProducer)
classImplements(TcpTransport, ITCPTransport)


class UnixTransport(FaceTransport):
    """A connection on a Unix socket."""

    __slots__ = ()

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing delays here; protocols that are made for TCP ask for it all the same."""
