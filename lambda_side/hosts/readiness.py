"""Waiting until an application on a loopback port takes requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from lambda_side.hosts.host import HostError
from lambda_side.hosts.loopback import Loopback
from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.wire.errors import LocalProtocolError
from lambdadispatch.wire.fields import Pairs
from lambdadispatch.wire.heads import RequestHead, ResponseHead, request

PAUSE: Final = 0.01
"""Seconds from the end of one try to the next."""


class Try:
    """One request for the health path; ``done`` is told the status, or 0 with what went wrong."""

    def __init__(self, done: Callable[[int, str], None]) -> None:
        self._done = done
        self._status = 0

    def response_whole(self, head: ResponseHead, body: bytes) -> None:
        """The answer is complete."""
        self._done(head.status, f"status {head.status}")

    def response_head(self, head: ResponseHead) -> None:
        """A head, interim or final."""
        self._status = head.status

    def response_data(self, data: bytes) -> None:
        """The body is not looked at."""

    def response_end(self, trailers: Pairs) -> None:
        """The answer is complete."""
        self._done(self._status, f"status {self._status}")

    def response_flush(self) -> None:
        """Nothing is held back here."""

    def server_lost(self, reason: str) -> None:
        """There was no whole answer."""
        self._done(0, f"connection {reason}")

    def server_slow(self) -> None:
        """A request without body is never too fast."""

    def server_ready(self) -> None:
        """The same."""


def _health_request(port: int, path: str) -> RequestHead:
    fields = [(b"Host", b"127.0.0.1:%d" % port), (b"User-Agent", b"lambdadispatch")]
    try:
        if path.startswith("/"):
            return request(b"GET", path.encode(), fields)
    except LocalProtocolError:
        pass
    raise HostError(f"health path {path!r} cannot be asked for: a path beginning with / is needed")


class Readiness:
    """Asks for ``path`` until an answer's status is below 500, or ``limit`` seconds are over."""

    def __init__(
        self, clock: IReactorTime, loopback: Loopback, port: int, path: str, limit: float
    ) -> None:
        self._clock = clock
        self._loopback = loopback
        self._port = port
        self._path = path
        self._head = _health_request(port, path)
        self._limit = limit
        self._said = "no answer"
        self._ready: Deferred[None] = Deferred(lambda _: self._stop())
        self._timers: list[IDelayedCall] = []
        self._connecting: Deferred[None] | None = None
        self._connection: ClientConnection | None = None
        self._over = False

    def wait(self) -> Deferred[None]:
        """Fire when ready; fail with HostError at the limit. May be cancelled."""
        self._timers = [self._clock.callLater(self._limit, self._give_up)]
        self._ask()
        return self._ready

    def _ask(self) -> None:
        del self._timers[1:]
        connection = self._loopback.take_idle()
        if connection is not None:
            self._send(connection)
            return
        self._connecting = self._loopback.connect().addCallbacks(self._send, self._not_connected)

    def _send(self, connection: ClientConnection) -> None:
        self._connecting = None
        self._connection = connection
        connection.send(self._head, Try(self._answered))

    def _not_connected(self, reason: Failure) -> None:
        self._answered(0, reason.getErrorMessage())

    def _answered(self, status: int, said: str) -> None:
        if self._over:
            return
        self._connecting = self._connection = None
        self._said = said
        if 200 <= status < 500:
            self._stop()
            self._ready.callback(None)
        else:
            self._timers.append(self._clock.callLater(PAUSE, self._ask))

    def _give_up(self) -> None:
        self._stop()
        self._ready.errback(
            HostError(
                f"the application on port {self._port} was not ready within {self._limit:g} s: "
                f"GET {self._path}: {self._said}"
            )
        )

    def _stop(self) -> None:
        self._over = True
        for timer in self._timers:
            if timer.active():
                timer.cancel()
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.cut()
