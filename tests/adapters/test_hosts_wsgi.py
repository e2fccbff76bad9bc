"""A WSGI application's answers, right and wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.adapters.hosts_rig import request
from tests.adapters.hosts_wsgi_rig import WsgiCase, hello


class Closable:
    """An iterable with ``close``."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def close(self) -> None:
        self.closed.set()


class AnswerTests(WsgiCase):
    """PEP 3333: the answer."""

    async def test_one_piece_gives_the_length(self) -> None:
        self.app = hello
        answer = await self.ask()
        self.assertEqual((answer.status, answer.body), (200, b"hello"))
        self.assertEqual(answer.field("Content-Length"), "5")
        await self.ended(1)

    async def test_pieces_are_streamed(self) -> None:
        def app(environ: Any, start_response: Any) -> Iterator[bytes]:
            start_response("201 Made Up", [("X-A", "é")])
            yield b""
            yield b"first "
            self.free.wait()
            yield b"second"

        self.app = app
        client = self.rig.ask(request("GET", "/"))
        await self.until(client, lambda: b"first" in client.received)
        self.assertEqual(self.rig.ended, 0)
        self.free.set()
        answer = await self.answer(client)
        self.assertEqual((answer.status, answer.head.reason), (201, b"Made Up"))
        self.assertEqual((answer.body, answer.field("X-A")), (b"first second", "é"))
        self.assertEqual(answer.field("Transfer-Encoding"), "chunked")

    async def test_write(self) -> None:
        def app(environ: Any, start_response: Any) -> list[bytes]:
            write = start_response("200 OK", [])
            write(b"written, ")
            return [b"returned"]

        self.app = app
        self.assertEqual((await self.ask()).body, b"written, returned")

    async def test_empty_answer(self) -> None:
        def app(environ: Any, start_response: Any) -> list[bytes]:
            start_response("202 Accepted", [])
            return []

        self.app = app
        answer = await self.ask()
        self.assertEqual((answer.status, answer.field("Content-Length")), (202, "0"))

    async def test_head(self) -> None:
        self.app = hello
        answer = await self.ask("HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))

    async def test_close_is_called(self) -> None:
        pieces = Closable([b"a", b"b"])

        def app(environ: Any, start_response: Any) -> Closable:
            start_response("200 OK", [])
            return pieces

        self.app = app
        self.assertEqual((await self.ask()).body, b"ab")
        await self.stop()
        self.assertTrue(pieces.closed.is_set())

    async def test_one_connection_serves_one_request_after_another(self) -> None:
        self.app = hello
        client = self.rig.ask(request("GET", "/") * 5)
        await self.until(client, lambda: client.received.count(b"hello") == 5)
        await self.ended(5)

    async def test_more_requests_than_threads(self) -> None:
        meeting = threading.Barrier(self.threads)

        def app(environ: Any, start_response: Any) -> list[bytes]:
            meeting.wait()
            return hello(environ, start_response)

        self.app = app
        clients = [self.rig.ask(request("GET", "/")) for _ in range(6)]
        for client in clients:
            self.assertEqual((await self.answer(client)).body, b"hello")
        await self.ended(6)


class FaultTests(WsgiCase):
    """Applications that go wrong."""

    REFUSED = b'{"component":"instance","reason":"application_error"}\n'

    async def check_refused(self, error: type[Exception]) -> None:
        answer = await self.ask()
        self.assertEqual((answer.status, answer.body, self.rig.ended), (500, self.REFUSED, 1))
        self.assertEqual(len(self.flushLoggedErrors(error)), 1)

    async def test_error_at_once(self) -> None:
        def app(environ: Any, start_response: Any) -> list[bytes]:
            raise ZeroDivisionError("in the application")

        self.app = app
        await self.check_refused(ZeroDivisionError)

    async def test_error_before_the_first_piece_closes(self) -> None:
        def broken() -> Iterator[bytes]:
            raise ZeroDivisionError("in the iterable")
            yield b""

        pieces = Closable(broken())

        def app(environ: Any, start_response: Any) -> Closable:
            start_response("200 OK", [])
            return pieces

        self.app = app
        await self.check_refused(ZeroDivisionError)
        self.assertTrue(pieces.closed.is_set())

    async def test_error_after_a_piece_cuts(self) -> None:
        def app(environ: Any, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [])
            yield b"part"
            self.free.wait()
            raise ZeroDivisionError("in the iterable")

        self.app = app
        client = self.rig.ask(request("GET", "/"))
        await self.until(client, lambda: b"part" in client.received)
        self.free.set()
        answer = await self.answer(client)
        self.assertEqual((answer.whole, answer.body, self.rig.ended), (False, b"part", 1))
        self.flushLoggedErrors(ZeroDivisionError)

    async def test_error_in_close_after_the_answer(self) -> None:
        class Bad(Closable):
            def close(self) -> None:
                raise ZeroDivisionError("in close")

        def app(environ: Any, start_response: Any) -> Closable:
            start_response("200 OK", [])
            return Bad([b"whole"])

        self.app = app
        self.assertEqual((await self.ask()).body, b"whole")
        await self.stop()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_start_response_again_with_exc_info(self) -> None:
        def app(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [("X-A", "1")])
            try:
                raise ZeroDivisionError
            except ZeroDivisionError as error:
                start_response("503 Sorry", [], (type(error), error, None))
            return [b"sorry"]

        self.app = app
        answer = await self.ask()
        self.assertEqual((answer.status, answer.field("X-A"), answer.body), (503, None, b"sorry"))

    async def test_exc_info_after_a_piece_raises_it(self) -> None:
        def app(environ: Any, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [])
            yield b"part"
            self.free.wait()
            error = ZeroDivisionError()
            start_response("503 Sorry", [], (type(error), error, None))

        self.app = app
        client = self.rig.ask(request("GET", "/"))
        await self.until(client, lambda: b"part" in client.received)
        self.free.set()
        self.assertFalse((await self.answer(client)).whole)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_what_pep_3333_forbids(self) -> None:
        def twice(start_response: Any) -> Any:
            start_response("200 OK", [])
            start_response("200 OK", [])

        cases: list[tuple[type[Exception], Callable[[Any], Any]]] = [
            (AssertionError, twice),
            (AssertionError, lambda start: [b"without start_response"]),
            (AssertionError, lambda start: []),
            (TypeError, lambda start: start("200 OK", []) and ["text"]),
            (TypeError, lambda start: start("200 OK", []) and None),
        ]
        for number, (error, call) in enumerate(cases):
            self.app = lambda environ, start, call=call: call(start)
            self.rig.ended = 0
            with self.subTest(number=number):
                await self.check_refused(error)

    async def test_what_http_forbids(self) -> None:
        for status, fields in [
            ("200 OK", [("X-A", "a\r\nX-B: b")]),
            ("200 OK", [("X A", "a")]),
            ("200 OK", [("X-A", "\u20ac")]),
            ("200 OK\r\nX-B: b", []),
            ("OK", []),
            ("101 Switching Protocols", []),
            ("200 OK", [("Content-Length", "1"), ("Content-Length", "2")]),
        ]:
            self.app = lambda environ, start, head=(status, fields): start(*head) and [b""]
            answer = await self.ask()
            self.assertEqual((answer.status, answer.field("X-B")), (500, None))
        self.assertEqual(len(self.flushLoggedErrors()), 7)

    async def test_length_that_is_wrong(self) -> None:
        def app(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [("Content-Length", environ["QUERY_STRING"])])
            return [b"12345"]

        self.app = app
        self.assertEqual((await self.ask("GET", "/?3")).body, b"123")
        client = self.rig.ask(request("GET", "/?7"))
        await self.until(client, lambda: client.lost is not None)
        self.assertNotIn(b"\r\n\r\n12345\r\n", client.received)
        await self.ended(2)
