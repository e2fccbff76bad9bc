"""Protocols and producers that record what a transport does to them."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableProtocol,
    IPullProducer,
    IPushProducer,
)
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer


def pattern(size: int) -> bytes:
    """Return ``size`` bytes in which no two places look alike, to expose loss and reordering."""
    return b"".join(number.to_bytes(4, "big") for number in range(size // 4 + 1))[:size]


class Recorder(Protocol):
    """Records what the transport tells it, in order.

    ``events`` holds "made", "data", "read ended", "write ended" and the reason's class at the end;
    runs of "data" count as one, for TCP may cut a stream anywhere.
    """

    NO_REASON = Failure(ConnectionDone())

    def __init__(self) -> None:
        self.events: list[str | type[BaseException] | None] = []
        self.received = bytearray()
        self.pieces: list[int] = []
        self.on_data: Callable[[bytes], None] = self._nothing

    def connectionMade(self) -> None:
        self.events.append("made")

    def dataReceived(self, data: bytes) -> None:
        if self.events[-1] != "data":
            self.events.append("data")
        self.received += data
        self.pieces.append(len(data))
        self.on_data(data)

    def connectionLost(self, reason: Failure = NO_REASON) -> None:
        self.events.append(reason.type)

    @property
    def lost(self) -> bool:
        return isinstance(self.events[-1], type)

    def _nothing(self, data: bytes) -> None:
        pass


@implementer(IHalfCloseableProtocol)
class HalfCloseRecorder(Recorder):
    """A Recorder that keeps one direction open when the other ends."""

    def readConnectionLost(self) -> None:
        self.events.append("read ended")

    def writeConnectionLost(self) -> None:
        self.events.append("write ended")


@implementer(IPushProducer, IPullProducer)
class RecordingProducer:
    """Records the orders it gets, and writes one of ``chunks`` at each resume."""

    def __init__(self, consumer: IConsumer, chunks: list[bytes] | None = None) -> None:
        self.orders: list[str] = []
        self._consumer = consumer
        self._chunks = chunks or []

    def pauseProducing(self) -> None:
        self.orders.append("pause")

    def resumeProducing(self) -> None:
        self.orders.append("resume")
        if self._chunks:
            self._consumer.write(self._chunks.pop(0))

    def stopProducing(self) -> None:
        self.orders.append("stop")


@implementer(IPushProducer)
class Flood:
    """Writes ``data`` in pieces for as long as the consumer lets it, then unregisters."""

    def __init__(self, consumer: IConsumer, data: bytes) -> None:
        self._consumer = consumer
        self._rest = memoryview(data)
        self.pauses = 0
        self._paused = False

    @property
    def is_done(self) -> bool:
        return not self._rest

    def start(self) -> None:
        self._consumer.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self._paused = False
        while self._rest and not self._paused:
            piece, self._rest = bytes(self._rest[:16384]), self._rest[16384:]
            self._consumer.write(piece)
        if self.is_done:
            self._consumer.unregisterProducer()

    def pauseProducing(self) -> None:
        self._paused = True
        self.pauses += 1

    def stopProducing(self) -> None:
        self._rest = memoryview(b"")
