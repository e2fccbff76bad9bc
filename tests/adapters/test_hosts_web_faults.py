"""Resources that go wrong, and clients that leave."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web import server
from twisted.web.resource import Resource

from tests.adapters.hosts_rig import request
from tests.adapters.hosts_web_rig import WebCase


def raising(request: Any) -> bytes:
    raise ZeroDivisionError("in render")


def written_then_raising(request: Any) -> bytes:
    request.write(b"a part")
    raise ZeroDivisionError("in render")


class FaultTests(WebCase):
    """Applications that go wrong."""

    def test_error_page(self) -> None:
        self.page("bad", raising)
        answer = self.get("/bad")
        self.assertEqual(answer.status, 500)
        self.assertIn(b"Processing Failed", answer.body)
        self.assertNotIn(b"ZeroDivisionError", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.rig.ended, 1)

    def test_error_after_a_part_cuts(self) -> None:
        self.page("bad", written_then_raising)
        client = self.rig.ask(request("GET", "/bad"))
        self.assertFalse(client.answer().whole if client.received else False)
        self.assertIsNotNone(client.lost)
        self.assertEqual(self.rig.ended, 1)
        self.flushLoggedErrors(ZeroDivisionError)

    def test_error_in_getChild(self) -> None:
        class Broken(Resource):
            def getChild(self, path: bytes, request: Any) -> Any:
                raise ZeroDivisionError("in getChild")

        self.root.putChild(b"broken", Broken())
        self.assertEqual(self.get("/broken/x").status, 500)
        self.assertEqual(self.ask_for("POST", "/broken/x", body=b"a body").status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_fields_that_http_does_not_allow(self) -> None:
        for field, value in [("X-Bad", "nul\0"), ("X-Bad", "bell\7"), ("X-Bad", b"del\x7f")]:

            def bad(request: Any, field: Any = field, value: Any = value) -> bytes:
                request.setHeader(field, value)
                return b"body"

            self.page("bad", bad)
            answer = self.get("/bad")
            self.assertEqual((answer.status, answer.field("X-Bad")), (500, None))
            self.assertEqual(answer.body, b'{"component":"instance","reason":"bad_answer"}\n')
        self.assertEqual(self.rig.ended, 3)

    def test_reason_phrase_that_http_does_not_allow(self) -> None:
        def split(request: Any) -> bytes:
            request.setResponseCode(200, b"OK\r\nX-Injected: 1")
            return b""

        self.page("split", split)
        answer = self.get("/split")
        self.assertEqual((answer.status, answer.field("X-Injected")), (500, None))

    def test_statuses_that_cannot_be_final(self) -> None:
        for code in (99, 100, 101, 199, 600, 1000):

            def odd(request: Any, code: int = code) -> bytes:
                request.setResponseCode(code)
                return b""

            self.page("odd", odd)
            self.assertEqual(self.get("/odd").status, 500)

    def test_two_lengths(self) -> None:
        def twice(request: Any) -> int:
            request.responseHeaders.setRawHeaders("Content-Length", ["3", "4"])
            request.write(b"abc")
            request.finish()
            return server.NOT_DONE_YET

        self.page("twice", twice)
        self.assertEqual(self.get("/twice").status, 500)

    def test_refused_answer_whose_application_goes_on(self) -> None:
        ends: list[object] = []

        def stream(request: Any) -> int:
            request.setHeader("X-Bad", "\0")
            request.notifyFinish().addBoth(ends.append)
            request.write(b"part")
            return server.NOT_DONE_YET

        self.page("stream", stream)
        self.assertEqual(self.get("/stream").status, 500)
        self.assertIsInstance(ends[0], Failure)

    def declared(self, length: int, *pieces: bytes) -> Any:
        def stream(request: Any) -> int:
            request.setHeader("Content-Length", str(length))
            for piece in pieces:
                request.write(piece)
            request.finish()
            return server.NOT_DONE_YET

        return stream

    def test_body_shorter_than_declared_is_cut(self) -> None:
        self.page("short", self.declared(10, b"12345"))
        client = self.rig.ask(request("GET", "/short"))
        self.assertIsNotNone(client.lost)
        self.assertNotIn(b"\r\n0\r\n", client.received)
        self.assertEqual(self.rig.ended, 1)

    def test_what_is_longer_than_declared_is_left_out(self) -> None:
        self.page("long", self.declared(7, b"12345", b"67890", b"more"))
        client = self.rig.ask(request("GET", "/long") + request("GET", "/long"))
        self.assertEqual(client.received.count(b"1234567"), 2)
        self.assertNotIn(b"8", client.received.partition(b"\r\n\r\n")[2][:20])
        self.assertEqual(self.rig.ended, 2)

    def test_application_closes_the_connection(self) -> None:
        ends: list[object] = []

        def close(request: Any) -> int:
            request.notifyFinish().addBoth(ends.append)
            request.write(b"part")
            request.transport.abortConnection()
            return server.NOT_DONE_YET

        self.page("close", close)
        client = self.rig.ask(request("GET", "/close"))
        self.assertIsNotNone(client.lost)
        self.assertEqual(self.rig.ended, 1)
        self.assertIsInstance(ends[0], Failure)

    def test_result_that_is_not_bytes(self) -> None:
        self.page("str", lambda request: "text")
        self.assertEqual(self.get("/str").status, 500)


class GoneTests(WebCase):
    """Clients that leave."""

    def test_application_is_told(self) -> None:
        ends: list[object] = []

        def wait(request: Any) -> int:
            finished: Deferred[None] = request.notifyFinish()
            finished.addBoth(ends.append)
            self.requests.append(request)
            return server.NOT_DONE_YET

        self.page("wait", wait)
        client = self.rig.ask(request("GET", "/wait"))
        self.assertEqual((ends, self.rig.ended), ([], 0))
        self.rig.leave(client)
        self.assertIsInstance(ends[0], Failure)
        self.assertEqual(self.rig.ended, 1)
        self.requests[0].write(b"nobody is there")
        self.assertRaises(RuntimeError, self.requests[0].finish)

    def test_leaving_within_the_body(self) -> None:
        self.page("put", lambda request: b"rendered")
        client = self.rig.ask(request("PUT", "/put", "Content-Length: 10") + b"12345")
        self.rig.leave(client)
        self.assertEqual(self.rig.ended, 1)

    def test_body_that_breaks_the_rules(self) -> None:
        self.page("put", lambda request: b"rendered")
        client = self.rig.ask(request("PUT", "/put", "Transfer-Encoding: chunked") + b"zz\r\n")
        self.assertEqual(client.answer(b"PUT").status, 400)
        self.assertEqual(self.rig.ended, 1)

    def test_finish_is_told_too(self) -> None:
        ends: list[object] = []

        def answer(request: Any) -> bytes:
            request.notifyFinish().addBoth(ends.append)
            return b"whole"

        self.page("whole", answer)
        self.assertTrue(re.search(b"whole$", self.rig.ask(request("GET", "/whole")).received))
        self.assertEqual(ends, [None])
