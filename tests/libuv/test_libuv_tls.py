"""TLS on libuv's transports: the handshake, ends that are not clean, and Twisted's TLS opposite."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import (
    SSL4ServerEndpoint,
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    wrapClientTLS,
)
from twisted.internet.error import ConnectionDone, ConnectionLost, SSLError, TimeoutError
from twisted.internet.interfaces import (
    IHandshakeListener,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    PrivateCertificate,
    TLSVersion,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from lambda_side.endpoint import callback_endpoint
from lambdadispatch.endpoints import ReactorEndpoints
from lambdadispatch.transports.endpoints import LibuvClientEndpoint, LibuvServerEndpoint
from lambdadispatch.transports.tls import CLOSE_TIME, SEALED, TlsLayer
from lambdadispatch.wire.control import CERTIFICATE_NAME
from lambdadispatch.wire.payload import Callback
from tests.libuv.case import LibuvCase, client_context, pair, server_context
from tests.memory.cases import Steps, case
from tests.memory.recorders import Recorder, pattern

ADDRESS = "127.0.0.1"


@implementer(IHandshakeListener)
class ShakenRecorder(Recorder):
    """Writes when the handshake is over, as a protocol on Twisted's TLS has to."""

    def handshakeCompleted(self) -> None:
        self.events.append("shaken")
        self.transport.write(b"hello")


class TlsCase(LibuvCase):
    """libuv at both ends, over TLS."""

    def server_endpoint(self, port: int) -> IStreamServerEndpoint:
        return LibuvServerEndpoint(self.loop, port, ADDRESS, 50, server_context())

    def client_endpoint(self, port: int) -> IStreamClientEndpoint:
        return LibuvClientEndpoint(self.loop, ADDRESS, port, 5, client_context(), CERTIFICATE_NAME)


class HandshakeTests(TlsCase):
    @case
    def test_listeners_are_told_once_after_connection_made(self) -> Steps:
        server, client = Recorder(), ShakenRecorder()
        yield self.listening(lambda: server)
        yield self.joined(client)
        yield self.until(lambda: server.received == b"hello")
        self.assertEqual(client.events, ["made", "shaken"])

    @case
    def test_error_in_handshake_completed_ends_the_connection(self) -> Steps:
        class Failing(ShakenRecorder):
            def handshakeCompleted(self) -> None:
                raise ZeroDivisionError("in handshakeCompleted")

        server, client = Recorder(), Failing()
        yield self.listening(lambda: server)
        yield self.joined(client)
        yield self.until(lambda: bool(server.events) and server.lost)
        self.assertEqual(client.events, ["made", ZeroDivisionError])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    @case
    def test_wrong_name_is_refused(self) -> Steps:
        yield self.listening(Recorder)
        endpoint = LibuvClientEndpoint(self.loop, ADDRESS, self.number, 5, client_context())
        yield self._refused(endpoint, SSLError, "127.0.0.1")
        yield self.settled()
        # TLS 1.3: the server has spoken first, and may have had its protocol by then.
        self.assertTrue(all(server.lost for server in self.served))

    @case
    def test_port_without_tls_is_refused(self) -> Steps:
        server = Recorder()
        server.on_data = lambda data: server.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self.endings.append((yield self._plain(server)).stopListening)
        yield self._refused(self.client_endpoint(self.number), SSLError, "")
        yield self.until(lambda: server.lost)

    @case
    def test_silent_port_is_not_waited_for_longer_than_the_timeout(self) -> Steps:
        server = Recorder()
        self.endings.append((yield self._plain(server)).stopListening)
        endpoint = LibuvClientEndpoint(self.loop, ADDRESS, self.number, 0.05, client_context())
        yield self._refused(endpoint, TimeoutError, "no connection within 0.05 s")
        yield self.until(lambda: server.lost)

    @case
    def test_cancelled_while_hands_are_shaken(self) -> Steps:
        server = Recorder()
        self.endings.append((yield self._plain(server)).stopListening)
        connecting = self.client_endpoint(self.number).connect(Factory.forProtocol(Recorder))
        failed: list[Failure] = []
        connecting.addErrback(failed.append)
        yield self.until(lambda: bool(server.received))
        connecting.cancel()
        self.assertEqual(len(failed), 1)
        yield self.until(lambda: server.lost)

    @case
    def test_clear_text_never_reaches_a_protocol(self) -> Steps:
        yield self.listening(Recorder)
        client = Recorder()
        yield TCP4ClientEndpoint(reactor, ADDRESS, self.number).connect(
            Factory.forProtocol(lambda: client)
        )
        client.transport.write(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
        yield self.until(lambda: client.lost)
        self.assertEqual(self.served, [])

    @case
    def test_client_gone_during_the_handshake(self) -> Steps:
        yield self.listening(Recorder)
        client = Recorder()
        yield TCP4ClientEndpoint(reactor, ADDRESS, self.number).connect(
            Factory.forProtocol(lambda: client)
        )
        client.transport.loseConnection()
        yield self.until(lambda: client.lost)
        yield self.settled()
        self.assertEqual(self.served, [])

    def _plain(self, server: Recorder) -> Any:
        """Listen in clear text by Twisted's own."""
        listening = TCP4ServerEndpoint(reactor, 0, interface=ADDRESS).listen(
            Factory.forProtocol(lambda: server)
        )

        def note(port: Any) -> Any:
            self.number = port.getHost().port
            return port

        return listening.addCallback(note)

    def _refused(self, endpoint: IStreamClientEndpoint, kind: type[Exception], text: str) -> Any:
        connecting = endpoint.connect(Factory.forProtocol(Recorder))
        return self.assertFailure(connecting, kind).addCallback(
            lambda error: self.assertIn(text, str(error))
        )


class EndTests(TlsCase):
    @case
    def test_end_of_tcp_without_an_end_of_tls_is_a_loss(self) -> Steps:
        # Beneath TLS, by Twisted's own client: its transport's transport.
        yield self.listening(lambda: server)
        server, client = Recorder(), Recorder()
        yield self._twisted_client().connect(Factory.forProtocol(lambda: client))
        client.transport.write(b"half of it")
        yield self.until(lambda: server.received == b"half of it")
        client.transport.transport.loseConnection()
        yield self.until(lambda: server.lost)
        self.assertEqual(server.events, ["made", "data", ConnectionLost])

    @case
    def test_garbage_between_records_is_a_loss(self) -> Steps:
        yield self.listening(lambda: server)
        server, client = Recorder(), Recorder()
        yield self._twisted_client().connect(Factory.forProtocol(lambda: client))
        client.transport.write(b"fine")
        yield self.until(lambda: server.received == b"fine")
        client.transport.transport.write(b"not a record" * 10)
        yield self.until(lambda: server.lost and client.lost)
        self.assertEqual(server.events, ["made", "data", ConnectionLost])

    @case
    def test_closing_does_not_wait_for_ever(self) -> Steps:
        yield self.connected()
        delays: list[float] = []

        class Hasty:
            """The loop, to which closing takes too long at once."""

            def call_later(_, delay: float, call: Any) -> Any:
                delays.append(delay)
                return self.loop.call_later(0, call)

        layer = self.server.transport._stream
        layer._loop = Hasty()
        self.client.transport.pauseProducing()
        self.server.transport.loseConnection()
        yield self.until(lambda: self.server.lost)
        self.assertEqual(delays, [CLOSE_TIME])
        self.assertEqual(self.server.events, ["made", ConnectionDone])

    @case
    def test_answer_in_the_turn_in_which_the_peer_ended(self) -> Steps:
        yield self.connected()
        self.server.on_data = self.server.transport.write
        self.client.transport.write(b"echo")
        yield self.until(lambda: self.client.received == b"echo")
        self.client.transport.write(b"last")
        self.client.transport.loseConnection()
        yield self.until(self.both_lost)
        self.assertEqual(self.server.received, b"echolast")
        self.assertEqual(self.server.events, ["made", "data", ConnectionDone])
        self.assertEqual(self.client.events, ["made", "data", ConnectionDone])

    def _twisted_client(self) -> IStreamClientEndpoint:
        return wrapped(self.number, TCP4ClientEndpoint(reactor, ADDRESS, self.number))


RECORD = 16384
OVERHEAD = 64
"""Octets that a record of TLS may be longer than what is in it, and those that are in it at most
(RFC 8446 section 5.2).
"""


class NotingStream:
    """A stream that passes everything on and notes the length of what it is to send."""

    def __init__(self, stream: Any) -> None:
        self.lengths: list[int] = []
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, data: bytes) -> None:
        self.writelines([data])

    def writelines(self, pieces: Iterable[bytes]) -> None:
        pieces = list(pieces)
        self.lengths += map(len, pieces)
        self._stream.writelines(pieces)


def layers() -> int:
    return sum(isinstance(each, TlsLayer) for each in gc.get_objects())


class MemoryTests(TlsCase):
    @case
    def test_pieces_are_encrypted_a_bounded_part_at_a_time(self) -> Steps:
        """OpenSSL's buffer never shrinks again."""
        sent = b""
        yield self.connected()
        layer = self.server.transport._stream
        layer._stream = noting = NotingStream(layer._stream)
        for size in (1, SEALED, SEALED + 1, 5 * SEALED + 7):
            sent += pattern(size)
            noting.lengths.clear()
            self.server.transport.write(pattern(size))
            yield self.until(lambda: len(self.client.received) == len(sent))  # noqa: B023
            self.assertEqual(len(noting.lengths), -(-size // SEALED))
            self.assertLessEqual(max(noting.lengths), SEALED + OVERHEAD * (SEALED // RECORD + 1))
        self.assertEqual(bytes(self.client.received), sent)

    @case
    def test_of_a_connection_that_is_gone_nothing_is_left_to_the_garbage_collector(self) -> Steps:
        gc.collect()
        gc.disable()
        self.endings.append(gc.enable)
        before = layers()
        for end in ("loseConnection", "abortConnection"):
            yield self.connected()
            self.server.transport.write(pattern(3 * SEALED))
            yield self.until(lambda: len(self.client.received) == 3 * SEALED)
            self.assertEqual(layers(), before + 2)
            getattr(self.client.transport, end)()
            yield self.until(self.both_lost)
            yield self.settled()
            self.server.transport = self.client.transport = None
            self.assertEqual(layers(), before)

    @case
    def test_who_keeps_a_transport_keeps_nothing_of_openssl(self) -> Steps:
        """A protocol in a ring does, until the garbage collector looks."""
        yield self.connected()
        kept = [self.server.transport, self.client.transport]
        held = [weakref.ref(each._stream._ssl) for each in kept]
        self.assertEqual(kept[0].negotiatedProtocol, b"http/1.1")
        self.client.transport.loseConnection()
        yield self.until(self.both_lost)
        yield self.settled()
        self.assertEqual([each() for each in held], [None, None])
        self.assertEqual([each.negotiatedProtocol for each in kept], [None, None])
        self.assertEqual([each.getPeerCertificate() for each in kept], [None, None])
        self.assertEqual([each.getPeer().host for each in kept], [ADDRESS, ADDRESS])


class OppositeTwistedCase(LibuvCase):
    """Bytes, in bulk, and clean ends, whatever is at either end."""

    @case
    def test_bulk_both_ways_and_ends(self) -> Steps:
        yield self.connected()
        sent = pattern(1_000_000)
        self.server.on_data = self.server.transport.write
        self.client.transport.write(sent)
        yield self.until(lambda: len(self.client.received) == len(sent))
        self.assertEqual(bytes(self.client.received), sent)
        self.client.transport.loseConnection()
        yield self.until(self.both_lost)
        self.assertEqual(self.client.events, ["made", "data", ConnectionDone])
        self.assertEqual(self.server.events, ["made", "data", ConnectionDone])

    @case
    def test_last_words_of_a_server(self) -> Steps:
        yield self.connected()
        sent = pattern(500_000)
        self.server.transport.write(sent)
        self.server.transport.loseConnection()
        yield self.until(self.both_lost)
        self.assertEqual(bytes(self.client.received), sent)
        self.assertEqual(self.client.events, ["made", "data", ConnectionDone])

    @case
    def test_abort_is_no_clean_end(self) -> Steps:
        yield self.connected()
        self.server.transport.write(b"the first half")
        yield self.until(lambda: bool(self.client.received))
        self.server.transport.abortConnection()
        yield self.until(self.both_lost)
        self.assertEqual(self.client.events, ["made", "data", ConnectionLost])


def wrapped(number: int, tcp: IStreamClientEndpoint) -> IStreamClientEndpoint:
    trust = trustRootFromCertificates([Certificate.loadPEM(pair().certificate)])
    return wrapClientTLS(optionsForClientTLS(CERTIFICATE_NAME, trustRoot=trust), tcp)


class ToTwistedServerTests(OppositeTwistedCase):
    """libuv's client; Twisted's server, on Twisted's transport."""

    def server_endpoint(self, port: int) -> IStreamServerEndpoint:
        own = PrivateCertificate.loadPEM(pair().certificate + pair().key)
        options = CertificateOptions(
            privateKey=own.privateKey.original,
            certificate=own.original,
            raiseMinimumTo=TLSVersion.TLSv1_2,
            acceptableProtocols=[b"http/1.1"],
        )
        return SSL4ServerEndpoint(reactor, port, options, interface=ADDRESS)

    def client_endpoint(self, port: int) -> IStreamClientEndpoint:
        return LibuvClientEndpoint(self.loop, ADDRESS, port, 5, client_context(), CERTIFICATE_NAME)


class WrappedToTwistedServerTests(ToTwistedServerTests):
    """Twisted's TLS over libuv's TCP, as on the Lambda side; Twisted's server."""

    def client_endpoint(self, port: int) -> IStreamClientEndpoint:
        return wrapped(port, LibuvClientEndpoint(self.loop, ADDRESS, port, 5))


class FromTwistedClientTests(OppositeTwistedCase):
    """Twisted's client, on Twisted's transport; libuv's server."""

    def server_endpoint(self, port: int) -> IStreamServerEndpoint:
        return LibuvServerEndpoint(self.loop, port, ADDRESS, 50, server_context())

    def client_endpoint(self, port: int) -> IStreamClientEndpoint:
        return wrapped(port, TCP4ClientEndpoint(reactor, ADDRESS, port))


class ControlPortTests(OppositeTwistedCase):
    """As the composition makes them: the Lambda side's endpoint and the router's."""

    def server_endpoint(self, port: int) -> IStreamServerEndpoint:
        return ReactorEndpoints(reactor).tls(port, ADDRESS, pair())

    def client_endpoint(self, port: int) -> IStreamClientEndpoint:
        text = pair().certificate.decode("ascii")
        return callback_endpoint(reactor, Callback(ADDRESS, port, True, text))


del OppositeTwistedCase
