"""A WSGI host in real threads, with its clients on the in-memory network."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from lambda_side.hosts.wsgi import WsgiHost
from tests.adapters.hosts_rig import Answer, Client, Rig, read_answers, request


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

    async def ended(self, count: int) -> None:
        """Wait until so many exchanges have ended, which their clients may see earlier."""
        reached: Deferred[None] = Deferred()

        def look() -> None:
            if self.rig.ended == count and not reached.called:
                reached.callback(None)

        self.rig.on_ended = look
        look()
        await reached

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
