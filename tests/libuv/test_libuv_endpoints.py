"""libuv's endpoints: what can go wrong with a port or a connection, and how it is said."""

from __future__ import annotations

import errno
import socket
from typing import Any, cast

from twisted.internet.address import HostnameAddress, IPv6Address
from twisted.internet.error import (
    CannotListenError,
    ConnectingCancelledError,
    ConnectionDone,
    ConnectionRefusedError,
    DNSLookupError,
    TimeoutError,
)
from twisted.internet.interfaces import IListeningPort, IStreamClientEndpoint, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SkipTest
from zope.interface.verify import verifyObject

from lambdadispatch.http11.keepalive import KEEP_ALIVE, keep_alive
from lambdadispatch.transports.connecting import Connecting
from lambdadispatch.transports.endpoints import LibuvClientEndpoint, LibuvServerEndpoint
from tests.libuv.case import LibuvCase
from tests.memory.cases import Steps, case
from tests.memory.recorders import HalfCloseRecorder, Recorder

ADDRESS = "127.0.0.1"


class CountingFactory(Factory):
    """Counts its ports."""

    noisy = False
    protocol = Recorder

    def __init__(self) -> None:
        self.calls: list[str] = []

    def doStart(self) -> None:
        self.calls.append("start")

    def doStop(self) -> None:
        self.calls.append("stop")


class EndpointCase(LibuvCase):
    address = ADDRESS

    def server_endpoint(self, port: int) -> IStreamServerEndpoint:
        return LibuvServerEndpoint(self.loop, port, self.address)

    def client_endpoint(self, port: int) -> IStreamClientEndpoint:
        return LibuvClientEndpoint(self.loop, self.address, port)

    def failing(self, endpoint: Any, kind: type[Exception], factory: Any = None) -> Any:
        connecting = endpoint.connect(factory or Factory.forProtocol(Recorder))
        return self.assertFailure(connecting, kind)


class PortTests(EndpointCase):
    @case
    def test_listens_at_once_and_stops_once(self) -> Steps:
        factory = CountingFactory()
        port = self.successResultOf(self.server_endpoint(0).listen(factory))
        verifyObject(IListeningPort, port)
        self.assertEqual(factory.calls, ["start"])
        self.assertIn("listening", repr(port))
        yield self.settled()
        for _ in range(2):
            self.assertIsNone(self.successResultOf(port.stopListening()))
        self.assertEqual(factory.calls, ["start", "stop"])
        self.assertIn("stopped", repr(port))
        yield self.failing(self.client_endpoint(port.getHost().port), ConnectionRefusedError)

    @case
    def test_stops_in_the_turn_in_which_it_began(self) -> Steps:
        factory = CountingFactory()
        port = self.successResultOf(self.server_endpoint(0).listen(factory))
        number = port.getHost().port
        port.stopListening()
        self.assertEqual(factory.calls, ["start", "stop"])
        again = self.successResultOf(self.server_endpoint(number).listen(factory))
        yield self.settled()
        again.stopListening()

    @case
    def test_errors_name_the_port_and_the_cause(self) -> Steps:
        yield self.listening(Recorder)
        for address, port, number in (
            (ADDRESS, self.number, errno.EADDRINUSE),
            ("192.0.2.1", 0, errno.EADDRNOTAVAIL),
        ):
            factory = CountingFactory()
            listening = LibuvServerEndpoint(self.loop, port, address).listen(factory)
            error = self.failureResultOf(listening, CannotListenError).value
            self.assertEqual((error.interface, error.port), (address, port))
            self.assertEqual(error.socketError.errno, number)
            self.assertEqual(factory.calls, [])

    @case
    def test_factory_that_fails_loses_that_connection_only(self) -> Steps:
        failures = [True, False]

        def build() -> Recorder:
            if failures.pop(0):
                raise ZeroDivisionError("in buildProtocol")
            return Recorder()

        first, second = Recorder(), Recorder()
        yield self.listening(build)
        yield self.joined(first)
        yield self.until(lambda: first.lost)
        self.assertEqual(first.events, ["made", ConnectionDone])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        yield self.joined(second)
        yield self.until(lambda: len(self.served) == 1)
        self.assertEqual(second.events, ["made"])


class ClientTests(EndpointCase):
    @case
    def test_unknown_host(self) -> Steps:
        endpoint = LibuvClientEndpoint(self.loop, "no-such-host.invalid", 80, 10)
        yield self.failing(endpoint, DNSLookupError)

    @case
    def test_every_address_of_a_name_refuses(self) -> Steps:
        yield self.listening(Recorder)
        yield self.port.stopListening()
        endpoint = LibuvClientEndpoint(self.loop, "localhost", self.number, 10)
        yield self.failing(endpoint, ConnectionRefusedError)

    @case
    def test_no_answer_within_the_timeout(self) -> Steps:
        with socket.socket() as silent:
            # Linux does not answer when the queue of a port is full.
            silent.bind((ADDRESS, 0))
            silent.listen(0)
            number = silent.getsockname()[1]
            fillers = [socket.socket() for _ in range(3)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex((ADDRESS, number))
            yield self.settled()
            endpoint = LibuvClientEndpoint(self.loop, ADDRESS, number, 0.02)
            error = yield self.failing(endpoint, TimeoutError)
            self.assertIn("0.02 s", str(error))
            for filler in fillers:
                filler.close()

    @case
    def test_cancelled_by_name_and_for_ipv6(self) -> Steps:
        for host, address in (
            ("localhost", HostnameAddress(b"localhost", 9)),
            ("::1", IPv6Address("TCP", "::1", 9)),
        ):
            connecting = LibuvClientEndpoint(self.loop, host, 9).connect(CountingFactory())
            connecting.cancel()
            error = self.failureResultOf(connecting, ConnectingCancelledError).value
            self.assertEqual(error.address, address)
        yield self.settled()

    def test_cancelled_when_it_has_connected_but_nobody_knows_yet(self) -> None:
        class Face:
            refused = False

            def refuse(self) -> None:
                self.refused = True

        async def made() -> None:
            """Has connected."""

        face, factory = Face(), CountingFactory()
        origin = Connecting(self.loop, factory, HostnameAddress(b"localhost", 9))
        connecting = origin.begin(made(), 10)
        connecting.cancel()
        self.failureResultOf(connecting, ConnectingCancelledError)
        origin.connected(cast(Any, face))
        self.assertTrue(face.refused)

    @case
    def test_factory_that_fails(self) -> Steps:
        server = Recorder()
        yield self.listening(lambda: server)

        def build() -> Recorder:
            raise ZeroDivisionError("in buildProtocol")

        yield self.failing(
            self.client_endpoint(self.number), ZeroDivisionError, Factory.forProtocol(build)
        )
        yield self.until(lambda: bool(server.events) and server.lost)
        self.assertEqual(server.events, ["made", ConnectionDone])

    @case
    def test_protocol_comes_before_its_data(self) -> Steps:
        yield self.listening(lambda: server)
        server, client = Recorder(), Recorder()
        seen: list[list[Any]] = []

        class Greeting(Recorder):
            def connectionMade(self) -> None:
                super().connectionMade()
                self.transport.write(b"first")

        server = Greeting()
        connecting = self.client_endpoint(self.number).connect(Factory.forProtocol(lambda: client))
        connecting.addCallback(lambda protocol: seen.append(list(protocol.events)))
        yield self.until(lambda: client.received == b"first")
        self.assertEqual(seen, [["made"]])
        client.transport.abortConnection()
        yield self.until(lambda: client.lost)


class TransportTests(EndpointCase):
    @case
    def test_pause_in_connection_made(self) -> Steps:
        # uvloop begins to read when connectionMade returns, whatever it did.
        class Pausing(HalfCloseRecorder):
            def connectionMade(self) -> None:
                super().connectionMade()
                self.transport.pauseProducing()

        server = Pausing()
        yield self.listening(lambda: server)
        client = Recorder()
        yield self.joined(client)
        client.transport.write(b"early")
        client.transport.loseWriteConnection()
        yield self.until(lambda: bool(server.events))
        yield self.settled()
        self.assertEqual(server.events, ["made"])
        server.transport.resumeProducing()
        yield self.until(lambda: "read ended" in server.events)
        self.assertEqual(server.events, ["made", "data", "read ended"])
        self.assertEqual(server.received, b"early")

    @case
    def test_close_in_connection_made(self) -> Steps:
        class Brief(Recorder):
            def connectionMade(self) -> None:
                super().connectionMade()
                self.transport.write(b"busy")
                self.transport.loseConnection()

        server, client = Brief(), Recorder()
        yield self.listening(lambda: server)
        yield self.joined(client)
        yield self.until(lambda: client.lost and server.lost)
        self.assertEqual(client.received, b"busy")
        self.assertEqual(server.events, ["made", ConnectionDone])

    @case
    def test_data_goes_to_whoever_the_protocol_says(self) -> Steps:
        yield self.connected()
        successor: list[bytes] = []
        self.server.dataReceived = successor.append  # type: ignore[method-assign,assignment]
        self.client.transport.write(b"for the successor")
        yield self.until(lambda: bool(successor))
        self.assertEqual(successor, [b"for the successor"])
        self.assertEqual(self.server.received, b"")

    @case
    def test_writes_of_one_turn_arrive_as_one(self) -> Steps:
        yield self.connected()
        for word in (b"head ", b"body ", b"end"):
            self.client.transport.write(word)
        yield self.until(lambda: bool(self.server.received))
        self.assertEqual(self.server.pieces, [13])

    @case
    def test_keep_alive_reaches_the_socket(self) -> Steps:
        yield self.connected()
        keep_alive(self.server.transport)
        handle = self.server.transport.getHandle()
        self.assertTrue(self.server.transport.getTcpKeepAlive())
        self.assertEqual(
            handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), KEEP_ALIVE["TCP_KEEPIDLE"]
        )

    @case
    def test_options_of_a_lost_connection(self) -> Steps:
        yield self.connected()
        transport = self.client.transport
        peer, host = transport.getPeer(), transport.getHost()
        transport.abortConnection()
        yield self.until(lambda: self.client.lost)
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)
        self.assertFalse(transport.getTcpNoDelay())
        self.assertFalse(transport.getTcpKeepAlive())
        transport.pauseProducing()
        transport.resumeProducing()
        transport.loseWriteConnection()
        transport.unregisterProducer()
        self.assertEqual((transport.getPeer(), transport.getHost()), (peer, host))
        yield self.settled()
        self.assertEqual(len(self.client.events), 2)

    @case
    def test_error_in_a_producer_ends_its_connection(self) -> Steps:
        yield self.connected()

        class Failing:
            def resumeProducing(self) -> None:
                if asked:
                    raise ZeroDivisionError("in resumeProducing")
                asked.append(True)

            def stopProducing(self) -> None:
                raise ZeroDivisionError("in stopProducing")

        asked: list[bool] = []
        self.client.transport.registerProducer(Failing(), False)
        self.client.transport.write(b"some")
        yield self.until(self.both_lost)
        self.assertEqual(self.client.events, ["made", ZeroDivisionError])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)


class SixTests(EndpointCase):
    address = "::1"

    def setUp(self) -> None:
        super().setUp()
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError as error:
            raise SkipTest(f"no IPv6 here: {error}") from None

    @case
    def test_both_ends(self) -> Steps:
        yield self.connected()
        self.assertIsInstance(self.port.getHost(), IPv6Address)
        self.assertEqual(self.client.transport.getPeer(), self.port.getHost())
        self.assertEqual(self.server.transport.getPeer(), self.client.transport.getHost())
        self.client.transport.write(b"six")
        yield self.until(lambda: self.server.received == b"six")
