"""A listener and connections on the in-memory network, for the small parts of both ends."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.endpoints import connectProtocol
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.memory.network import MemoryNetwork
from tests.memory.system import Client as Peer

PORT = 5001


class NetworkCase(SynchronousTestCase):
    """A clock, a network, and ``peers``: the far ends of the connections to PORT."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        self.peers: list[Peer] = []

    def listen(self, build: Callable[[], Protocol] | None = None) -> None:
        """Take connections on PORT, with peers unless ``build`` says otherwise."""

        def peer() -> Protocol:
            self.peers.append(Peer())
            return self.peers[-1]

        factory = Factory.forProtocol(build or peer)
        factory.noisy = False
        self.successResultOf(self.network.listen_endpoint(PORT).listen(factory))

    @property
    def endpoint(self) -> IStreamClientEndpoint:
        return self.network.connect_endpoint("127.0.0.1", PORT)

    def connect(self, protocol: Protocol) -> Peer:
        """Connect ``protocol`` to a peer."""
        connectProtocol(self.endpoint, protocol)
        self.network.pump()
        return self.peers[-1]

    def say(self, data: bytes, peer: int = -1) -> None:
        """The peer sends."""
        self.peers[peer].transport.write(data)
        self.network.pump()

    def hang_up(self, peer: int = -1) -> None:
        """The peer closes."""
        self.peers[peer].transport.loseConnection()
        self.network.pump()
