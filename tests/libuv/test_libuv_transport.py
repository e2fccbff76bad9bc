"""The transport cases, the same as Twisted's own TCP passes, on libuv's transports."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    INegotiated,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)

from lambdadispatch.transports import face, sending
from lambdadispatch.transports.choose import loop_of
from lambdadispatch.transports.endpoints import (
    LibuvClientEndpoint,
    LibuvServerEndpoint,
    client_endpoint,
    server_endpoint,
)
from lambdadispatch.wire.control import CERTIFICATE_NAME
from tests.adapters.test_transport_conformance import RealTCPTests
from tests.libuv.case import client_context, own_loop, server_context
from tests.memory.cases import Steps, case
from tests.memory.recorders import HalfCloseRecorder, Recorder, pattern


class LibuvTests(RealTCPTests):
    """Only the endpoints differ, and how much is held and given at once."""

    BUFFER = sending.BUFFER
    PIECE = face.PIECE

    def setUp(self) -> None:
        self.assertIsNotNone(loop_of(reactor), "run these by python -m tests.libuv")

    def server_endpoint(self, port: int) -> IStreamServerEndpoint:
        return server_endpoint(reactor, port, "127.0.0.1")

    def client_endpoint(self, port: int) -> IStreamClientEndpoint:
        return client_endpoint(reactor, "127.0.0.1", port, 10)


class LibuvServerTests(LibuvTests):
    """libuv's ports to Twisted's clients."""

    BUFFER = RealTCPTests.BUFFER

    def client_endpoint(self, port: int) -> IStreamClientEndpoint:
        return TCP4ClientEndpoint(reactor, "127.0.0.1", port)


class LibuvClientTests(LibuvTests):
    """libuv's clients to Twisted's ports."""

    PIECE = RealTCPTests.PIECE

    def server_endpoint(self, port: int) -> IStreamServerEndpoint:
        return TCP4ServerEndpoint(reactor, port, interface="127.0.0.1")

    @case
    def test_abort_by_the_peer_while_paused_and_idle(self) -> Steps:
        # On uvloop's reactor Twisted's own transport never hears of such an end: the client's turn.
        yield self.connected()
        self.client.transport.pauseProducing()
        self.server.transport.write(b"arrived")
        yield self.settled()
        self.server.transport.abortConnection()
        yield self.until(lambda: self.server.lost)
        self.assertEqual(self.client.events, ["made"])
        self.client.transport.resumeProducing()
        yield self.until(lambda: self.client.lost)
        self.assertEqual(self.client.events, ["made", "data", ConnectionLost])


class LibuvTlsTests(LibuvTests):
    """Over TLS, but for what TLS cannot do: those cases say here what comes of it."""

    def server_endpoint(self, port: int) -> IStreamServerEndpoint:
        return LibuvServerEndpoint(own_loop(), port, "127.0.0.1", 50, server_context())

    def client_endpoint(self, port: int) -> IStreamClientEndpoint:
        return LibuvClientEndpoint(
            own_loop(), "127.0.0.1", port, 5, client_context(), CERTIFICATE_NAME
        )

    @case
    def test_error_in_data_received(self) -> Steps:
        # To the peer it is cut off, not ended.
        yield self.connected()

        def fail(data: bytes) -> None:
            raise ZeroDivisionError("in dataReceived")

        self.server.on_data = fail
        self.client.transport.write(b"trouble")
        yield self.until(self.both_lost)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.server.events, ["made", "data", ZeroDivisionError])
        self.assertEqual(self.client.events, ["made", ConnectionLost])

    @case
    def test_half_close(self) -> Steps:
        # Closing for writing closes.
        yield self.connected(HalfCloseRecorder(), HalfCloseRecorder())
        self.client.transport.write(b"question")
        self.client.transport.loseWriteConnection()
        yield self.until(lambda: self.client.lost and self.server.lost)
        self.assertEqual(self.server.received, b"question")
        self.assertEqual(self.client.events, ["made", ConnectionDone])
        self.assertEqual(self.server.events, ["made", "data", ConnectionDone])

    @case
    def test_half_close_to_a_plain_protocol_ends_all(self) -> Steps:
        yield self.connected(Recorder(), HalfCloseRecorder())
        self.client.transport.loseWriteConnection()
        yield self.until(self.both_lost)
        self.assertEqual(self.server.events, ["made", ConnectionDone])
        self.assertEqual(self.client.events, ["made", ConnectionDone])

    @case
    def test_both_directions_ended_while_paused(self) -> Steps:
        yield self.connected(HalfCloseRecorder(), HalfCloseRecorder())
        self.client.transport.pauseProducing()
        self.server.transport.loseConnection()
        yield self.settled()
        self.assertEqual(self.client.events, ["made"])
        self.client.transport.loseConnection()
        yield self.until(self.both_lost)
        self.assertEqual(self.client.events, ["made", ConnectionDone])
        self.assertEqual(self.server.events, ["made", ConnectionDone])

    @case
    def test_close_answers_unread_bytes_with_a_reset(self) -> Steps:
        # Reading on until the peer has closed too is what TLS does instead.
        yield self.connected()
        self.server.transport.pauseProducing()
        self.client.transport.write(b"unread")
        yield self.settled()
        self.server.transport.write(b"last words")
        self.server.transport.loseConnection()
        yield self.until(self.both_lost)
        self.assertEqual(self.client.received, b"last words")
        self.assertEqual(self.client.events, ["made", "data", ConnectionDone])
        self.assertEqual(self.server.events, ["made", ConnectionDone])

    @case
    def test_paused_reading_stops_data_and_hides_the_end(self) -> Steps:
        # The peer's end is the last thing a reader sees, however long it has paused.
        yield self.connected()
        pieces = self.server.pieces
        self.server.on_data = lambda data: self.server.transport.pauseProducing()
        sent = pattern(200_000)
        self.client.transport.write(sent)
        self.client.transport.loseConnection()
        while len(self.server.received) < len(sent):
            count = len(pieces) + 1
            yield self.until(lambda: len(pieces) == count)  # noqa: B023
            yield self.settled()
            self.assertEqual(self.server.events, ["made", "data"])
            self.server.transport.resumeProducing()
        yield self.until(self.both_lost)
        self.assertEqual(bytes(self.server.received), sent)
        self.assertEqual(self.server.events, ["made", "data", ConnectionDone])

    @case
    def test_write_to_an_end_that_has_closed(self) -> Steps:
        # It is still there, and passes over what comes.
        yield self.connected()
        self.client.transport.pauseProducing()
        self.server.transport.loseConnection()
        yield self.settled()
        self.client.transport.write(b"passed over")
        yield self.settled()
        self.assertEqual(self.client.events, ["made"])
        self.client.transport.resumeProducing()
        yield self.until(self.both_lost)
        self.assertEqual(self.client.events, ["made", ConnectionDone])
        self.assertEqual(self.server.events, ["made", ConnectionDone])

    @case
    def test_it_is_known_to_be_tls(self) -> Steps:
        yield self.connected()
        for end in (self.client, self.server):
            self.assertTrue(INegotiated.providedBy(end.transport))
            self.assertEqual(end.transport.negotiatedProtocol, b"http/1.1")
        certificate = self.client.transport.getPeerCertificate()
        self.assertEqual(certificate.get_subject().CN, CERTIFICATE_NAME)
        self.assertIsNone(self.server.transport.getPeerCertificate())


del RealTCPTests
