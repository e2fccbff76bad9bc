"""The Runtime API as the Lambda side speaks it, and single requests in general."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError

from lambda_side.fetch import Answer, FetchError, fetch
from lambda_side.runtime import Event, RuntimeApi, RuntimeApiError
from lambdadispatch.wire.heads import request
from tests.adapters.control_rig import NetworkCase

T = TypeVar("T")
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class FetchTests(NetworkCase):
    def ask(self, method: bytes = b"GET", body: bytes = b"") -> Deferred[Answer]:
        head = request(method, b"/x", [(b"Host", b"test")], len(body))
        fetched = fetch(self.endpoint, head, body)
        self.network.pump()
        return fetched

    def test_a_whole_answer(self) -> None:
        self.listen()
        fetched = self.ask()
        self.assertEqual(self.peers[0].received, b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n")
        self.say(b"HTTP/1.1 200 OK\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
        self.assertNoResult(fetched)
        self.say(b"1\r\nc\r\n0\r\n\r\n")
        answer = self.successResultOf(fetched)
        self.assertEqual((answer.status, answer.fields.get(b"x"), answer.body), (200, b"1", b"abc"))
        self.assertIsNot(self.peers[0].lost, None)

    def test_a_body_is_sent(self) -> None:
        self.listen()
        fetched = self.ask(b"POST", b"body")
        self.assertTrue(self.peers[0].received.endswith(b"Content-Length: 4\r\n\r\nbody"))
        self.say(ACCEPTED)
        self.assertEqual(self.successResultOf(fetched).status, 202)

    def test_an_answer_that_lasts_until_its_connection_closes(self) -> None:
        self.listen()
        fetched = self.ask()
        self.say(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        self.hang_up()
        self.assertEqual(self.successResultOf(fetched).body, b"all of it")

    def test_an_answer_that_is_cut_short(self) -> None:
        self.listen()
        fetched = self.ask()
        self.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
        self.hang_up()
        self.assertEqual(str(self.failureResultOf(fetched, FetchError).value), "cut_short")

    def test_no_answer(self) -> None:
        self.listen()
        fetched = self.ask()
        self.peers[0].transport.abortConnection()
        self.network.pump()
        self.assertEqual(str(self.failureResultOf(fetched, FetchError).value), "lost")

    def test_what_is_not_http(self) -> None:
        self.listen()
        fetched = self.ask()
        self.say(b"nonsense\r\n\r\n")
        self.assertEqual(str(self.failureResultOf(fetched, FetchError).value), "bad_status_line")

    def test_nobody_listens(self) -> None:
        self.failureResultOf(self.ask(), ConnectionRefusedError)

    def test_cancelled_while_connecting(self) -> None:
        self.listen()
        self.network.latency = 1.0
        fetched = self.ask()
        fetched.cancel()
        self.failureResultOf(fetched)
        self.network.advance(5)
        self.assertEqual(self.peers, [])

    def test_cancelled_while_waiting(self) -> None:
        self.listen()
        fetched = self.ask()
        fetched.cancel()
        self.network.pump()
        self.failureResultOf(fetched, CancelledError)
        self.assertIsNot(self.peers[0].lost, None)


class RuntimeApiTests(NetworkCase):
    def setUp(self) -> None:
        super().setUp()
        self.listen()
        self.api = RuntimeApi(self.endpoint, "127.0.0.1:9001")

    def begin(self, coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
        begun = Deferred.fromCoroutine(coroutine)
        self.network.pump()
        return begun

    def refused(self, coroutine: Coroutine[Any, Any, Any], answer: bytes) -> str:
        begun = self.begin(coroutine)
        self.say(answer)
        return str(self.failureResultOf(begun, RuntimeApiError).value)

    @property
    def asked(self) -> tuple[bytes, bytes]:
        """The head and the body that the Runtime API has received last."""
        head, _, body = self.peers[-1].received.partition(b"\r\n\r\n")
        return head, body

    def test_the_next_invocation(self) -> None:
        begun = self.begin(self.api.next())
        head, _ = self.asked
        self.assertTrue(head.startswith(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n"))
        self.assertIn(b"Host: 127.0.0.1:9001", head)
        self.network.advance(3600)
        self.say(
            b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r1\r\n"
            b"Lambda-Runtime-Deadline-Ms: 1700000000500\r\nContent-Length: 2\r\n\r\n{}"
        )
        self.assertEqual(self.successResultOf(begun), Event("r1", 1_700_000_000.5, b"{}"))

    def test_a_next_invocation_that_cannot_be_used(self) -> None:
        told = self.refused(self.api.next(), b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
        self.assertIn("invocation/next was answered 403 b'no'", told)
        for fields in (
            b"",
            b"Lambda-Runtime-Deadline-Ms: 1\r\n",
            b"Lambda-Runtime-Aws-Request-Id: r1\r\nLambda-Runtime-Deadline-Ms: soon\r\n",
        ):
            told = self.refused(
                self.api.next(), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n%b\r\n" % fields
            )
            self.assertIn("without request id or deadline", told)

    def test_an_answer(self) -> None:
        begun = self.begin(self.api.respond("r1", b'{"reason": "idle"}'))
        head, body = self.asked
        path = b"/2018-06-01/runtime/invocation/r1/response"
        self.assertTrue(head.startswith(b"POST %b HTTP/1.1\r\n" % path))
        self.assertEqual(body, b'{"reason": "idle"}')
        self.say(ACCEPTED)
        self.assertIs(self.successResultOf(begun), None)

    def test_failures(self) -> None:
        for path, coroutine in (
            (b"/invocation/r1/error", self.api.fail("r1", "Payload.Unusable", "why")),
            (b"/init/error", self.api.fail_init("Payload.Unusable", "why")),
        ):
            begun = self.begin(coroutine)
            head, body = self.asked
            self.assertTrue(head.startswith(b"POST /2018-06-01/runtime%b HTTP/1.1\r\n" % path))
            self.assertIn(b"Lambda-Runtime-Function-Error-Type: Payload.Unusable", head)
            told = json.loads(body)
            self.assertEqual((told["errorType"], told["errorMessage"]), ("Payload.Unusable", "why"))
            self.say(ACCEPTED)
            self.assertIs(self.successResultOf(begun), None)

    def test_an_answer_that_is_not_accepted(self) -> None:
        told = self.refused(
            self.api.respond("r1", b"x"), b"HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n"
        )
        self.assertIn("POST /2018-06-01/runtime/invocation/r1/response was answered 413", told)
