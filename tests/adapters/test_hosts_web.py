"""A twisted.web Resource hosted in process: what stock twisted.web offers is there."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.web import server, static, util

from tests.adapters.hosts_rig import chunked, request
from tests.adapters.hosts_web_rig import WebCase


class StockTests(WebCase):
    """The request's API."""

    def test_get(self) -> None:
        self.page("here", lambda request: b"hello")
        answer = self.get("/here")
        self.assertEqual((answer.status, answer.body), (200, b"hello"))
        self.assertEqual(answer.field("Content-Length"), "5")
        self.assertEqual(answer.field("Content-Type"), "text/html")
        self.assertEqual(self.rig.ended, 1)

    def test_a_request_for_an_upgrade_is_an_ordinary_one(self) -> None:
        def seen(request: server.Request) -> bytes:
            names = sorted(name for name, _ in request.requestHeaders.getAllRawHeaders())
            return b" ".join(names).lower()

        self.page("here", seen)
        asks = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k")
        answer = self.get("/here", *asks)
        self.assertEqual((answer.status, answer.body), (200, b"host sec-websocket-key"))

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
