"""Small parts of the router: regular calls, ports, its certificate, its own answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import connectProtocol
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from lambda_side.dial import Dialer, DialError
from lambda_side.endpoint import callback_endpoint
from lambdadispatch.endpoints import ReactorEndpoints
from lambdadispatch.front.answers import answer_reason
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.router.certificate import KeyAndCertificate, make_certificate, pin_of
from lambdadispatch.router.ports import CannotListen, Ports, Wanted
from lambdadispatch.router.ticker import Ticker
from lambdadispatch.wire.control import CERTIFICATE_NAME
from lambdadispatch.wire.payload import Callback
from lambdadispatch.wire.proof import CHANNEL
from tests.adapters.control_rig import NetworkCase, Peer
from tests.adapters.test_dialling import ADMITTED, PAYLOAD
from tests.memory.network import MemoryNetwork

NOW = datetime(2030, 1, 2, tzinfo=UTC)


class TickerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.ticks: list[float] = []
        self.ticker = Ticker(self.clock, 0.5, self.tick)

    def tick(self) -> None:
        self.ticks.append(self.clock.seconds())
        if len(self.ticks) == 2:
            raise ZeroDivisionError("in a tick")

    def test_it_goes_on_whatever_a_tick_does(self) -> None:
        self.ticker.start()
        self.clock.pump([0.5] * 4)
        self.assertEqual(self.ticks, [0.5, 1.0, 1.5, 2.0])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_it_stops(self) -> None:
        self.ticker.start()
        self.clock.advance(0.5)
        self.ticker.stop()
        self.ticker.stop()
        self.clock.advance(5)
        self.assertEqual(self.ticks, [0.5])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_tick_may_stop_it(self) -> None:
        def stop() -> None:
            ticker.stop()

        ticker = Ticker(self.clock, 0.5, stop)
        ticker.start()
        self.clock.advance(0.5)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class NeverListens:
    """An endpoint that does not listen at once, or fails in a way of its own."""

    def __init__(self, result: Deferred[Any]) -> None:
        self._result = result

    def listen(self, factory: Factory) -> Deferred[Any]:
        return self._result


class PortsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork(Clock())
        self.ports = Ports()

    def wanted(self, name: str, port: int) -> Wanted:
        return Wanted(name, port, self.network.listen_endpoint(port), Factory())

    def test_opened_and_closed(self) -> None:
        for name, port in (("port", 5002), ("admin-port", 0)):
            self.ports.listen(self.wanted(name, port))
        self.assertEqual(self.ports.number("port"), 5002)
        self.assertGreater(self.ports.numbers()["admin-port"] or 0, 0)
        closed = self.ports.close("port")
        self.assertNoResult(closed)
        self.assertEqual(self.ports.number("port"), None)
        self.network.pump()
        self.successResultOf(closed)
        self.successResultOf(self.ports.close("port"))
        (last,) = self.ports.close_all()
        self.network.pump()
        self.successResultOf(last)
        self.assertEqual(self.ports.numbers(), {})

    def test_one_that_is_taken(self) -> None:
        self.ports.listen(self.wanted("port", 5002))
        error = self.assertRaises(CannotListen, self.ports.listen, self.wanted("admin-port", 5002))
        self.assertIn("--admin-port 5002: cannot listen: ", str(error))
        self.assertIn("in use", str(error))
        self.assertIn(
            "choose another by --admin-port or LAMBDA_DISPATCH_ADMIN_PORT, or 0", str(error)
        )
        self.assertEqual(list(self.ports.numbers()), ["port"])

    def test_other_failures(self) -> None:
        for result, told in (
            (fail(ValueError("no such interface")), "cannot listen: no such interface"),
            (Deferred(), "listening did not begin at once"),
        ):
            wanted = Wanted("port", 5002, NeverListens(result), Factory())
            error = self.assertRaises(CannotListen, self.ports.listen, wanted)
            self.assertEqual(str(error), f"--port 5002: {told}")

    def test_the_text_of_the_system_is_told(self) -> None:
        cause = CannotListenError("x", 80, OSError(13, "Permission denied"))
        wanted = Wanted("port", 80, NeverListens(fail(cause)), Factory())
        error = self.assertRaises(CannotListen, self.ports.listen, wanted)
        self.assertIn("Permission denied", str(error))


class CertificateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pair = make_certificate(NOW)
        self.certificate = x509.load_pem_x509_certificate(self.pair.certificate)

    def test_the_name(self) -> None:
        names = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        self.assertEqual(names.value.get_values_for_type(x509.DNSName), [CERTIFICATE_NAME])
        self.assertEqual(self.certificate.issuer, self.certificate.subject)

    def test_the_key(self) -> None:
        key = load_pem_private_key(self.pair.key, None)
        self.assertIsInstance(key, ec.EllipticCurvePrivateKey)
        self.assertEqual(key.curve.name, "secp256r1")
        self.assertEqual(key.public_key(), self.certificate.public_key())

    def test_it_has_signed_itself(self) -> None:
        self.certificate.verify_directly_issued_by(self.certificate)

    def test_it_is_valid_now_and_longer_than_a_router_runs(self) -> None:
        self.assertLess(self.certificate.not_valid_before_utc, NOW)
        self.assertGreater(self.certificate.not_valid_after_utc, NOW + timedelta(days=3000))

    def test_each_is_new(self) -> None:
        other = make_certificate(NOW)
        self.assertNotEqual(other.key, self.pair.key)
        self.assertNotEqual(
            x509.load_pem_x509_certificate(other.certificate).serial_number,
            self.certificate.serial_number,
        )


class Admitting(Protocol):
    """Admits whoever asks, and says hello."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(ADMITTED + b"hello")


class TlsCase(TestCase):
    """Calling back over TLS, on real sockets."""

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor = reactor
        self.pair = make_certificate(datetime.now(UTC))

    async def listen(self, pair: KeyAndCertificate) -> int:
        factory = Factory.forProtocol(Admitting)
        factory.noisy = False
        endpoint = ReactorEndpoints(self.reactor).tls(0, "127.0.0.1", pair)
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        return port.getHost().port

    async def dial(self, port: int, trusted: bytes | None) -> Peer:
        """Dial; the connection is closed again before this returns."""
        callback = Callback("127.0.0.1", port, True, trusted and trusted.decode())
        endpoint = callback_endpoint(self.reactor, callback)
        successor, closed = Peer(), Deferred[None]()
        dialled = Dialer(self.reactor, endpoint, replace(PAYLOAD, callback=callback)).dial(
            CHANNEL, successor, lambda: closed.callback(None)
        )
        await dialled
        successor.transport.loseConnection()
        await closed
        return successor


class TlsTests(TlsCase):
    async def test_the_certificate_of_the_payload_is_trusted(self) -> None:
        port = await self.listen(self.pair)
        successor = await self.dial(port, self.pair.certificate)
        self.assertIsNot(successor.lost, None)

    async def test_any_other_is_not(self) -> None:
        port = await self.listen(self.pair)
        for trusted in (make_certificate(datetime.now(UTC)).certificate, None):
            try:
                await self.dial(port, trusted)
            except DialError as error:
                self.assertEqual((error.reason, error.final), ("untrusted_router", True))
            else:
                self.fail("a certificate that is not the router's was trusted")


class Impostor(Protocol):
    """A router that is not the one of the payload; keeps what it is sent once TLS is up."""

    def __init__(self, seen: bytearray) -> None:
        self._seen = seen

    def dataReceived(self, data: bytes) -> None:
        self._seen += data


class ImpostorTests(TlsCase):
    """Who has the router's address, but not its key, is sent a TLS handshake and nothing else."""

    async def meet(self, shown: KeyAndCertificate, callback: Callback) -> bytearray:
        seen = bytearray()
        factory = Factory.forProtocol(lambda: Impostor(seen))
        factory.noisy = False
        port = await ReactorEndpoints(self.reactor).tls(0, "127.0.0.1", shown).listen(factory)
        self.addCleanup(port.stopListening)
        told = replace(callback, port=port.getHost().port)
        endpoint = callback_endpoint(self.reactor, told)
        dialer = Dialer(self.reactor, endpoint, replace(PAYLOAD, callback=told))
        try:
            await dialer.dial(CHANNEL, Peer(), lambda: None)
        except DialError as error:
            self.assertEqual((error.reason, error.final), ("untrusted_router", True))
        else:
            self.fail("an impostor was trusted")
        # What was written before the connection was given up would have arrived by now.
        await deferLater(self.reactor, 0.05, lambda: None)
        return seen

    def callback(self, certificate: bytes | None, pin: bytes) -> Callback:
        pem = None if certificate is None else certificate.decode()
        return Callback("127.0.0.1", 1, True, pem, pin_of(pin))

    async def test_another_certificate(self) -> None:
        shown = make_certificate(datetime.now(UTC))
        right = self.pair.certificate
        self.assertEqual(await self.meet(shown, self.callback(right, right)), b"")

    async def test_a_certificate_that_is_trusted_with_another_key(self) -> None:
        shown = make_certificate(datetime.now(UTC))
        told = self.callback(shown.certificate, self.pair.certificate)
        self.assertEqual(await self.meet(shown, told), b"")

    async def test_a_certificate_for_another_name(self) -> None:
        shown = make_certificate(datetime.now(UTC), "another.internal")
        told = self.callback(shown.certificate, shown.certificate)
        self.assertEqual(await self.meet(shown, told), b"")

    async def test_the_right_pin(self) -> None:
        port = await self.listen(self.pair)
        told = replace(self.callback(self.pair.certificate, self.pair.certificate), port=port)
        dialer = Dialer(
            self.reactor,
            callback_endpoint(self.reactor, told),
            replace(PAYLOAD, callback=told),
        )
        successor, closed = Peer(), Deferred[None]()
        await dialer.dial(CHANNEL, successor, lambda: closed.callback(None))
        successor.transport.loseConnection()
        await closed


class AnswerTests(NetworkCase):
    def answer(self, status: int, reason: str) -> bytes:
        server = HttpServer(
            lambda exchange: answer_reason(exchange, status, reason), lambda exchange, error: None
        )
        self.successResultOf(self.network.listen_endpoint(5002).listen(server))
        client = Peer()
        connectProtocol(self.network.connect_endpoint("127.0.0.1", 5002), client)
        self.network.pump()
        client.transport.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.network.pump()
        return client.received

    def test_json_with_component_and_reason(self) -> None:
        received = self.answer(502, "answer_lost")
        self.assertTrue(received.startswith(b"HTTP/1.1 502 Bad Gateway\r\n"))
        self.assertIn(b"Content-Type: application/json\r\n", received)
        self.assertTrue(received.endswith(b'{"component": "router", "reason": "answer_lost"}\n'))
        self.assertNotIn(b"Retry-After", received)

    def test_who_is_refused_for_now_may_ask_again(self) -> None:
        self.assertIn(b"Retry-After: 1\r\n", self.answer(503, "queue_full"))
