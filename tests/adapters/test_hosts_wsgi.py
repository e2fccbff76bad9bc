"""A WSGI callable in real threads, with its clients on the in-memory network."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from lambda_side.hosts.wsgi import STOP_LIMIT, WsgiHost
from tests.adapters.hosts_rig import Answer, Client, Rig, chunked, read_answers, request
from tests.memory.recorders import Flood, pattern

MIB = 1 << 20
BLOCK = 65536
HELD = 8 * BLOCK
"""All that may wait on the way: at the host, in the transport and in the network's window."""


class ThreadReactor:
    """The real reactor for threads and the rig's clock for time; what a thread calls for is
    delivered over the network.
    """

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.seconds = rig.clock.seconds
        self.callLater = rig.clock.callLater

    def callFromThread(self, call: Callable[..., Any], *args: Any) -> None:
        reactor.callFromThread(self._called, call, args)  # type: ignore[attr-defined]

    def _called(self, call: Callable[..., Any], args: Any) -> None:
        call(*args)
        self._rig.network.pump()


class Closable:
    """An iterable with ``close``."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def close(self) -> None:
        self.closed.set()


class WsgiCase(TestCase):
    """``self.app`` is the application."""

    timeout = 10
    threads = 2

    def setUp(self) -> None:
        self.app: Any = None
        self.rig = Rig(self.make_host)
        self.free = threading.Event()
        self.addCleanup(self.stop)
        self.rig.host.start()

    def make_host(self, rig: Rig) -> WsgiHost:
        tied: Any = ThreadReactor(rig)
        return WsgiHost(tied, self.call, threads=self.threads)

    def call(self, environ: Any, start_response: Any) -> Any:
        return self.app(environ, start_response)

    def stop(self) -> Deferred[None]:
        self.free.set()
        return self.rig.host.stop()

    async def answer(self, client: Client, method: bytes = b"GET") -> Answer:
        """The whole answer, or what there is of it when the connection ends."""

        def whole() -> bool:
            answers = read_answers(client.received, method)
            return client.lost is not None or (bool(answers) and answers[0].whole)

        await self.until(client, whole)
        return client.answer(method)

    async def until(self, client: Client, true: Callable[[], bool]) -> None:
        """Wait for what the client sees; the network is then at rest and can be used."""
        seen: Deferred[None] = Deferred()
        client.until(true).addCallback(lambda _: self.later(seen.callback, None))
        await seen

    def later(self, call: Callable[..., Any], *args: Any) -> None:
        """Call in the reactor's thread, from any thread."""
        reactor.callFromThread(call, *args)  # type: ignore[attr-defined]

    async def ask(
        self, method: str = "GET", path: str = "/", *lines: str, body: bytes = b""
    ) -> Answer:
        client = self.rig.ask(request(method, path, *lines, body=body))
        return await self.answer(client, method.encode())


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


class AnswerTests(WsgiCase):
    """PEP 3333: the answer."""

    async def test_one_piece_gives_the_length(self) -> None:
        self.app = hello
        answer = await self.ask()
        self.assertEqual((answer.status, answer.body, self.rig.ended), (200, b"hello", 1))
        self.assertEqual(answer.field("Content-Length"), "5")

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
        self.assertEqual(self.rig.ended, 5)

    async def test_more_requests_than_threads(self) -> None:
        meeting = threading.Barrier(self.threads)

        def app(environ: Any, start_response: Any) -> list[bytes]:
            meeting.wait()
            return hello(environ, start_response)

        self.app = app
        clients = [self.rig.ask(request("GET", "/")) for _ in range(6)]
        for client in clients:
            self.assertEqual((await self.answer(client)).body, b"hello")
        self.assertEqual(self.rig.ended, 6)


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
        self.assertEqual(self.rig.ended, 2)


class BodyTests(WsgiCase):
    """``wsgi.input``."""

    async def test_ways_of_reading(self) -> None:
        def app(environ: Any, start_response: Any) -> list[bytes]:
            body = environ["wsgi.input"]
            found = [body.read(3), body.readline(), body.readline(2), next(iter(body))]
            found += [*body.readlines(), body.read(), body.read(1)]
            start_response("200 OK", [])
            return [b"|".join(found)]

        self.app = app
        body = b"one, two\nthree\nfour\nfive\nsix"
        expected = b"one|, two\n|th|ree\n|four\n|five\n|six||"
        self.assertEqual((await self.ask("POST", body=body)).body, expected)

    async def test_read_waits_for_the_body(self) -> None:
        began: Deferred[None] = Deferred()

        def app(environ: Any, start_response: Any) -> list[bytes]:
            self.later(began.callback, None)
            start_response("200 OK", [])
            return [environ["wsgi.input"].read(), environ.get("CONTENT_LENGTH", "none").encode()]

        self.app = app
        client = self.rig.ask(request("POST", "/", "Transfer-Encoding: chunked"))
        await began
        self.rig.send(client, chunked(b"first "))
        self.rig.send(client, chunked(b"second ") + b"0\r\n\r\n")
        self.assertEqual((await self.answer(client, b"POST")).body, b"first second none")

    async def test_continue_is_sent_when_the_body_is_read(self) -> None:
        def app(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [])
            if environ["PATH_INFO"] == "/refuse":
                return [b"unread"]
            return [environ["wsgi.input"].read()]

        self.app = app
        expect = ("Expect: 100-continue", "Content-Length: 4")
        client = self.rig.ask(request("PUT", "/read", *expect))
        await self.until(client, lambda: client.received == b"HTTP/1.1 100 Continue\r\n\r\n")
        self.rig.send(client, b"body")
        self.assertEqual((await self.answer(client, b"PUT")).body, b"body")
        client = self.rig.ask(request("PUT", "/refuse", *expect))
        self.assertEqual((await self.answer(client, b"PUT")).interim, [])

    async def test_unread_body_is_passed_over(self) -> None:
        self.app = hello
        client = self.rig.ask(request("PUT", "/", f"Content-Length: {4 * MIB}"))
        self.assertEqual((await self.answer(client, b"PUT")).body, b"hello")
        self.assertEqual(self.rig.ended, 0)
        self.rig.send(client, bytes(4 * MIB) + request("GET", "/"))
        await self.until(client, lambda: client.received.count(b"hello") == 2)
        self.assertEqual(self.rig.ended, 2)

    async def test_large_upload_in_bounded_memory(self) -> None:
        data = pattern(8 * MIB)

        def app(environ: Any, start_response: Any) -> list[bytes]:
            self.free.wait()
            body, count, digest = environ["wsgi.input"], 0, hashlib.sha256()
            while piece := body.read(100_000):
                count += len(piece)
                digest.update(piece)
            start_response("200 OK", [])
            return [b"%d %b" % (count, digest.hexdigest().encode())]

        self.app = app
        client = self.rig.ask(request("PUT", "/", f"Content-Length: {len(data)}"))
        assert client.transport is not None
        flood = Flood(client.transport, data)  # type: ignore[arg-type]
        flood.start()
        self.rig.network.pump()
        self.assertLess(len(data) - len(flood._rest), HELD)
        self.free.set()
        answer = await self.answer(client, b"PUT")
        self.assertEqual(answer.body, b"8388608 " + hashlib.sha256(data).hexdigest().encode())

    async def test_large_answer_in_bounded_memory(self) -> None:
        waiting: list[int] = []
        some: Deferred[None] = Deferred()
        client = self.rig.client()

        def app(environ: Any, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [])
            for sent in range(0, 4 * MIB, BLOCK):
                waiting.append(sent - len(client.received))
                if sent == 2 * BLOCK:
                    self.later(some.callback, None)
                yield bytes(BLOCK)

        self.app = app
        client.link.freeze("client")
        self.rig.send(client, request("GET", "/"))
        await some
        client.link.thaw("client")
        self.rig.network.pump()
        await self.until(client, lambda: client.received.endswith(b"\r\n0\r\n\r\n"))
        self.assertEqual(len((await self.answer(client)).body), 4 * MIB)
        self.assertLess(max(waiting), HELD)


class WatchedCase(WsgiCase):
    """``began`` fires when the application was called."""

    def setUp(self) -> None:
        super().setUp()
        self.began: Deferred[None] = Deferred()

    def watch(self, act: Callable[[Any, Any], Any]) -> Deferred[BaseException | None]:
        """Fires with what ``act`` raised in the application's thread."""
        ended: Deferred[BaseException | None] = Deferred()

        def app(environ: Any, start_response: Any) -> Any:
            self.later(self.began.callback, None)
            write = start_response("200 OK", [])
            raised: BaseException | None = None
            try:
                act(environ["wsgi.input"], write)
            except BaseException as error:
                raised = error
                raise
            finally:
                self.later(ended.callback, raised)
            return []

        self.app = app
        return ended

    def flood(self, body: Any, write: Any) -> None:
        for _ in range(1000):
            write(bytes(BLOCK))


class GoneTests(WatchedCase):
    """Threads are set free when nobody waits for what they do."""

    async def test_reading(self) -> None:
        ended = self.watch(lambda body, write: body.read())
        client = self.rig.ask(request("PUT", "/", "Content-Length: 10") + b"12345")
        await self.began
        self.rig.leave(client)
        self.assertIsInstance(await ended, ConnectionResetError)
        self.assertEqual(self.rig.ended, 1)

    async def test_writing(self) -> None:
        ended = self.watch(self.flood)
        client = self.rig.client()
        client.link.freeze("client")
        self.rig.send(client, request("GET", "/"))
        await self.began
        self.rig.leave(client)
        self.assertIsInstance(await ended, BrokenPipeError)
        self.assertEqual(self.rig.ended, 1)

    async def test_waiting_for_a_thread(self) -> None:
        calls: list[str] = []

        def app(environ: Any, start_response: Any) -> list[bytes]:
            calls.append(environ["PATH_INFO"])
            self.free.wait()
            return hello(environ, start_response)

        self.app = app
        clients = [self.rig.ask(request("GET", f"/{number}")) for number in range(4)]
        self.rig.leave(clients[2])
        self.assertEqual(self.rig.ended, 1)
        self.free.set()
        for number in (0, 1, 3):
            await self.answer(clients[number])
        self.assertEqual(sorted(calls), ["/0", "/1", "/3"])


class StopTests(WatchedCase):
    """``stop`` never hangs."""

    async def test_idle(self) -> None:
        await self.rig.host.stop()
        answer = await self.ask()
        self.assertEqual(answer.status, 503)
        self.assertEqual(self.rig.ended, 1)

    async def test_thread_that_reads(self) -> None:
        ended = self.watch(lambda body, write: body.read())
        self.rig.ask(request("PUT", "/", "Content-Length: 10"))
        await self.began
        await self.rig.host.stop()
        self.assertIsInstance(await ended, ConnectionResetError)
        self.assertEqual((self.rig.ended, self.rig.clock.getDelayedCalls()), (1, []))

    async def test_thread_that_writes_to_a_slow_client(self) -> None:
        ended = self.watch(self.flood)
        client = self.rig.client()
        client.link.freeze("client")
        self.rig.send(client, request("GET", "/"))
        await self.began
        await self.rig.host.stop()
        self.assertIsInstance(await ended, BrokenPipeError)
        client.link.thaw("client")
        self.rig.network.pump()
        self.assertIsNotNone(client.lost)

    async def test_thread_that_waits_for_something_else(self) -> None:
        ended = self.watch(lambda body, write: self.free.wait())
        client = self.rig.ask(request("GET", "/"))
        await self.began
        stopped = self.rig.host.stop()
        self.rig.network.advance(STOP_LIMIT - 0.1)
        self.assertNoResult(stopped)
        self.assertIsNotNone(client.lost)
        self.rig.network.advance(0.2)
        self.successResultOf(stopped)
        self.free.set()
        await ended
