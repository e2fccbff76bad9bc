"""A twisted.web Resource hosted in process: what stock twisted.web offers is there."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web import server, static, util
from twisted.web.resource import Resource

from lambda_side.hosts.web import WebHost
from tests.adapters.hosts_rig import HostCase, Rig, chunked, request


class Page(Resource):
    """Answers with whatever a function returns."""

    isLeaf = True

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self._answer = answer

    def render_GET(self, request: Any) -> Any:
        return self._answer(request)

    render_POST = render_GET
    render_PUT = render_GET


def raising(request: Any) -> bytes:
    raise ZeroDivisionError("in render")


def written_then_raising(request: Any) -> bytes:
    request.write(b"a part")
    raise ZeroDivisionError("in render")


class WebCase(HostCase):
    """A tree whose pages are functions."""

    def setUp(self) -> None:
        self.root = Resource()
        self.requests: list[Any] = []
        self.rig = Rig(lambda rig: WebHost(rig.clock, self.root), self.chunk)
        self.successResultOf(self.rig.host.start())

    def page(self, path: str, answer: Any) -> None:
        self.root.putChild(path.encode(), Page(answer))


class StockTests(WebCase):
    """The request's API."""

    def test_get(self) -> None:
        self.page("here", lambda request: b"hello")
        answer = self.get("/here")
        self.assertEqual((answer.status, answer.body), (200, b"hello"))
        self.assertEqual(answer.field("Content-Length"), "5")
        self.assertEqual(answer.field("Content-Type"), "text/html")
        self.assertEqual(self.rig.ended, 1)

    def test_one_connection_serves_one_request_after_another(self) -> None:
        self.page("here", lambda request: request.uri)
        client = self.rig.ask(request("GET", "/here?1") + request("GET", "/here?2"))
        self.assertEqual(self.rig.ended, 2)
        self.assertIn(b"/here?1", client.received)
        self.assertTrue(client.received.endswith(b"/here?2"))

    def test_unknown_path(self) -> None:
        answer = self.get("/there")
        self.assertEqual(answer.status, 404)
        self.assertIn(b"No Such Resource", answer.body)

    def test_method_that_is_not_allowed(self) -> None:
        self.page("here", lambda request: b"")
        self.assertEqual(self.ask_for("DELETE", "/here").status, 501)

    def test_post_of_a_form(self) -> None:
        self.page("form", lambda request: repr(sorted(request.args.items())).encode())
        kind = "Content-Type: application/x-www-form-urlencoded"
        answer = self.ask_for("POST", "/form?q=1", kind, body=b"a=1&a=2&b=%20x")
        self.assertEqual(answer.body, b"[(b'a', [b'1', b'2']), (b'b', [b' x']), (b'q', [b'1'])]")

    def test_post_of_a_multipart_form(self) -> None:
        self.page("form", lambda request: request.args[b"name"][0])
        body = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nvalue\r\n--b--\r\n'
        kind = "Content-Type: multipart/form-data; boundary=b"
        self.assertEqual(self.ask_for("POST", "/form", kind, body=body).body, b"value")

    def test_multipart_form_that_cannot_be_read(self) -> None:
        self.page("form", lambda request: b"rendered")
        kind = "Content-Type: multipart/form-data"
        answer = self.ask_for("POST", "/form", kind, body=b"no boundary")
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.body, b'{"component":"instance","reason":"bad_form"}\n')
        self.assertEqual(self.rig.ended, 1)

    def test_content_of_a_chunked_body(self) -> None:
        self.page("put", lambda request: request.content.read())
        raw = request("PUT", "/put", "Transfer-Encoding: chunked") + chunked(b"one ", b"two")
        client = self.rig.ask(raw)
        self.assertEqual(client.received, b"")
        self.rig.send(client, b"0\r\n\r\n")
        self.assertEqual(client.answer(b"PUT").body, b"one two")

    def test_cookies(self) -> None:
        def swap(request: Any) -> bytes:
            request.addCookie("new", "2", path="/")
            request.addCookie("other", "3")
            return b"had %b" % request.getCookie(b"old")

        self.page("cookies", swap)
        answer = self.get("/cookies", "Cookie: a=b; old=1")
        self.assertEqual(answer.body, b"had 1")
        cookies = answer.head.fields.get_all(b"set-cookie")
        self.assertEqual(cookies, [b"new=2; Path=/", b"other=3"])

    def test_session(self) -> None:
        def count(request: Any) -> bytes:
            session = request.getSession()
            session.count = getattr(session, "count", 0) + 1
            return b"%d" % session.count

        self.page("session", count)
        first = self.get("/session")
        cookie = (first.field("Set-Cookie") or "").partition(";")[0]
        again = self.get("/session", f"Cookie: {cookie}")
        self.assertEqual((first.body, again.body, self.get("/session").body), (b"1", b"2", b"1"))
        self.successResultOf(self.rig.host.stop())
        self.assertEqual(self.rig.clock.getDelayedCalls(), [])

    def test_session_expires_on_the_given_clock(self) -> None:
        self.page("session", lambda request: request.getSession().uid)
        self.get("/session")
        host: Any = self.rig.host
        self.assertEqual(len(host.site.sessions), 1)
        self.rig.network.advance(901)
        self.assertEqual(host.site.sessions, {})

    def test_redirect(self) -> None:
        self.root.putChild(b"old", util.Redirect(b"/new"))
        answer = self.get("/old")
        self.assertEqual((answer.status, answer.field("Location")), (302, "/new"))

    def test_urls_are_made_of_what_the_client_asked(self) -> None:
        self.page("url", lambda request: request.prePathURL() + b" %d" % request.isSecure())
        self.assertEqual(self.get("/url").body, b"http://test:81/url 0")
        self.assertEqual(
            self.get("/url", "X-Forwarded-Proto: https").body, b"https://test:81/url 1"
        )

    def test_host_without_a_port(self) -> None:
        self.page("url", lambda request: request.prePathURL())
        raw = b"GET /url HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-Proto: https\r\n\r\n"
        self.assertEqual(self.rig.ask(raw).answer().body, b"https://example.com/url")

    def test_http_10_without_host(self) -> None:
        self.page("url", lambda request: request.clientproto + b" " + request.prePathURL())
        client = self.rig.ask(b"GET /url HTTP/1.0\r\n\r\n")
        self.assertEqual(client.answer().body, b"HTTP/1.0 http://localhost/url")
        self.assertIsNotNone(client.lost)

    def test_fields_arrive_as_sent(self) -> None:
        self.page("fields", lambda request: repr(request.getAllHeaders()).encode())
        answer = self.get("/fields", "X-A: 1", "x-a: 2")
        self.assertEqual(answer.body, b"{b'host': b'test:81', b'x-a': b'2'}")

    def test_options_star(self) -> None:
        self.assertEqual(self.ask_for("OPTIONS", "*").status, 200)
        self.assertEqual(self.ask_for("OPTIONS", "*", body=b"x").status, 200)

    def test_answer_after_a_while(self) -> None:
        def later(request: Any) -> int:
            request.site.reactor.callLater(3, lambda: (request.write(b"done"), request.finish()))
            return server.NOT_DONE_YET

        self.page("later", later)
        client = self.rig.ask(request("GET", "/later"), seconds=2)
        self.assertEqual((client.received, self.rig.ended), (b"", 0))
        self.rig.network.advance(1)
        self.assertEqual((client.answer().body, self.rig.ended), (b"done", 1))
        self.assertEqual(client.answer().field("Transfer-Encoding"), "chunked")

    def test_head_leaves_by_itself(self) -> None:
        def begin(request: Any) -> int:
            request.setResponseCode(202)
            request.write(b"")
            return server.NOT_DONE_YET

        self.page("begin", begin)
        self.assertEqual(self.rig.ask(request("GET", "/begin")).answer().status, 202)

    def test_own_reason_phrase(self) -> None:
        def teapot(request: Any) -> bytes:
            request.setResponseCode(418, b"I'm a teapot")
            return b""

        self.page("tea", teapot)
        self.assertEqual(self.get("/tea").head.reason, b"I'm a teapot")


class StockBytewiseTests(StockTests):
    """The same, byte by byte."""

    chunk = 1


class FileTests(WebCase):
    """Bodies too large to be taken byte by byte."""

    def test_large_content_is_a_file(self) -> None:
        kinds = []

        def read(request: Any) -> bytes:
            kinds.append(hasattr(request.content, "fileno") and request.content.fileno())
            return b"%d" % len(request.content.read())

        self.page("put", read)
        body = b"x" * 100_001
        self.assertEqual(self.ask_for("PUT", "/put", body=body).body, b"100001")
        self.assertGreater(kinds[0], 2)

    def test_file(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        content = bytes(range(256)) * 1000
        path = Path(folder.name) / "file"
        path.write_bytes(content)
        self.root.putChild(b"file", static.File(str(path)))
        answer = self.get("/file")
        self.assertEqual(answer.body, content)
        etag = self.get("/file", "Range: bytes=1000-1003")
        self.assertEqual((etag.status, etag.body), (206, content[1000:1004]))
        when = f"If-Modified-Since: {answer.field('Last-Modified')}"
        unchanged = self.get("/file", when)
        self.assertEqual((unchanged.status, unchanged.body), (304, b""))
        head = self.ask_for("HEAD", "/file")
        self.assertEqual((head.field("Content-Length"), head.body), (str(len(content)), b""))


class BodilessTests(WebCase):
    """Answers without a body."""

    def code(self, code: int, *fields: tuple[str, str]) -> Any:
        def answer(request: Any) -> bytes:
            request.setResponseCode(code)
            for name, value in fields:
                request.setHeader(name, value)
            return b""

        return answer

    def test_204(self) -> None:
        self.page("none", self.code(204))
        answer = self.get("/none")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertIsNone(answer.field("Content-Length"))
        self.assertIsNone(answer.field("Transfer-Encoding"))

    def test_304(self) -> None:
        self.page("same", self.code(304, ("ETag", '"1"')))
        answer = self.get("/same")
        self.assertEqual((answer.status, answer.field("ETag")), (304, '"1"'))

    def test_head_of_a_stream(self) -> None:
        def stream(request: Any) -> int:
            request.write(b"never seen")
            request.finish()
            return server.NOT_DONE_YET

        self.page("stream", stream)
        raw = request("HEAD", "/stream") + request("GET", "/stream")
        client = self.rig.ask(raw)
        self.assertEqual(client.received.count(b"never seen"), 1)
        self.assertEqual(self.rig.ended, 2)

    def test_head_with_a_declared_length(self) -> None:
        self.page("page", lambda request: b"hello")
        answer = self.ask_for("HEAD", "/page")
        self.assertEqual((answer.field("Content-Length"), answer.body), ("5", b""))


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
