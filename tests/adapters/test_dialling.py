"""Opening connections from the Lambda side: dialling, being admitted, keeping channels open."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase

from lambda_side.channels import ChannelConnection, Channels
from lambda_side.dial import Dialer, DialError
from lambdadispatch.wire.payload import Callback, InvokePayload
from lambdadispatch.wire.proof import CHANNEL, SESSION, make_proof
from lambdadispatch.wire.reader import End
from lambdadispatch.wire.request_reader import RequestReader
from tests.adapters.control_rig import PORT, NetworkCase, Peer

PAYLOAD = InvokePayload(
    pool="web",
    invocation="v1",
    instance="i1",
    callback=Callback("127.0.0.1", PORT),
    secret=b"s" * 32,
    channels=3,
    concurrency=2,
    idle=1.0,
    deadline_margin=5.0,
    ping=2.0,
)
ADMITTED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"


class DialTests(NetworkCase):
    def setUp(self) -> None:
        super().setUp()
        self.successor = Peer()
        self.closed: list[str] = []

    def dial(self, purpose: str = CHANNEL) -> Deferred[None]:
        dialer = Dialer(self.clock, self.endpoint, PAYLOAD)
        dialled = dialer.dial(purpose, self.successor, lambda: self.closed.append("closed"))
        self.network.pump()
        return dialled

    def refused(self, dialled: Deferred[None]) -> tuple[str, bool]:
        error = self.failureResultOf(dialled, DialError).value
        self.network.pump()
        self.assertEqual((self.closed, self.successor.transport), ([], None))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return error.reason, error.final

    def answered(self, answer: bytes) -> tuple[str, bool]:
        self.listen()
        dialled = self.dial()
        self.say(answer)
        return self.refused(dialled)

    def test_what_is_asked(self) -> None:
        self.listen()
        nonces = set()
        for purpose in (SESSION, CHANNEL):
            self.dial(purpose)
            reader = RequestReader()
            reader.feed(self.peers[-1].received)
            head, end = reader.next_event(), reader.next_event()
            self.assertIsInstance(end, End)
            self.assertEqual(head.target, b"/v1/instances/i1/%b" % purpose.encode())
            nonce = head.fields.get(b"lambda-dispatch-nonce").decode()
            proof = head.fields.get(b"lambda-dispatch-proof").decode()
            self.assertEqual(proof, make_proof(PAYLOAD.secret, "i1", purpose, nonce))
            self.assertNotIn(PAYLOAD.secret, self.peers[-1].received)
            nonces.add(nonce)
        self.assertEqual(len(nonces), 2)

    def test_admitted(self) -> None:
        self.listen()
        dialled = self.dial()
        self.assertNoResult(dialled)
        self.say(ADMITTED + b"what came with it")
        self.successResultOf(dialled)
        self.say(b" and after")
        self.assertEqual(self.successor.received, b"what came with it and after")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.hang_up()
        self.assertEqual(self.closed, ["closed"])
        self.assertIsNot(self.successor.lost, None)

    def test_admitted_byte_by_byte(self) -> None:
        self.network.chunk = 1
        self.listen()
        dialled = self.dial()
        self.say(b"HTTP/1.1 103 Early Hints\r\n\r\n" + ADMITTED + b"rest")
        self.successResultOf(dialled)
        self.assertEqual(self.successor.received, b"rest")

    def test_denied_for_good(self) -> None:
        body = b'{"component": "router", "reason": "unknown_instance"}'
        head = b"HTTP/1.1 409 Conflict\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.assertEqual(self.answered(head + body), ("unknown_instance", True))
        self.assertIsNot(self.peers[0].lost, None)

    def test_denials_that_may_pass(self) -> None:
        for status, reason in ((429, "too_many"), (403, "nonce_used"), (409, "no_session")):
            self.setUp()
            body = b'{"component": "router", "reason": "%b"}' % reason.encode()
            head = b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
            self.assertEqual(self.answered(head + body), (reason, False))

    def test_denied_without_a_reason(self) -> None:
        for status, final in ((503, False), (404, True)):
            for body in (b"", b"<html>", b"[]", b"{}"):
                self.setUp()
                head = b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
                self.assertEqual(self.answered(head + body), (f"status_{status}", final))

    def test_what_is_not_http(self) -> None:
        self.assertEqual(self.answered(b"SSH-2.0-x\r\n\r\n"), ("bad_status_line", True))
        self.assertIsNot(self.peers[0].lost, None)

    def test_closed_before_an_answer(self) -> None:
        self.listen()
        dialled = self.dial()
        self.hang_up()
        self.assertEqual(self.refused(dialled), ("lost", False))

    def test_nobody_listens(self) -> None:
        self.assertEqual(self.refused(self.dial()), ("unreachable", False))

    def test_no_answer_in_five_seconds(self) -> None:
        self.listen()
        dialled = self.dial()
        self.network.advance(4.9)
        self.assertNoResult(dialled)
        self.network.advance(0.2)
        self.assertEqual(self.refused(dialled), ("silent", False))
        self.assertIsNot(self.peers[0].lost, None)

    def test_no_connection_in_five_seconds(self) -> None:
        self.listen()
        self.network.latency = 60.0
        dialled = self.dial()
        self.network.advance(5.1)
        self.assertEqual(self.refused(dialled), ("silent", False))

    def test_admitted_too_late(self) -> None:
        self.listen()
        dialled = self.dial()
        (link,) = self.network.links
        link.freeze("client")
        self.say(ADMITTED)
        self.network.advance(5.1)
        link.thaw("client")
        self.network.pump()
        self.assertEqual(self.refused(dialled), ("silent", False))


class FakeDialer:
    """Notes who dials; the test says what comes of it."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[None]] = []
        self.closing: list[Callable[[], None]] = []
        self.connections: list[ChannelConnection] = []
        self.dialled = 0

    def dial(
        self, purpose: str, successor: Protocol, on_closed: Callable[[], None], nonce: str
    ) -> Deferred[None]:
        assert purpose == CHANNEL
        assert isinstance(successor, ChannelConnection)
        assert successor.nonce == nonce
        self.connections.append(successor)
        self.dialled += 1
        self.waiting.append(Deferred())
        self.closing.append(on_closed)
        return self.waiting[-1]

    def admit(self) -> None:
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each.callback(None)

    def refuse(self, reason: str = "unreachable", final: bool = False) -> None:
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each.errback(DialError(reason, final=final))


class ChannelsTests(NetworkCase):
    def setUp(self) -> None:
        super().setUp()
        self.dialer = FakeDialer()
        self.changes = 0
        self.declined: list[tuple[str, str]] = []
        self.refusals: list[str] = []
        self.channels = Channels(
            self.clock,
            self.dialer,
            3,
            lambda exchange: None,
            self.changed,
            self.decline,
            self.refusals.append,
        )
        self.channels.fill()

    def decline(self, nonce: str, reason: str) -> bool:
        self.declined.append((nonce, reason))
        return True

    def changed(self) -> None:
        self.changes += 1

    def test_so_many_are_dialled_at_once(self) -> None:
        self.assertEqual((self.dialer.dialled, self.channels.open), (3, 3))
        self.channels.fill()
        self.assertEqual(self.dialer.dialled, 3)

    def test_what_is_declined_is_told_by_the_name_of_its_channel(self) -> None:
        for connection in self.dialer.connections:
            self.assertTrue(connection.decline("why"))
        nonces = [connection.nonce for connection in self.dialer.connections]
        self.assertEqual(self.declined, [(nonce, "why") for nonce in nonces])
        self.assertEqual(len(set(nonces)), 3)

    def test_one_that_closes_is_replaced(self) -> None:
        self.dialer.admit()
        self.dialer.closing[1]()
        self.assertEqual((self.dialer.dialled, self.channels.open, self.changes), (4, 3, 1))

    def test_those_that_are_refused_are_tried_again_later_and_later(self) -> None:
        waits = []
        for _ in range(7):
            self.dialer.refuse()
            self.assertEqual(self.channels.open, 0)
            (call,) = self.clock.getDelayedCalls()
            waits.append(round(call.getTime() - self.clock.seconds(), 3))
            self.clock.advance(waits[-1])
            self.assertEqual(self.channels.open, 3)
        self.assertEqual(waits, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0])
        self.assertEqual(self.changes, 21)

    def test_success_makes_the_wait_short_again(self) -> None:
        for _ in range(3):
            self.dialer.refuse()
            self.clock.advance(2.0)
        self.dialer.admit()
        self.dialer.closing[-1]()
        self.dialer.refuse()
        self.clock.advance(0.1)
        self.assertEqual(len(self.dialer.waiting), 1)

    def test_a_final_refusal_is_told_once_and_none_is_opened_any_more(self) -> None:
        self.dialer.refuse("bad_proof", final=True)
        self.channels.fill()
        self.clock.advance(100)
        self.assertEqual(self.refusals, ["bad_proof"])
        self.assertEqual((self.dialer.dialled, self.channels.open), (3, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_after_stopping_none_is_opened(self) -> None:
        self.dialer.refuse()
        self.channels.stop()
        self.clock.advance(10)
        self.channels.fill()
        self.assertEqual((self.dialer.dialled, self.channels.open), (3, 0))

    def test_after_stopping_those_that_are_open_end_by_themselves(self) -> None:
        self.dialer.admit()
        self.channels.stop()
        for left, close in zip((2, 1, 0), self.dialer.closing, strict=True):
            close()
            self.assertEqual(self.channels.open, left)
        self.assertEqual((self.changes, self.dialer.dialled), (3, 3))


class PayloadTests(SynchronousTestCase):
    def test_the_secret_is_not_shown(self) -> None:
        self.assertNotIn("sss", repr(PAYLOAD))
