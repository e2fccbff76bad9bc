"""The sending half of a transport: what is written in one turn of the loop, and producers.

Theory of operation. What a protocol writes is kept until the turn ends and then handed to libuv,
which sends at once what the kernel takes (``turn``: one callback of the loop for all of them).
Twisted promises this: a write never does anything before its caller has returned, and one that is
followed by abortConnection is not sent. Several writes of one turn are one system call. While libuv
holds anything (its limits are set to 0, so pause_writing says that it does and resume_writing that
it no longer does), what is written stays here. The rest is
``twisted.internet.abstract.FileDescriptor`` again, whose moments are kept: a streaming producer is
paused by the write that exceeds ``BUFFER``; when everything has been sent, a paused or pulling
producer is resumed, else the connection is closed if that was asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from twisted.python.failure import Failure

from lambdadispatch.transports.turn import turn_of

BUFFER: Final = 131072
"""Octets that may wait to be sent before a producer is paused: an answer of 64 KiB with its head
leaves without a pause. (Twisted's own: 65536.)"""


def check_bytes(data: Any) -> None:
    """TypeError unless ``data`` is bytes."""
    if not isinstance(data, bytes):
        raise TypeError(f"only bytes can be sent, not {type(data).__name__}")


class Sender:
    """Writes to ``stream`` for as long as there is a connection.

    ``stream`` is an asyncio transport, or what has the face of one; it is set when the connection
    is made, and tells by ``pause_writing`` and ``resume_writing`` whether it holds anything.
    """

    __slots__ = (
        "_aborting",
        "_full",
        "_loop",
        "_pending",
        "_scheduled",
        "_size",
        "_stream",
        "_turn",
        "_writable",
        "_write_ended",
        "_write_ending",
        "connected",
        "disconnected",
        "disconnecting",
        "producer",
        "producerPaused",
        "streamingProducer",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.connected = False
        self.disconnecting = False
        self.disconnected = False
        self.producer: Any = None
        self.producerPaused = False
        self.streamingProducer = False
        self._loop = loop
        self._turn = turn_of(loop)
        self._stream: Any = None
        self._pending: list[bytes] = []
        self._size = 0
        self._scheduled = False
        self._full = False
        self._writable = False
        self._write_ending = False
        self._write_ended = False
        self._aborting = False

    # -- ITransport

    def write(self, data: bytes) -> None:
        """Twisted: send, at the end of this turn; ignored if there is no connection any more."""
        if type(data) is not bytes:
            check_bytes(data)
        if data and self._writable:
            self._pending.append(data)
            self._size += len(data)
            if not self._scheduled:
                self._scheduled = True
                self._turn.add(self)
            if self.producer is not None:
                self._pause_if_full()

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Twisted: send pieces in order; all or, if one is not bytes, none."""
        pieces = list(iovec)
        for piece in pieces:
            check_bytes(piece)
        if pieces and self._writable:
            self._pending.extend(pieces)
            self._size += sum(map(len, pieces))
            self._schedule()
            self._pause_if_full()

    def loseWriteConnection(self) -> None:
        """Twisted: close for writing when all has been sent."""
        if self._write_ended:
            self._write_ended_again()
        elif self.connected:
            self._write_ending = True
            self._schedule()

    # -- IConsumer

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Twisted: ``producer`` is told when to pause; RuntimeError if there is one already."""
        if self.producer is not None:
            raise RuntimeError(f"{producer} cannot be registered: {self.producer} still is")
        if self.disconnected:
            producer.stopProducing()
            return
        self.producer = producer
        self.producerPaused = False
        self.streamingProducer = streaming
        if not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """Twisted: there is none any more; a connection that waited for it to end is closed."""
        self.producer = None
        if self.disconnecting and self.connected:
            self._schedule()

    # -- from asyncio

    def pause_writing(self) -> None:
        """asyncio: the stream holds bytes that the kernel did not take."""
        self._full = True

    def resume_writing(self) -> None:
        """asyncio: the stream holds nothing any more."""
        self._full = False
        self.flush()

    # -- sending

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._turn.add(self)

    def flush(self) -> None:
        """From the turn: it ends."""
        self._scheduled = False
        if self._full or not self.connected or self._aborting:
            return
        pending = self._pending
        if pending:
            self._size = 0
            if len(pending) == 1:
                self._stream.write(pending.pop())
            else:
                self._pending = []
                self._stream.writelines(pending)
            if self._full:
                return
        if self.producer is not None or self.disconnecting or self._write_ending:
            self._drained()

    def _drained(self) -> None:
        if self._stream.is_closing():
            return
        if self.producer is not None and (self.producerPaused or not self.streamingProducer):
            self.producerPaused = False
            try:
                self.producer.resumeProducing()
            except Exception:
                self.fail(Failure())
        elif self.disconnecting:
            self._stream.close()
        elif self._write_ending and not self._write_ended:
            self._write_ended = True
            self._writable = False
            self._stream.write_eof()
            self._write_has_ended()

    def _pause_if_full(self) -> None:
        if self.producer is None or not self.streamingProducer:
            return
        held = self._stream.get_write_buffer_size() if self._full else 0
        if self._size + held > BUFFER:
            self.producerPaused = True
            self.producer.pauseProducing()

    def _drop_pending(self) -> None:
        self._writable = False
        self._pending = []
        self._size = 0

    # -- supplied by the whole transport

    def fail(self, failure: Failure) -> None:
        """The protocol or its producer raised: the connection ends with this reason."""
        raise NotImplementedError

    def _write_has_ended(self) -> None:
        raise NotImplementedError

    def _write_ended_again(self) -> None:
        raise NotImplementedError
