"""Twisted's TCP transport on in-memory sockets, and the poller that drives it.

``MemoryTransport`` is ``twisted.internet.tcp.Connection`` itself: buffering, producers, half
close and the order of events are Twisted's own code, not an imitation. Only the socket
(``MemorySocket``) and the reactor's polling (``Poller``, after ``twisted.internet.epollreactor``)
are replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import tcp
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IReactorFDSet,
    IReactorTime,
    IReadDescriptor,
    IWriteDescriptor,
)
from twisted.python import log
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.memory.link import MemorySocket


@implementer(IReactorFDSet)
class Poller:
    """The part of a reactor that a transport sees: readers, writers, time.

    A transport registered for neither reading nor writing is not looked at, so it does not notice
    that its peer has gone. This is how Twisted's epoll reactor behaves.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        # Dicts, not sets: the order of events must be the same in each run.
        self._readers: dict[Any, None] = {}
        self._writers: dict[Any, None] = {}

    def addReader(self, reader: IReadDescriptor) -> None:
        self._readers[reader] = None

    def addWriter(self, writer: IWriteDescriptor) -> None:
        self._writers[writer] = None

    def removeReader(self, reader: IReadDescriptor) -> None:
        self._readers.pop(reader, None)

    def removeWriter(self, writer: IWriteDescriptor) -> None:
        self._writers.pop(writer, None)

    def removeAll(self) -> list[Any]:
        removed = list({**self._readers, **self._writers})
        self._readers.clear()
        self._writers.clear()
        return removed

    def getReaders(self) -> list[Any]:
        return list(self._readers)

    def getWriters(self) -> list[Any]:
        return list(self._writers)

    def seconds(self) -> float:
        return self._clock.seconds()

    def callLater(self, delay: float, call: Callable[..., object], *args: Any) -> IDelayedCall:
        """Schedule ``call``; an exception in it is logged, as a reactor does."""
        return self._clock.callLater(delay, self._logged, call, *args)

    def _logged(self, call: Callable[..., object], *args: Any) -> None:
        try:
            call(*args)
        except Exception:
            log.err()

    def turn(self) -> list[MemoryTransport]:
        """Serve each transport that is ready, once. Return the ones served."""
        return [t for t in {**self._readers, **self._writers} if self._serve(t)]

    def _serve(self, transport: MemoryTransport) -> bool:
        end = transport.memory_socket
        can_read = transport in self._readers and not end.frozen and end.readable
        can_write = transport in self._writers and end.writable
        if not (can_read or can_write):
            return False
        # A hang-up needs no event of its own: recv or send fails on it, with the same outcome.
        why: BaseException | None = None
        in_read = False
        try:
            if can_read:
                in_read = True
                why = transport.doRead()
            if can_write and not why:
                in_read = False
                why = transport.doWrite()
        except Exception as error:
            why = error
            log.err()
        if why:
            self._logged(self._disconnect, transport, why, in_read)
        return True

    def _disconnect(self, transport: MemoryTransport, why: BaseException, in_read: bool) -> None:
        self.removeReader(transport)
        if in_read and isinstance(why, ConnectionDone):
            transport.readConnectionLost(Failure(why))
            return
        self.removeWriter(transport)
        transport.connectionLost(Failure(why))


class MemoryTransport(tcp.Connection):
    """A Twisted TCP transport whose socket is a ``MemorySocket``.

    ``lost`` is called once, after the protocol's ``connectionLost``. ``negotiatedProtocol`` is
    there to be set, as if this were TLS.
    """

    negotiatedProtocol: bytes | None = None

    def __init__(
        self,
        memory_socket: MemorySocket,
        protocol: IProtocol,
        poller: Poller,
        *,
        host: IPv4Address,
        peer: IPv4Address,
        lost: Callable[[], None],
    ) -> None:
        super().__init__(memory_socket, protocol, poller)
        self.memory_socket = memory_socket
        self.connected = 1
        self.logstr = f"{type(protocol).__name__},{peer.host}"
        self._host = host
        self._peer = peer
        self._lost: Callable[[], None] | None = lost

    def getHost(self) -> IPv4Address:
        return self._host

    def getPeer(self) -> IPv4Address:
        return self._peer

    def connectionLost(self, reason: Failure) -> None:
        lost, self._lost = self._lost, None
        try:
            super().connectionLost(reason)
        finally:
            if lost is not None:
                lost()

    def __repr__(self) -> str:
        host, peer = self._host, self._peer
        state = "connected" if self.connected else "lost"
        return f"<MemoryTransport {host.host}:{host.port} to {peer.host}:{peer.port} {state}>"
