"""The process of one environment: application, invocation after invocation, end."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IStreamClientEndpoint

from lambda_side.hosts.host import HostError, OnEnd
from lambda_side.process import Process
from lambda_side.runtime import Event
from lambda_side.tls_files import TlsUnusable
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.payload import Callback, InvokeAnswer
from tests.adapters.control_rig import NetworkCase
from tests.adapters.test_dialling import ADMITTED, PAYLOAD

NOW = 1_700_000_000.0


class FakeRuntime:
    """Gives the invocations that the test has for it, and keeps what it is told."""

    def __init__(self) -> None:
        self.waiting: Deferred[Event] = Deferred()
        self.accepting: Deferred[None] | None = None
        self.told: list[tuple[str, ...]] = []

    async def next(self) -> Event:
        self.waiting = Deferred()
        return await self.waiting

    async def respond(self, request_id: str, body: bytes) -> None:
        answer = InvokeAnswer.decode(body)
        self.told.append((request_id, answer.reason))
        if self.accepting is not None:
            await self.accepting

    async def fail(self, request_id: str, kind: str, message: str) -> None:
        self.told.append((request_id, kind, message))

    async def fail_init(self, kind: str, message: str) -> None:
        self.told.append((kind, message))


class FakeHost:
    """An application that starts, unless there is an ``error``."""

    def __init__(self) -> None:
        self.error = ""
        self.stopped = 0

    def start(self) -> Deferred[None]:
        return fail(HostError(self.error)) if self.error else succeed(None)

    def serve(self, exchange: ServerExchange, on_end: OnEnd) -> None:
        exchange.respond(200)
        on_end()

    def stop(self) -> Deferred[None]:
        self.stopped += 1
        return succeed(None)


class ProcessTests(NetworkCase):
    def setUp(self) -> None:
        super().setUp()
        self.runtime, self.host = FakeRuntime(), FakeHost()
        self.asked: list[Callback] = []

        self.unusable = ""

        def endpoint_of(callback: Callback) -> IStreamClientEndpoint:
            if self.unusable:
                raise TlsUnusable(self.unusable)
            self.asked.append(callback)
            return self.endpoint

        self.process = Process(self.clock, self.runtime, self.host, endpoint_of, lambda: NOW, "e-1")

    def run_process(self) -> Deferred[int]:
        return Deferred.fromCoroutine(self.process.run())

    def give(self, payload: bytes, seconds: float = 60.0) -> None:
        self.runtime.waiting.callback(Event("r1", NOW + seconds, payload))
        self.network.pump()

    def serve(self) -> Deferred[int]:
        """An invocation whose session has been admitted."""
        self.listen()
        code = self.run_process()
        self.give(PAYLOAD.encode())
        self.say(ADMITTED)
        return code

    def test_an_application_that_does_not_start(self) -> None:
        self.host.error = "nothing listens on port 3001"
        self.assertEqual(self.successResultOf(self.run_process()), 1)
        self.assertEqual(
            self.runtime.told, [("Application.StartFailed", "nothing listens on port 3001")]
        )

    def test_a_payload_that_no_router_has_sent(self) -> None:
        self.run_process()
        for payload in (b"{}", b"nonsense", replace(PAYLOAD, channels=0).encode()):
            self.give(payload)
            request_id, kind, message = self.runtime.told.pop()
            self.assertEqual((request_id, kind), ("r1", "Payload.Unusable"))
            self.assertIn("is to be invoked by a lambdadispatch router: ", message)

    def test_a_router_that_cannot_be_reached_is_tried_five_times(self) -> None:
        self.run_process()
        self.give(PAYLOAD.encode())
        self.assertEqual(self.asked, [PAYLOAD.callback])
        self.network.advance(0.79)
        self.assertEqual(self.runtime.told, [])
        self.network.advance(0.02)
        self.assertEqual(self.runtime.told, [("r1", "unreachable")])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_router_that_says_no_is_asked_once(self) -> None:
        self.listen()
        self.run_process()
        self.give(PAYLOAD.encode())
        body = b'{"reason": "unknown_instance"}'
        self.say(b"HTTP/1.1 409 Conflict\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        self.assertEqual(self.runtime.told, [("r1", "unknown_instance")])
        self.assertEqual(len(self.peers), 1)

    def test_a_payload_that_has_expired_is_answered_and_nobody_is_called(self) -> None:
        self.listen()
        self.run_process()
        self.give(replace(PAYLOAD, expires=NOW - 0.5).encode())
        self.assertEqual(self.runtime.told, [("r1", "expired")])
        self.assertEqual((self.peers, self.asked), ([], []))
        self.give(replace(PAYLOAD, expires=NOW + 0.5).encode())
        self.assertEqual(len(self.peers), 1)

    def test_files_for_tls_that_cannot_be_used_fail_the_invocation(self) -> None:
        self.listen()
        self.run_process()
        self.unusable = "ca.pem: cannot be read: No such file or directory"
        self.give(PAYLOAD.encode())
        self.assertEqual(self.runtime.told, [("r1", "Tls.Unusable", self.unusable)])
        self.assertEqual(self.peers, [])
        # They are read for each invocation.
        self.unusable = ""
        self.give(PAYLOAD.encode())
        self.assertEqual(len(self.peers), 1)

    def test_invocation_after_invocation(self) -> None:
        self.serve()
        self.assertIn(b'"environment": "e-1", "leaves_in": 55.0}', self.peers[0].received)
        self.assertEqual(len(self.peers), 4)
        self.hang_up(0)
        self.assertEqual(self.runtime.told, [("r1", "router_lost")])
        self.assertFalse(self.runtime.waiting.called)
        self.give(PAYLOAD.encode())
        self.assertEqual(len(self.peers), 5)

    def test_the_deadline_is_the_invocations(self) -> None:
        self.listen()
        self.run_process()
        self.give(PAYLOAD.encode(), seconds=20.0)
        self.say(ADMITTED, 0)
        for _ in range(7):
            self.network.advance(2.1)
            self.say(b'{"kind": "ping"}\n', 0)
        self.assertNotIn(b"leaving", self.peers[0].received)
        self.network.advance(0.4)
        self.assertIn(b'{"kind": "leaving", "reason": "deadline"}', self.peers[0].received)

    def test_a_deadline_that_has_passed(self) -> None:
        self.run_process()
        self.give(PAYLOAD.encode(), seconds=-1.0)
        self.network.advance(0)
        self.assertEqual(len(self.runtime.told), 1)

    def test_stopping_ends_the_invocation_first(self) -> None:
        for reason, expected in (("terminated", 0), ("application_exited", 1)):
            self.setUp()
            code = self.serve()
            self.assertTrue(self.process.stop(reason))
            self.network.pump()
            self.assertIn(b'"leaving", "reason": "%b"' % reason.encode(), self.peers[0].received)
            self.assertNoResult(code)
            self.say(b'{"kind": "drain", "reason": "x"}\n', 0)
            for number in (1, 2, 3):
                self.hang_up(number)
            self.assertEqual(self.runtime.told, [("r1", reason)])
            self.assertEqual(self.successResultOf(code), expected)
            self.assertEqual(self.host.stopped, 1)

    def test_stopping_before_the_router_was_reached(self) -> None:
        self.listen()
        code = self.run_process()
        self.give(PAYLOAD.encode())
        self.assertTrue(self.process.stop("terminated"))
        self.assertEqual(self.runtime.told, [("r1", "terminated")])
        self.assertEqual(self.successResultOf(code), 0)
        self.say(ADMITTED)
        self.assertIsNot(self.peers[0].lost, None)

    def test_stopping_while_the_answer_is_being_given(self) -> None:
        code = self.serve()
        self.runtime.accepting = Deferred()
        self.hang_up(0)
        self.assertEqual(self.runtime.told, [("r1", "router_lost")])
        self.assertTrue(self.process.stop("terminated"))
        self.assertNoResult(code)
        self.runtime.accepting.callback(None)
        self.assertEqual(self.successResultOf(code), 0)

    def test_stopping_between_invocations(self) -> None:
        self.run_process()
        self.assertFalse(self.process.stop("terminated"))
