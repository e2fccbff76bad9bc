"""What a listening factory offers by ALPN, and what its protocols see of it.

Run under trial these are Twisted's transports; tests/libuv runs the same cases on libuv's.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.interfaces import INegotiated, IProtocolNegotiationFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from lambdadispatch.endpoints import ReactorEndpoints
from lambdadispatch.http11.server import HttpServer
from tests.authority import Authority, rsa_key


@implementer(IProtocolNegotiationFactory)
class Offering(Factory):
    """Offers these; its protocols answer with what was agreed on when the first data comes."""

    noisy = False

    def __init__(self, *offered: bytes) -> None:
        self.offered = offered

    def acceptableProtocols(self) -> list[bytes]:
        return list(self.offered)

    def buildProtocol(self, addr: object) -> Protocol:
        return Telling()


class Telling(Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert INegotiated.providedBy(self.transport)
        self.transport.write(self.transport.negotiatedProtocol or b"none")
        self.transport.loseConnection()


class Client(Protocol):
    def __init__(self) -> None:
        self.received = b""
        self.lost: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(b"?")

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost.callback(self.received)


class AlpnTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor = reactor
        self.root = Authority()

    async def listen(self, factory: Factory) -> Any:
        endpoint = ReactorEndpoints(self.reactor).tls(0, "127.0.0.1", self.root.issue("a.example"))
        port: Any = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        self.port = port.getHost().port
        return endpoint

    async def agreed(self, *offered: bytes) -> bytes:
        trust = trustRootFromCertificates([Certificate.loadPEM(self.root.certificate)])
        options = optionsForClientTLS(
            "a.example", trustRoot=trust, acceptableProtocols=list(offered) or None
        )
        client = Client()
        lower = TCP4ClientEndpoint(self.reactor, "127.0.0.1", self.port)
        await connectProtocol(wrapClientTLS(options, lower), client)
        return await client.lost

    async def test_the_server_chooses_the_first_of_its_own(self) -> None:
        endpoint = await self.listen(Offering(b"h2", b"http/1.1"))
        cases = (
            ((b"http/1.1", b"h2"), b"h2"),
            ((b"http/1.1",), b"http/1.1"),
            ((b"h3", b"http/1.1"), b"http/1.1"),
            ((), b"none"),
            # Nothing in common: the handshake goes on without.
            ((b"smtp",), b"none"),
        )
        for offered, agreed in cases:
            self.assertEqual(await self.agreed(*offered), agreed)
        # It is offered with a renewed certificate, too.
        endpoint.renew(self.root.issue("a.example", key=rsa_key()))
        for offered, agreed in cases:
            self.assertEqual(await self.agreed(*offered), agreed)

    async def test_a_factory_that_offers_nothing(self) -> None:
        factory = Factory.forProtocol(Telling)
        factory.noisy = False
        await self.listen(factory)
        for offered in ((b"http/1.1",), ()):
            self.assertEqual(await self.agreed(*offered), b"none")


class OfferTests(SynchronousTestCase):
    def test_the_http_servers_offer_http(self) -> None:
        server = HttpServer(lambda exchange: None, lambda exchange, error: None)
        self.assertTrue(verifyObject(IProtocolNegotiationFactory, server))
        self.assertEqual(server.acceptableProtocols(), [b"http/1.1"])
