"""What becomes of an application's answer, right or wrong."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed

from lambda_side.hosts.answer import Answer, own_head
from lambda_side.hosts.host import OnEnd
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.errors import LocalProtocolError
from lambdadispatch.wire.fields import Pairs
from lambdadispatch.wire.heads import CHUNKED
from tests.adapters.hosts_rig import HostCase, Rig, request

Act = Callable[[Answer], object]


class ActingHost:
    """Answers as the test says, taking and dropping the body."""

    def __init__(self, act: Act) -> None:
        self.act = act
        self.answers: list[Answer] = []

    def start(self) -> Deferred[None]:
        return succeed(None)

    def stop(self) -> Deferred[None]:
        return succeed(None)

    def serve(self, exchange: ServerExchange, on_end: OnEnd) -> None:
        answer = Answer(exchange, on_end)
        self.answers.append(answer)
        exchange.take(Sink(answer))
        self.act(answer)


class Sink:
    """Reports the ends of the exchange."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def request_data(self, data: bytes) -> None:
        """Dropped."""

    def request_end(self, trailers: Pairs) -> None:
        self.answer.request_ended()

    def client_lost(self, reason: str) -> None:
        self.answer.lost()

    def client_slow(self) -> None:
        """Not looked at."""

    def client_ready(self) -> None:
        """The same."""


class AnswerTests(HostCase):
    """``Answer``."""

    act: Act

    def setUp(self) -> None:
        self.host = ActingHost(self.call)
        self.rig = Rig(lambda rig: self.host)

    def call(self, answer: Answer) -> None:
        self.act(answer)

    def begun(self, *fields: tuple[bytes, bytes], status: int = 200) -> Act:
        return lambda answer: answer.begin(own_head(status, b"OK", fields))

    def test_parts(self) -> None:
        def act(answer: Answer) -> None:
            answer.begin(own_head(200, b"Fine", [(b"X-A", b"1")]))
            answer.write(b"a")
            answer.write(b"b")
            answer.end()

        self.act = act
        answer = self.get("/")
        self.assertEqual((answer.head.reason, answer.body, self.rig.ended), (b"Fine", b"ab", 1))

    def test_flush_lets_the_head_leave(self) -> None:
        self.act = self.begun()
        client = self.rig.ask(request("GET", "/"))
        self.assertEqual(client.received, b"")
        self.host.answers[0].flush()
        self.rig.network.pump()
        self.assertTrue(client.received.startswith(b"HTTP/1.1 200 OK\r\n"))

    def test_ended_only_when_the_request_has_too(self) -> None:
        def act(answer: Answer) -> None:
            self.begun((b"Content-Length", b"0"))(answer)
            answer.end()

        self.act = act
        client = self.rig.ask(request("PUT", "/", "Content-Length: 3") + b"ab")
        self.assertTrue(client.answer(b"PUT").whole)
        self.assertEqual(self.rig.ended, 0)
        self.rig.send(client, b"c")
        self.assertEqual(self.rig.ended, 1)

    def test_client_lost_after_the_answer_within_the_request(self) -> None:
        def act(answer: Answer) -> None:
            self.begun((b"Content-Length", b"0"))(answer)
            answer.end()

        self.act = act
        self.rig.leave(self.rig.ask(request("PUT", "/", "Content-Length: 3")))
        self.assertEqual(self.rig.ended, 1)

    def test_nothing_after_the_end_reaches_the_next_exchange(self) -> None:
        def act(answer: Answer) -> None:
            self.begun((b"Content-Length", b"2"))(answer)
            answer.write(b"ok")
            answer.end()
            answer.write(b"late")
            answer.flush()
            answer.end()
            answer.fail("late")
            answer.cut()
            self.begun()(answer)

        self.act = act
        client = self.rig.ask(request("GET", "/") * 3)
        self.assertEqual((client.received.count(b"200 OK"), self.rig.ended), (3, 3))
        self.assertIsNone(client.lost)

    def test_fail_before_the_head(self) -> None:
        self.act = lambda answer: answer.fail("some_reason", 504)
        answer = self.get("/")
        self.assertEqual(answer.status, 504)
        self.assertEqual(answer.body, b'{"component":"instance","reason":"some_reason"}\n')
        self.assertEqual(self.rig.ended, 1)

    def test_fail_after_the_head(self) -> None:
        def act(answer: Answer) -> None:
            self.begun()(answer)
            answer.flush()
            answer.fail("some_reason")

        self.act = act
        client = self.rig.ask(request("GET", "/"))
        self.assertIsNotNone(client.lost)
        self.assertEqual(self.rig.ended, 1)

    def test_cut(self) -> None:
        def act(answer: Answer) -> None:
            answer.cut()
            answer.cut()

        self.act = act
        client = self.rig.ask(request("GET", "/"))
        self.assertEqual((client.received, self.rig.ended), (b"", 1))
        self.assertIsNotNone(client.lost)

    def test_fail_within_a_large_request_closes(self) -> None:
        self.act = lambda answer: answer.fail("some_reason")
        client = self.rig.ask(request("PUT", "/", "Content-Length: 1000000"))
        answer = client.answer(b"PUT")
        self.assertEqual((answer.status, answer.field("Connection")), (500, "close"))
        self.assertEqual(self.rig.ended, 1)


class OwnHeadTests(HostCase):
    """``own_head``."""

    def test_length_and_chunks(self) -> None:
        self.assertEqual(own_head(200, b"", [(b"Content-Length", b"12")]).body, 12)
        self.assertEqual(own_head(200, b"", []).body, CHUNKED)

    def test_what_is_refused(self) -> None:
        for status, reason, field, word in [
            (199, b"", (b"a", b"b"), "bad_status"),
            (600, b"", (b"a", b"b"), "bad_status"),
            (200, b"a\nb", (b"a", b"b"), "bad_reason"),
            (200, b"", (b"a b", b"b"), "bad_field_name"),
            (200, b"", (b"", b"b"), "bad_field_name"),
            (200, b"", (b"a", b"b\r\nc: d"), "bad_field_value"),
            (200, b"", (b"Content-Length", b"-1"), "bad_content_length"),
            (200, b"", (b"Transfer-Encoding", b"gzip"), "bad_transfer_encoding"),
        ]:
            error = self.assertRaises(LocalProtocolError, own_head, status, reason, [field])
            self.assertEqual(error.reason, word)
