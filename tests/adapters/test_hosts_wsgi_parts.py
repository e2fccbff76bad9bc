"""The parts of the WSGI host by themselves: environ, and what stands between thread and reactor."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any
from unittest import TestCase

from lambda_side.hosts.wsgi_environ import make_environ
from lambda_side.hosts.wsgi_input import HELD_OCTETS, BodyInput
from lambda_side.hosts.wsgi_output import AnswerOutput
from lambdadispatch.wire.heads import CHUNKED, RequestHead, ResponseHead
from lambdadispatch.wire.request_reader import RequestReader

LIMIT = 10
"""Seconds after which a thread that hangs fails its test."""


def environ(target: str, *lines: str, version: str = "1.1") -> dict[str, Any]:
    reader = RequestReader()
    reader.feed("\r\n".join([f"GET {target} HTTP/{version}", *lines, "", ""]).encode("latin-1"))
    head = reader.next_event()
    assert isinstance(head, RequestHead)
    return make_environ(head, "10.0.0.9", io.BytesIO(b"body"))


class EnvironTests(TestCase):
    """PEP 3333's dictionary."""

    def test_of_a_plain_request(self) -> None:
        found = environ("/a%20b/%C3%A9?q=%20", "Host: example.com:8080", "Accept: */*")
        self.assertEqual(found.pop("wsgi.input").read(), b"body")
        self.assertTrue(hasattr(found.pop("wsgi.errors"), "write"))
        self.assertEqual(
            found,
            {
                "REQUEST_METHOD": "GET",
                "SCRIPT_NAME": "",
                "PATH_INFO": "/a b/\xc3\xa9",
                "QUERY_STRING": "q=%20",
                "SERVER_NAME": "example.com",
                "SERVER_PORT": "8080",
                "SERVER_PROTOCOL": "HTTP/1.1",
                "REMOTE_ADDR": "10.0.0.9",
                "HTTP_HOST": "example.com:8080",
                "HTTP_ACCEPT": "*/*",
                "wsgi.version": (1, 0),
                "wsgi.url_scheme": "http",
                "wsgi.input_terminated": True,
                "wsgi.multithread": True,
                "wsgi.multiprocess": False,
                "wsgi.run_once": False,
            },
        )

    def test_scheme_and_default_ports(self) -> None:
        plain = environ("/", "Host: example.com")
        secure = environ("/", "Host: example.com", "X-Forwarded-Proto: https")
        self.assertEqual((plain["wsgi.url_scheme"], plain["SERVER_PORT"]), ("http", "80"))
        self.assertEqual((secure["wsgi.url_scheme"], secure["SERVER_PORT"]), ("https", "443"))

    def test_http_10_without_host(self) -> None:
        found = environ("/", version="1.0")
        self.assertEqual(
            (found["SERVER_NAME"], found["SERVER_PROTOCOL"]), ("localhost", "HTTP/1.0")
        )

    def test_host_that_is_an_ipv6_address(self) -> None:
        with_port, without = environ("/", "Host: [::1]:81"), environ("/", "Host: [fe80::a]")
        self.assertEqual((with_port["SERVER_NAME"], with_port["SERVER_PORT"]), ("[::1]", "81"))
        self.assertEqual((without["SERVER_NAME"], without["SERVER_PORT"]), ("[fe80::a]", "80"))

    def test_content_fields(self) -> None:
        found = environ("/", "Host: a", "Content-Type: text/plain", "Content-Length: 4")
        self.assertEqual((found["CONTENT_TYPE"], found["CONTENT_LENGTH"]), ("text/plain", "4"))
        self.assertNotIn("HTTP_CONTENT_LENGTH", found)
        self.assertNotIn("HTTP_CONTENT_TYPE", found)

    def test_chunked_body_has_no_length(self) -> None:
        found = environ("/", "Host: a", "Transfer-Encoding: chunked")
        self.assertNotIn("CONTENT_LENGTH", found)
        self.assertNotIn("HTTP_TRANSFER_ENCODING", found)

    def test_fields_given_more_than_once(self) -> None:
        found = environ("/", "Host: a", "X-A: 1", "Cookie: a=1", "x-a: 2", "Cookie: b=2")
        self.assertEqual((found["HTTP_X_A"], found["HTTP_COOKIE"]), ("1, 2", "a=1; b=2"))

    def test_names_with_an_underscore_are_left_out(self) -> None:
        found = environ("/", "Host: a", "X_Forwarded_For: evil", "X-Forwarded-For: good")
        self.assertEqual(found["HTTP_X_FORWARDED_FOR"], "good")
        self.assertNotIn("HTTP_X_USER", environ("/", "Host: a", "X_User: root"))
        self.assertNotIn("CONTENT_LENGTH", environ("/", "Host: a", "Content_Length: 9"))

    def test_a_request_for_an_upgrade_is_an_ordinary_one(self) -> None:
        asks = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k")
        self.assertEqual(environ("/", "Host: a", *asks)["HTTP_SEC_WEBSOCKET_KEY"], "k")
        self.assertNotIn("HTTP_UPGRADE", environ("/", "Host: a", *asks))
        self.assertNotIn("HTTP_CONNECTION", environ("/", "Host: a", *asks))


class Counter:
    """Counts calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


class BodyInputTests(TestCase):
    """The body between reactor and thread."""

    def setUp(self) -> None:
        self.wanted, self.drained = Counter(), Counter()
        self.body = BodyInput(self.wanted, self.drained)

    def in_thread(self, call: Callable[[], Any]) -> Callable[[], Any]:
        """Start ``call`` in a thread; what is returned waits for its result or its error."""
        results: list[Any] = []

        def run() -> None:
            try:
                results.append(call())
            except Exception as error:
                results.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()

        def result() -> Any:
            thread.join(LIMIT)
            self.assertFalse(thread.is_alive(), "the thread hangs")
            return results[0]

        return result

    def test_sizes_of_pieces_do_not_matter(self) -> None:
        for piece in (b"ab", b"c", b"defgh"):
            self.body.feed(piece)
        self.body.end()
        self.assertEqual([self.body.read(3) for _ in range(5)], [b"ab", b"c", b"def", b"gh", b""])

    def test_reading_waits(self) -> None:
        result = self.in_thread(lambda: io.BufferedReader(self.body).read())
        self.body.feed(b"first ")
        self.body.feed(b"second")
        self.body.end()
        self.assertEqual(result(), b"first second")

    def test_failing_sets_the_reader_free(self) -> None:
        result = self.in_thread(lambda: io.BufferedReader(self.body).read())
        self.body.feed(b"part")
        self.body.fail()
        self.assertIsInstance(result(), ConnectionResetError)
        self.assertRaises(ConnectionResetError, self.body.read, 1)

    def test_wanted_is_said_once_and_only_when_data_is_missing(self) -> None:
        self.body.feed(b"there")
        self.body.read(5)
        self.assertEqual(self.wanted.calls, 0)
        other = BodyInput(self.wanted, self.drained)
        result = self.in_thread(lambda: [other.read(1), other.read(1)])
        other.feed(b"ab")
        self.assertEqual(result(), [b"a", b"b"])
        self.assertLessEqual(self.wanted.calls, 1)

    def test_sender_is_held_back_until_half_is_read(self) -> None:
        self.assertFalse(self.body.feed(b"x" * HELD_OCTETS))
        self.assertTrue(self.body.feed(b"x"))
        self.assertTrue(self.body.feed(b"x"))
        self.body.read(HELD_OCTETS // 2)
        self.assertEqual(self.drained.calls, 0)
        self.body.read(2)
        self.assertEqual(self.drained.calls, 1)
        self.body.read(100)
        self.assertEqual(self.drained.calls, 1)
        self.assertFalse(self.body.feed(b"x"))


class RecordingAnswer:
    """Stands for Answer; notes what it is told."""

    def __init__(self) -> None:
        self.head: ResponseHead | None = None
        self.written: list[bytes] = []
        self.failures: list[str] = []

    def begin(self, head: ResponseHead) -> None:
        self.head = head

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def fail(self, reason: str, status: int = 500) -> None:
        self.failures.append(reason)


class AnswerOutputTests(TestCase):
    """The answer between thread and reactor, whose turn comes when the test says."""

    def setUp(self) -> None:
        answer: Any = RecordingAnswer()
        self.answer = answer
        self.complete = Counter()
        self.turns: list[Callable[[], None]] = []
        self.output = AnswerOutput(self.turns.append, answer, self.complete)

    def turn(self) -> None:
        """The reactor's turn."""
        turns, self.turns[:] = list(self.turns), []
        for call in turns:
            call()

    def test_pieces_leave_together(self) -> None:
        write = self.output.start_response("200 OK", [("X-A", "1")])
        for data in (b"one ", b"", b"two "):
            write(data)
        self.assertIsNone(self.answer.head)
        self.assertEqual(len(self.turns), 1)
        self.turn()
        self.assertEqual((self.answer.head.status, self.answer.head.body), (200, CHUNKED))
        self.assertEqual(self.answer.written, [b"one two "])
        write(b"three")
        self.output.finish()
        self.turn()
        self.assertEqual((self.answer.written[1], self.complete.calls), (b"three", 1))

    def test_head_waits_for_data(self) -> None:
        self.output.start_response("200 OK", [])
        self.output.start_response("500 Oh", [], (ValueError, ValueError(), None))
        self.assertEqual(self.turns, [])
        self.output.write(b"x")
        self.turn()
        self.assertEqual(self.answer.head.status, 500)

    def test_declared_length_is_kept(self) -> None:
        self.output.start_response("200 OK", [("Content-Length", "9")])
        self.output.pass_all([b"123"])
        self.turn()
        self.assertEqual(self.answer.head.body, 9)

    def test_single_piece_after_write_gives_no_length(self) -> None:
        self.output.start_response("200 OK", [])(b"more")
        self.output.pass_all([b"123"])
        self.turn()
        self.assertEqual(self.answer.head.body, CHUNKED)

    def test_nothing_leaves_while_the_client_is_slow(self) -> None:
        self.output.start_response("200 OK", [])
        self.output.slow()
        self.output.write(b"held")
        self.output.finish()
        self.turn()
        self.assertEqual((self.answer.written, self.complete.calls), ([], 0))
        self.output.ready()
        self.assertEqual((self.answer.written, self.complete.calls), ([b"held"], 1))

    def test_thread_waits_for_a_slow_client(self) -> None:
        self.output.start_response("200 OK", [])
        written: list[int] = []
        first = threading.Event()
        raised: list[BaseException] = []

        def run() -> None:
            try:
                for number in range(3):
                    self.output.write(b"x" * 65536)
                    written.append(number)
                    first.set()
            except OSError as error:
                raised.append(error)

        self.output.slow()
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.assertTrue(first.wait(LIMIT))
        self.output.lost()
        thread.join(LIMIT)
        self.assertFalse(thread.is_alive())
        self.assertEqual(written, [0])
        self.assertIsInstance(raised[0], BrokenPipeError)

    def test_failure_comes_after_what_was_written(self) -> None:
        self.output.start_response("200 OK", [])
        self.output.write(b"part")
        self.output.fail()
        self.turn()
        self.assertEqual(self.answer.written, [b"part"])
        self.assertEqual(self.answer.failures, ["application_error"])

    def test_failure_after_the_end_is_not_told(self) -> None:
        self.output.start_response("200 OK", [])
        self.output.finish()
        self.output.fail()
        self.turn()
        self.assertEqual((self.complete.calls, self.answer.failures), (1, []))
