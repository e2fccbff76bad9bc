"""A client and a server on an in-memory network, for its own tests."""

from __future__ import annotations

from twisted.internet import task
from twisted.internet.interfaces import (
    IListeningPort,
)
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from tests.memory.network import MemoryNetwork
from tests.memory.recorders import Recorder


class CountingFactory(Factory):
    """Keeps the protocols it builds, and how often it was started and stopped."""

    noisy = False

    def __init__(self) -> None:
        self.built: list[Recorder] = []
        self.starts = 0
        self.stops = 0

    def startFactory(self) -> None:
        self.starts += 1

    def stopFactory(self) -> None:
        self.stops += 1

    def buildProtocol(self, addr: object) -> Recorder:
        self.built.append(Recorder())
        return self.built[-1]


class NetworkTestCase(SynchronousTestCase):
    """A server on port 5000 and a client connected to it."""

    def build(self, *, chunk: int | None = None, latency: float = 0.0, window: int = 65536) -> None:
        self.clock = task.Clock()
        self.network = MemoryNetwork(self.clock, chunk=chunk, latency=latency, window=window)
        self.factory = CountingFactory()
        self.port = self.listen(5000)
        self.client = Recorder()
        self.transport = self.network.connect(self.client, 5000)
        self.server = self.factory.built[0]

    def setUp(self) -> None:
        self.build()

    def listen(self, port: int, host: str = "127.0.0.1") -> IListeningPort:
        endpoint = self.network.listen_endpoint(port, host)
        return self.successResultOf(endpoint.listen(self.factory))
