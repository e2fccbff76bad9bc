"""An in-memory stand-in for a connected pair of TCP sockets.

``MemorySocket`` answers the few calls that ``twisted.internet.tcp.Connection`` makes on a socket,
with the results that a Linux kernel gives, so that Twisted's own transport code runs on top of it
unchanged. ``Link`` joins two of them and is what a test takes hold of to break a connection.

Kernel behaviour followed (and compared with real sockets by ``conformance.py``):

* Bytes that have reached the receiver can still be read after a clean end and after a reset.
* ``close`` sends a reset when bytes remain unread, and a reset answers bytes sent to a closed end.
* A reset after a clean end still reads as the clean end, and fails the next ``send``.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
import struct
from collections.abc import Callable
from typing import Any, Literal

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.tcp import Connection

Side = Literal["client", "server"]

_numbers = itertools.count(1)


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class MemorySocket:
    """One end of a ``Link``.

    ``unacknowledged`` counts the bytes this end has sent which its peer has not read. It never
    exceeds the window of the link: ``send`` then takes fewer bytes, or fails with ``EWOULDBLOCK``.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._number = next(_numbers)
        self.peer: MemorySocket = self
        self.inbox = bytearray()
        self.unacknowledged = 0
        self.ended = False  # the peer's FIN has arrived
        self.failed = False  # a reset has arrived
        self.finished = False  # our FIN has been sent
        self.closed = False
        self.frozen = False
        self._in_flight: list[IDelayedCall] = []
        self._options: dict[tuple[int, int], Any] = {}

    # What twisted.internet.tcp.Connection calls.

    def fileno(self) -> int:
        return -1 if self.closed else self._number

    def setblocking(self, flag: bool) -> None:
        if flag:
            raise ValueError("a MemorySocket cannot block: setblocking takes only False")

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        self._options[level, option] = value

    def getsockopt(self, level: int, option: int) -> Any:
        return self._options.get((level, option), 0)

    def recv(self, size: int) -> bytes:
        if self.inbox:
            size = min(size, self._link.chunk or size)
            data = bytes(self.inbox[:size])
            del self.inbox[:size]
            self.peer.unacknowledged -= len(data)
            return data
        if self.ended:
            return b""
        raise _os_error(errno.ECONNRESET if self.failed else errno.EWOULDBLOCK)

    def send(self, data: bytes | memoryview) -> int:
        if self.failed or self.finished:
            raise _os_error(errno.EPIPE)
        taken = bytes(data[: self._link.window - self.unacknowledged])
        if data and not taken:
            raise _os_error(errno.EWOULDBLOCK)
        if taken:
            self.unacknowledged += len(taken)
            self._carry(self.peer.data_arrived, taken)
        return len(taken)

    def shutdown(self, how: int) -> None:
        if self.failed or self.closed:
            raise _os_error(errno.ENOTCONN)
        if how != socket.SHUT_RD and not self.finished:
            self.finished = True
            self._carry(self.peer.end_arrived)

    def close(self) -> None:
        if self.closed:
            return
        if self._lingers_not():
            self._drop_in_flight()
            self._carry(self.peer.reset_arrived)
        elif not self.failed:
            self.shutdown(socket.SHUT_RDWR)
            if self.inbox:
                self._carry(self.peer.reset_arrived)
        self.closed = self.finished = True
        self.inbox.clear()
        self._link.end_closed()

    def _lingers_not(self) -> bool:
        """Tell whether SO_LINGER says (on, 0 seconds), which makes ``close`` a reset."""
        linger = self.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER)
        return bool(linger) and struct.unpack("ii", linger) == (1, 0)

    # What the poller asks.

    @property
    def readable(self) -> bool:
        return bool(self.inbox) or self.ended or self.failed

    @property
    def writable(self) -> bool:
        # Linux reports a socket writable once a third of its buffer is free, not at each byte.
        free = self._link.window - self.unacknowledged
        return self.failed or self.finished or free * 3 >= self._link.window

    # What the peer's packets do here.

    def data_arrived(self, data: bytes) -> None:
        if self.closed:
            self._carry(self.peer.reset_arrived)
        elif not self.failed:
            self.inbox += data

    def end_arrived(self) -> None:
        self.ended = True

    def reset_arrived(self) -> None:
        self.failed = True

    def forget(self) -> None:
        """Drop whatever has arrived here and has not been read, and what is still on the way."""
        self._drop_in_flight()
        self.inbox.clear()
        self.ended = self.failed = False

    def _carry(self, deliver: Callable[..., None], *args: bytes) -> None:
        if self._link.is_cut:
            return
        if not self._link.latency:
            deliver(*args)
            return
        self._in_flight = [call for call in self._in_flight if call.active()]
        self._in_flight.append(self._link.clock.callLater(self._link.latency, deliver, *args))

    def _drop_in_flight(self) -> None:
        for call in self._in_flight:
            if call.active():
                call.cancel()
        self._in_flight.clear()


class Link:
    """A connection between a client and a server, with the means to damage it.

    ``client`` and ``server`` are the transports at the two ends (``None`` where the factory at
    that end gave no protocol).
    """

    client: Connection | None = None
    server: Connection | None = None

    def __init__(
        self,
        clock: IReactorTime,
        *,
        chunk: int | None,
        latency: float,
        window: int,
        links: list[Link],
    ) -> None:
        self.clock = clock
        self.chunk = chunk
        self.latency = latency
        self.window = window
        self.is_cut = False
        self._links = links
        self.sockets: dict[Side, MemorySocket] = {
            "client": MemorySocket(self),
            "server": MemorySocket(self),
        }
        client, server = self.sockets.values()
        client.peer, server.peer = server, client
        links.append(self)

    def cut(self) -> None:
        """Cut the network between the ends for good: no byte and no end arrives any more.

        Neither end is told. As nothing is acknowledged, a writer fills its window and then blocks.
        """
        self.is_cut = True
        for end in self.sockets.values():
            end.forget()

    def reset(self) -> None:
        """Reset both ends at once; bytes not yet read are lost.

        An end that is paused and has nothing to write notices when it resumes or writes, as on a
        real socket.
        """
        for end in self.sockets.values():
            end.forget()
        for end in self.sockets.values():
            end.reset_arrived()

    def freeze(self, side: Side) -> None:
        """Stop the end named by ``side`` from reading, as if its protocol had paused."""
        self.sockets[side].frozen = True

    def thaw(self, side: Side) -> None:
        """Undo ``freeze``."""
        self.sockets[side].frozen = False

    def end_closed(self) -> None:
        """Take this link off the list of live ones once both ends have closed their sockets."""
        if all(end.closed for end in self.sockets.values()) and self in self._links:
            self._links.remove(self)
