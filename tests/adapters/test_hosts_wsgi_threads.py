"""WSGI bodies, clients that leave, and stopping: what threads wait for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import Deferred

from lambda_side.hosts.wsgi import STOP_LIMIT
from tests.adapters.hosts_rig import chunked, request
from tests.adapters.hosts_wsgi_rig import WsgiCase, hello
from tests.memory.recorders import Flood, pattern

MIB = 1 << 20
BLOCK = 65536
HELD = 8 * BLOCK
"""All that may wait on the way: at the host, in the transport and in the network's window."""


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
        await self.ended(2)

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

    async def test_the_answer_is_closed(self) -> None:
        """Which is how WSGI tells an application that its client has left (PEP 3333)."""
        closed: Deferred[None] = Deferred()
        case = self

        class Endless:
            def __iter__(self) -> Iterator[bytes]:
                case.later(case.began.callback, None)
                while True:
                    yield bytes(BLOCK)

            def close(self) -> None:
                case.later(closed.callback, None)

        def app(environ: Any, start_response: Any) -> Endless:
            start_response("200 OK", [])
            return Endless()

        self.app = app
        client = self.rig.client()
        client.link.freeze("client")
        self.rig.send(client, request("GET", "/"))
        await self.began
        self.assertFalse(closed.called)
        self.rig.leave(client)
        await closed
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
