from __future__ import annotations

from collections.abc import Callable

from twisted.internet import defer, task
from twisted.internet.error import (
    CannotListenError,
    ConnectionDone,
    ConnectionRefusedError,
    DNSLookupError,
)
from twisted.internet.interfaces import (
    IListeningPort,
    IReactorFDSet,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.memory.conformance import TransportCases
from tests.memory.network import MemoryNetwork
from tests.memory.pair import CountingFactory, NetworkTestCase
from tests.memory.recorders import Recorder

LONGEST = 1000  # steps that a case may take before it counts as stuck


class MemoryTransportTests(TransportCases, SynchronousTestCase):
    def setUp(self) -> None:
        self.network = self.make_network()
        self.waiting: list[tuple[Callable[[], bool], defer.Deferred[None]]] = []

    def make_network(self) -> MemoryNetwork:
        return MemoryNetwork(task.Clock())

    def server_endpoint(self, port: int) -> IStreamServerEndpoint:
        return self.network.listen_endpoint(port)

    def client_endpoint(self, port: int) -> IStreamClientEndpoint:
        return self.network.connect_endpoint("127.0.0.1", port)

    def until(self, condition: Callable[[], bool]) -> defer.Deferred[None]:
        self.waiting.append((condition, defer.Deferred()))
        return self.waiting[-1][1]

    def settled(self) -> defer.Deferred[None]:
        return self.until(lambda: True)

    def conclude(self, done: defer.Deferred[None]) -> None:
        # Steps go on from here, never from inside a pump.
        for _ in range(LONGEST):
            self.network.advance(4 * self.network.latency)
            ready = [entry for entry in self.waiting if entry[0]()]
            self.waiting = [entry for entry in self.waiting if entry not in ready]
            for _, deferred in ready:
                deferred.callback(None)
            if done.called:
                break
        self.successResultOf(done)


class InPiecesTests(MemoryTransportTests):
    """The same in odd pieces."""

    def make_network(self) -> MemoryNetwork:
        return MemoryNetwork(task.Clock(), chunk=1021, window=5003)


class FarAwayTests(MemoryTransportTests):
    """The same over a slow link."""

    def make_network(self) -> MemoryNetwork:
        return MemoryNetwork(task.Clock(), latency=0.25)


class ListeningTests(NetworkTestCase):
    def test_interfaces(self) -> None:
        verifyObject(IListeningPort, self.port)
        verifyObject(IStreamServerEndpoint, self.network.listen_endpoint(1))
        verifyObject(IStreamClientEndpoint, self.network.connect_endpoint("127.0.0.1", 1))
        verifyObject(IReactorFDSet, self.network.poller)

    def test_port_0_is_a_free_one(self) -> None:
        first = self.listen(0).getHost().port
        self.listen(first + 1)
        second = self.listen(0).getHost().port
        self.assertEqual(len({0, 5000, first, first + 1, second}), 5)

    def test_free_ports_start_over(self) -> None:
        taken = {self.network.free_port() for _ in range(30_000)}
        self.assertEqual((min(taken), max(taken)), (40000, 65535))

    def test_one_port_number_on_several_hosts(self) -> None:
        self.listen(5000, "127.0.0.2")
        for host in ("127.0.0.1", "127.0.0.2", "", "0.0.0.0"):
            listening = self.network.listen_endpoint(5000, host).listen(self.factory)
            self.failureResultOf(listening, CannotListenError)

    def test_every_address(self) -> None:
        port = self.listen(6000, "")
        self.assertEqual(port.getHost().host, "0.0.0.0")
        transport = self.network.connect(Recorder(), 6000, "10.1.2.3")
        self.assertEqual(transport.getPeer().host, "10.1.2.3")

    def test_stopping_refuses_at_once_and_frees_later(self) -> None:
        stopped = self.port.stopListening()
        self.assertRaises(ConnectionRefusedError, self.network.connect, Recorder(), 5000)
        listening = self.network.listen_endpoint(5000).listen(self.factory)
        self.failureResultOf(listening, CannotListenError)
        self.network.pump()
        self.successResultOf(stopped)
        self.assertIs(self.port.stopListening(), None)
        self.assertEqual((self.factory.starts, self.factory.stops), (1, 1))
        self.listen(5000)


class ConnectingTests(NetworkTestCase):
    def connect(self, host: str, port: int, factory: Factory) -> defer.Deferred[Recorder]:
        return self.network.connect_endpoint(host, port).connect(factory)

    def test_connected_in_a_pump_and_not_before(self) -> None:
        factory = CountingFactory()
        connecting = self.connect("localhost", 5000, factory)
        self.assertNoResult(connecting)
        self.assertEqual(len(self.factory.built), 1)
        self.network.pump()
        self.assertEqual(self.successResultOf(connecting), factory.built[0])
        self.assertEqual(factory.built[0].events, ["made"])
        self.assertEqual(len(self.factory.built), 2)

    def test_client_factory_is_started_and_stopped(self) -> None:
        factory = CountingFactory()
        connecting = self.connect("127.0.0.1", 5000, factory)
        self.network.pump()
        self.successResultOf(connecting).transport.loseConnection()
        self.assertEqual((factory.starts, factory.stops), (1, 0))
        self.network.pump()
        self.assertEqual((factory.starts, factory.stops), (1, 1))

    def test_refused(self) -> None:
        factory = CountingFactory()
        for host, port in (("127.0.0.1", 5001), ("127.0.0.2", 5000)):
            connecting = self.connect(host, port, factory)
            self.network.pump()
            self.failureResultOf(connecting, ConnectionRefusedError)
        self.assertEqual((factory.starts, factory.stops), (2, 2))
        self.assertEqual(len(self.network.links), 1)

    def test_names(self) -> None:
        connecting = self.connect("router.test", 5000, self.factory)
        self.network.pump()
        self.failureResultOf(connecting, DNSLookupError)
        self.network.names["router.test"] = "127.0.0.1"
        connecting = self.connect("router.test", 5000, CountingFactory())
        self.network.pump()
        self.successResultOf(connecting)

    def test_cancelled(self) -> None:
        factory = CountingFactory()
        connecting = self.connect("127.0.0.1", 5000, factory)
        connecting.cancel()
        self.network.pump()
        self.failureResultOf(connecting)
        self.assertEqual((factory.starts, factory.stops), (1, 1))
        self.assertEqual(len(self.factory.built), 1)

    def test_server_factory_fails(self) -> None:
        def fail(addr: object) -> Recorder:
            raise ZeroDivisionError("in buildProtocol")

        self.factory.buildProtocol = fail
        client = Recorder()
        self.network.connect(client, 5000)
        self.network.pump()
        self.assertEqual(client.events, ["made", ConnectionDone])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len(self.network.links), 1)

    def test_client_factory_fails(self) -> None:
        class Failing(CountingFactory):
            def buildProtocol(self, addr: object) -> Recorder:
                raise ZeroDivisionError("in buildProtocol")

        factory = Failing()
        connecting = self.connect("127.0.0.1", 5000, factory)
        self.network.pump()
        self.failureResultOf(connecting, ZeroDivisionError)
        self.assertEqual(self.factory.built[1].events, ["made", ConnectionDone])
        self.assertEqual(factory.stops, 1)
        self.assertEqual(len(self.network.links), 1)
