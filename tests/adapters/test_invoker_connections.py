"""Keep-alive and TLS of the connections, and the bodies that go over them."""

import socket
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import URI, BrowserLikePolicyForHTTPS, ResponseDone
from twisted.web.error import SchemeNotSupported
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IBodyProducer, IPolicyForHTTPS
from zope.interface import implementer
from zope.interface.verify import verifyObject

from lambdadispatch.http11.keepalive import KEEP_ALIVE, keep_alive
from lambdadispatch.invoker.bodies import WholeBody, read_bounded
from lambdadispatch.invoker.connections import (
    InvokeEndpoints,
    KeptAliveEndpoint,
    invoke_agent,
)
from tests.adapters.invoker_fakes import FakeService, MemoryNetwork, SocketTransport, logged


def option(handle: socket.socket, name: str) -> int:
    return handle.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))


@implementer(IStreamClientEndpoint)
class FixedEndpoint:
    """A client endpoint that connects at once, over the transport it is given."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        protocol: Any = protocolFactory.buildProtocol(None)  # type: ignore[arg-type]
        protocol.makeConnection(self.transport)
        made: Deferred[Any] = Deferred()
        made.callback(protocol)
        return made


@implementer(IPolicyForHTTPS)
class CountingPolicy:
    """Twisted's ordinary policy, with a list of what it was asked to make."""

    def __init__(self) -> None:
        self.made: list[tuple[bytes, int]] = []
        self._ordinary = BrowserLikePolicyForHTTPS()

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        self.made.append((hostname, port))
        return self._ordinary.creatorForNetloc(hostname, port)


class KeepAliveTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork(FakeService())
        self.addCleanup(self.network.close)

    def assert_kept_alive(self, transport: SocketTransport) -> None:
        self.assertTrue(transport.keep_alive_set)
        self.assertTrue(transport.handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        for name, value in KEEP_ALIVE.items():
            self.assertEqual(option(transport.handle, name), value)

    def test_the_first_probe_comes_well_before_flows_are_forgotten(self) -> None:
        self.assertLess(KEEP_ALIVE["TCP_KEEPIDLE"] + KEEP_ALIVE["TCP_KEEPINTVL"], 350)

    def test_an_http_connection_is_kept_alive(self) -> None:
        invoke_agent(self.network.reactor).request(b"GET", b"http://lambda.test/")
        self.network.accept()
        self.assert_kept_alive(self.network.transports[0])

    def test_an_https_connection_is_kept_alive_below_tls(self) -> None:
        invoke_agent(self.network.reactor).request(b"GET", b"https://lambda.test/")
        (_, port, factory, timeout, _) = self.network.reactor.tcpClients[0]
        self.assertEqual((port, timeout), (443, 10.0))
        client: Any = factory.buildProtocol(None)
        transport = SocketTransport(client, isServer=False)
        self.addCleanup(transport.handle.close)
        client.makeConnection(transport)
        self.assert_kept_alive(transport)
        hello = transport.getOutBuffer()
        self.assertEqual(hello[:2], b"\x16\x03", "a TLS handshake record")

    def test_the_certificate_is_checked_against_the_name(self) -> None:
        endpoint = InvokeEndpoints(self.network.reactor).endpointForURI(
            URI.fromBytes(b"https://lambda.test:8443/")
        )
        connected: Deferred[Any] = endpoint.connect(Factory.forProtocol(Protocol))
        (_, port, factory, _, _) = self.network.reactor.tcpClients[0]
        self.assertEqual(port, 8443)
        client: Any = factory.buildProtocol(None)
        transport = SocketTransport(client, isServer=False)
        self.addCleanup(transport.handle.close)
        client.makeConnection(transport)
        tls = self.successResultOf(connected).transport
        self.assertIsInstance(tls, TLSMemoryBIOProtocol)
        self.assertIn(b"lambda.test", transport.getOutBuffer())
        self.assertEqual(tls.getHandle().get_context().get_verify_mode() & 1, 1)

    def test_the_trust_store_is_read_once_for_each_endpoint(self) -> None:
        policy = CountingPolicy()
        endpoints = InvokeEndpoints(self.network.reactor, tls_policy=policy)
        for url in (
            b"https://a.test/x",
            b"https://a.test/y",
            b"https://b.test/",
            b"http://c.test/",
        ):
            endpoints.endpointForURI(URI.fromBytes(url))
        self.assertEqual(policy.made, [(b"a.test", 443), (b"b.test", 443)])

    def test_other_schemes_are_refused(self) -> None:
        endpoints = InvokeEndpoints(self.network.reactor)
        for scheme in (b"ftp", b"ws", b"file"):
            uri = URI.fromBytes(scheme + b"://lambda.test/")
            error = self.assertRaises(SchemeNotSupported, endpoints.endpointForURI, uri)
            self.assertIn(scheme.decode(), str(error))

    def test_a_transport_without_a_socket_is_left_alone(self) -> None:
        transport = StringTransport()
        keep_alive(transport)
        self.assertTrue(transport.connected)
        connected: Deferred[Any] = KeptAliveEndpoint(FixedEndpoint(transport)).connect(
            Factory.forProtocol(Protocol)
        )
        self.assertIs(self.successResultOf(connected).transport, transport)

    def test_a_socket_that_refuses_the_options_is_used_as_it_is(self) -> None:
        transport = SocketTransport(None, isServer=False)
        transport.handle.close()
        lines = logged(self)
        connected: Deferred[Any] = KeptAliveEndpoint(FixedEndpoint(transport)).connect(
            Factory.forProtocol(Protocol)
        )
        self.assertIs(self.successResultOf(connected).transport, transport)
        self.assertIn("keep-alive could not be set", "\n".join(lines()))


class FakeResponse:
    """A response whose body the test delivers."""

    def __init__(self) -> None:
        self.transport = StringTransport()
        self.body: Any = None

    def deliverBody(self, protocol: Any) -> None:
        self.body = protocol
        protocol.makeConnection(self.transport)


class ReadBoundedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.response: Any = FakeResponse()

    def test_a_body_within_the_limit(self) -> None:
        read = read_bounded(self.response, 6)
        for part in (b"abc", b"", b"def"):
            self.response.body.dataReceived(part)
        self.assertNoResult(read)
        self.response.body.connectionLost(Failure(ResponseDone()))
        self.assertEqual(self.successResultOf(read), b"abcdef")
        self.assertFalse(self.response.transport.disconnecting)

    def test_a_longer_body_is_cut_wherever_its_parts_end(self) -> None:
        for parts in ([b"abcdefg"], [b"abc", b"defg"], [b"abcdef", b"g"], [b"a"] * 5 + [b"a" * 9]):
            response: Any = FakeResponse()
            read = read_bounded(response, 6)
            for part in parts:
                response.body.dataReceived(part)
            self.assertEqual(self.successResultOf(read), b"".join(parts)[:6])
            self.assertTrue(response.transport.disconnecting)
            response.body.dataReceived(b"more")
            response.body.connectionLost(Failure(ConnectionError()))

    def test_a_body_that_ends_with_the_connection(self) -> None:
        read = read_bounded(self.response, 6)
        self.response.body.dataReceived(b"abc")
        self.response.body.connectionLost(Failure(PotentialDataLoss()))
        self.assertEqual(self.successResultOf(read), b"abc")

    def test_a_connection_lost_in_the_body(self) -> None:
        read = read_bounded(self.response, 6)
        self.response.body.dataReceived(b"abc")
        self.response.body.connectionLost(Failure(ConnectionResetError("reset")))
        self.failureResultOf(read, ConnectionResetError)

    def test_cancelling_closes_the_connection(self) -> None:
        read = read_bounded(self.response, 6)
        read.cancel()
        self.assertTrue(self.response.transport.disconnecting)
        self.failureResultOf(read, CancelledError)
        self.response.body.dataReceived(b"abc")
        self.response.body.connectionLost(Failure(ResponseDone()))


class WholeBodyTests(SynchronousTestCase):
    def test_it_is_a_body_producer(self) -> None:
        self.assertTrue(verifyObject(IBodyProducer, WholeBody(b"abc")))

    def test_it_writes_everything_at_once(self) -> None:
        body, consumer = WholeBody(b"abc"), StringTransport()
        self.assertEqual(body.length, 3)
        self.successResultOf(body.startProducing(consumer))
        self.assertEqual(consumer.value(), b"abc")
