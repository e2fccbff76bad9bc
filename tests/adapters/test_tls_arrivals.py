"""Connections to a TLS port that have not shaken hands: they are counted, limited, and given up.

Run under trial these are Twisted's transports; tests/libuv runs the same cases on libuv's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.internet.task import deferLater
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from lambdadispatch.control.server import ControlServer
from lambdadispatch.endpoints import ReactorEndpoints
from lambdadispatch.front.answers import answer_reason
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.router.client_side import front_server, make_forwarding
from lambdadispatch.transports.arrivals import (
    CLIENT_CERTIFICATE,
    TLS_FAILED,
    TLS_TIMEOUT,
    reason_of,
)
from lambdadispatch.wire.reader import Limits
from tests.authority import Authority
from tests.memory.system import BEGINNING, get, make_settings

LONG = 30.0
HASTY = 1.0
"""Longer than a handshake takes on a machine that has much else to do."""


class Client(Protocol):
    def __init__(self) -> None:
        self.received = b""
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost = reason


class ArrivalsCase(TestCase):
    timeout = 20

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor = reactor
        self.counts: Counter[str] = Counter()
        self.root = Authority()
        self.pair = self.root.issue("front.example")
        self.clients: list[Client] = []
        self.addCleanup(self.end)

    async def end(self) -> None:
        for client in self.clients:
            if client.lost is None:
                client.transport.abortConnection()
        await self.until(lambda: all(client.lost is not None for client in self.clients))

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await deferLater(self.reactor, 0.01, lambda: None)

    def front(self, **limits: object) -> HttpServer:
        settings = make_settings(**limits)
        return front_server(
            settings,
            lambda exchange: answer_reason(exchange, 200, "fine"),
            lambda exchange, error: None,
            make_forwarding(settings, lambda bits: 0, lambda: BEGINNING),
            self.counts,
            self.reactor.callLater,
        )

    async def listen(self, factory: IProtocolFactory, seconds: float) -> None:
        endpoint = ReactorEndpoints(self.reactor).tls(0, "127.0.0.1", self.pair, None, seconds)
        port: Any = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        self.port = port.getHost().port

    async def tcp(self, hello: bytes = b"") -> Client:
        """A connection that does not speak TLS by itself."""
        client = Client()
        lower = TCP4ClientEndpoint(self.reactor, "127.0.0.1", self.port)
        await connectProtocol(lower, client)
        self.clients.append(client)
        if hello:
            client.transport.write(hello)
        return client

    async def tls(self) -> Client:
        """A client; whatever becomes of it."""
        client = Client()
        trust = trustRootFromCertificates([Certificate.loadPEM(self.root.certificate)])
        options = optionsForClientTLS("front.example", trustRoot=trust)
        lower = TCP4ClientEndpoint(self.reactor, "127.0.0.1", self.port)
        connected: Deferred[Any] = connectProtocol(wrapClientTLS(options, lower), client)
        await connected
        self.clients.append(client)
        client.transport.write(get("/"))
        return client

    async def served(self) -> None:
        client = await self.tls()
        await self.until(lambda: b"fine" in client.received or client.lost is not None)
        self.assertTrue(client.received.startswith(b"HTTP/1.1 200 OK\r\n"))
        client.transport.loseConnection()
        await self.until(lambda: client.lost is not None)

    async def cut(self) -> None:
        client = await self.tls()
        await self.until(lambda: client.lost is not None)
        self.assertEqual(client.received, b"")


class FrontTests(ArrivalsCase):
    async def test_those_that_shake_hands_count_for_the_limit(self) -> None:
        await self.listen(self.front(connection_limit=2), LONG)
        silent = [await self.tcp(), await self.tcp(b"\x16\x03\x01")]
        await self.cut()
        self.assertEqual(self.counts, {"connection_limit": 1})
        silent[0].transport.abortConnection()
        await self.until(lambda: silent[0].lost is not None)
        await deferLater(self.reactor, 0.05, lambda: None)
        # One place is free again, for one after the other.
        for _ in range(3):
            await self.served()
            await deferLater(self.reactor, 0.05, lambda: None)
        self.assertEqual(self.counts, {"connection_limit": 1})

    async def test_those_of_one_address_count_for_its_limit(self) -> None:
        await self.listen(self.front(connections_per_address_limit=1), LONG)
        await self.tcp()
        await self.cut()
        self.assertEqual(self.counts, {"address_limit": 1})

    async def test_one_that_is_refused_for_its_address_takes_no_place(self) -> None:
        await self.listen(self.front(connection_limit=2, connections_per_address_limit=1), LONG)
        await self.tcp()
        for _ in range(3):
            await self.cut()
        self.assertEqual(self.counts, {"address_limit": 3})

    async def test_of_a_trusted_proxy_there_may_be_any_number(self) -> None:
        limits = {"connections_per_address_limit": 1, "trusted_proxies": "127.0.0.0/8"}
        await self.listen(self.front(**limits), LONG)
        await self.tcp()
        await self.served()

    async def test_one_that_takes_too_long_is_given_up_and_counted(self) -> None:
        await self.listen(self.front(connection_limit=3), HASTY)
        slow = [await self.tcp(), await self.tcp(b"\x16\x03\x01"), await self.tcp(b"\x16")]
        await self.cut()
        await self.until(lambda: all(each.lost is not None for each in slow))
        await self.until(lambda: self.counts["tls_timeout"] == 3)
        await self.served()
        self.assertEqual(self.counts, {"connection_limit": 1, "tls_timeout": 3})

    async def test_one_that_is_over_is_not_given_up(self) -> None:
        await self.listen(self.front(), HASTY)
        client = await self.tls()
        await self.until(lambda: b"fine" in client.received)
        await deferLater(self.reactor, HASTY + 0.1, lambda: None)
        client.received = b""
        client.transport.write(get("/"))
        await self.until(lambda: b"fine" in client.received or client.lost is not None)
        self.assertEqual(client.lost, None)
        self.assertEqual(self.counts, {})

    async def test_what_is_no_tls_is_counted_and_answered_nothing(self) -> None:
        server = self.front()
        await self.listen(server, LONG)
        client = await self.tcp(get("/"))
        await self.until(lambda: client.lost is not None)
        self.assertNotIn(b"HTTP", client.received)
        await self.until(lambda: not server.connections)
        self.assertEqual(self.counts, {"tls_failed": 1})

    async def test_who_just_leaves_is_not_counted(self) -> None:
        # As the checks of a load balancer do.
        server = self.front(connection_limit=1)
        await self.listen(server, LONG)
        for _ in range(3):
            client = await self.tcp()
            client.transport.loseConnection()
            await self.until(lambda: client.lost is not None)  # noqa: B023
            await deferLater(self.reactor, 0.05, lambda: None)
        await self.served()
        self.assertEqual(self.counts, {})


class ControlTests(ArrivalsCase):
    def control(self, most: int, admitted: int = 0) -> ControlServer:
        return ControlServer(
            lambda exchange: answer_reason(exchange, 200, "fine"),
            lambda exchange, error: None,
            lambda reason: self.counts.update([reason]),
            limits=Limits(8192, 32),
            patience=5,
            most=most,
            admitted=lambda: admitted,
        )

    async def test_those_that_shake_hands_count_for_the_limit(self) -> None:
        await self.listen(self.control(5, admitted=3), HASTY)
        await self.tcp()
        await self.tcp()
        await self.cut()
        self.assertEqual(self.counts, {"too_many_connections": 1})
        await self.until(lambda: self.counts["too_slow"] == 2)
        await self.served()
        self.assertEqual(self.counts, {"too_many_connections": 1, "too_slow": 2})


class ControlWordsTests(SynchronousTestCase):
    def test_each_denial_is_counted_but_a_flood_is_logged_once_a_second(self) -> None:
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        counts: Counter[str] = Counter()
        server = ControlServer(
            lambda exchange: None,
            lambda exchange, error: None,
            lambda reason: counts.update([reason]),
            limits=Limits(),
            patience=5,
            most=0,
            admitted=lambda: 0,
        )

        def words() -> Counter[str]:
            return Counter(each["denial"] for each in events if "denial" in each)

        for _ in range(3):
            server.handshake_failed(("10.0.0.1", 1), TLS_FAILED)
            server.handshake_failed(("10.0.0.1", 1), TLS_TIMEOUT)
            server.handshake_failed(("10.0.0.1", 1), CLIENT_CERTIFICATE)
            self.assertFalse(server.arriving(("10.0.0.1", 2)))
        every = ["tls_failed", "too_slow", "client_certificate", "too_many_connections"]
        self.assertEqual(counts, dict.fromkeys(every, 3))
        once = {"tls_failed": 1, "too_many_connections": 1}
        self.assertEqual(words(), {"too_slow": 3, "client_certificate": 3} | once)
        server.sweep()
        server.handshake_failed(("10.0.0.1", 1), TLS_FAILED)
        self.assertEqual(words()["tls_failed"], 2)


class ReasonTests(SynchronousTestCase):
    """The errors of both bindings; that they are these is shown by the tests with real ones."""

    def test_the_word_for_what_ended_a_handshake(self) -> None:
        import ssl

        from OpenSSL.SSL import Error

        for error, word in (
            (TimeoutError("the TLS handshake took longer than 5 s"), "tls_timeout"),
            (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "tls_failed"),
            (Error([("SSL routines", "", "http request")]), "tls_failed"),
            (Error([("SSL routines", "", "tlsv1 alert unknown ca")]), "tls_failed"),
            (
                ssl.SSLError(1, "[SSL: PEER_DID_NOT_RETURN_A_CERTIFICATE] peer did not"),
                "client_certificate",
            ),
            (Error([("SSL routines", "", "certificate verify failed")]), "client_certificate"),
            (ConnectionResetError("the peer closed during the TLS handshake"), None),
            (None, None),
        ):
            self.assertEqual(reason_of(error), word)
