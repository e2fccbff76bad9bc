"""Any HTTP server on a loopback port.

Theory of operation. Each exchange is relayed to a kept connection, or to a new one if none is
idle. A server may close an idle connection at the very moment at which the next request is sent on
it; such a request is sent once more, on a new connection, if the server cannot have acted on it:
no octet of an answer came and, of a request with a body, nothing of the body was passed on, or,
without a body, the method is idempotent (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1). If
no connection can be made nothing was done for the request, and it is declined, to be served by
another instance. Any other loss is told to the client (502).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from lambda_side.hosts.host import STOPPING, OnEnd, refuse, turn_away
from lambda_side.hosts.loopback import Loopback
from lambda_side.hosts.readiness import Readiness
from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.http11.outcomes import RelayOutcome
from lambdadispatch.http11.relay import Relay
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.heads import IDEMPOTENT

log = Logger()


class KeptRelay(Relay):
    """A relay over a connection that was kept: calls ``again`` instead of answering 502 if the
    connection turns out closed and nothing has been lost.
    """

    __slots__ = ("_again",)

    def __init__(
        self,
        exchange: ServerExchange,
        connection: ClientConnection,
        on_outcome: Callable[[RelayOutcome], None],
        again: Callable[[], None],
    ) -> None:
        super().__init__(exchange, connection, refuse, on_outcome)
        head = exchange.head
        self._again = again
        self.spent = head is None or (not head.body and head.method not in IDEMPOTENT)

    def server_lost(self, reason: str) -> None:
        """The application's connection failed."""
        told = self.spent or self._exchange.answer_begun
        if told or reason not in {"lost", "closed"}:
            super().server_lost(reason)
        else:
            self._again()


class PortExchange:
    """One exchange on its way to the application."""

    def __init__(self, loopback: Loopback, exchange: ServerExchange, on_end: OnEnd) -> None:
        self._loopback = loopback
        self._exchange = exchange
        self._on_end: OnEnd | None = on_end
        self._connecting: Deferred[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Relay over a kept connection or a new one."""
        connection = self._loopback.take_idle()
        if connection is None:
            self._connect()
        else:
            KeptRelay(self._exchange, connection, self._finish, self._again).start()

    def stop(self) -> None:
        """The host stops: what the application may have seen is cut."""
        self._stopping = True
        if self._connecting is None:
            self._cut()
        else:
            self._connecting.cancel()

    def _cut(self) -> None:
        self._exchange.cut()
        self._finish()

    def _again(self) -> None:
        # Until there is a new connection the body must not reach the relay that failed.
        self._exchange.pause_body()
        self._connect()

    def _connect(self) -> None:
        self._exchange.on_lost = self._finish
        self._connecting = connecting = cast("Deferred[None]", self._loopback.connect())
        connecting.addCallbacks(self._connected, self._not_connected)
        connecting.addErrback(self._failed)

    def _connected(self, connection: ClientConnection) -> None:
        self._connecting = None
        if self._on_end is None:
            self._loopback.give_back(connection)
            return
        Relay(self._exchange, connection, refuse, self._finish).start()
        if self._exchange.body_paused and not self._exchange.answer_ended:
            self._exchange.resume_body()

    def _not_connected(self, reason: Failure) -> None:
        self._connecting = None
        if self._on_end is None:
            return
        if self._stopping:
            turn_away(self._exchange, self._finish, STOPPING)
            return
        log.warn("the application cannot be reached: {error}", error=reason.value)
        turn_away(self._exchange, self._finish, "application_unreachable", 502)

    def _failed(self, reason: Failure) -> None:
        log.failure("an exchange failed", failure=reason)
        if self._on_end is not None:
            self._cut()

    def _finish(self, outcome: object = None) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()


class PortHost:
    """Hosts what listens on ``port`` of this machine, reached through ``endpoint``.

    It is ready when GET ``health_path`` has been answered with a status below 500; ``start`` asks
    every 10 ms and fails after ``ready_limit`` seconds.
    """

    def __init__(
        self,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        port: int,
        *,
        health_path: str = "/health",
        ready_limit: float = 30.0,
    ) -> None:
        self._loopback = Loopback(endpoint)
        self._open: set[PortExchange] = set()
        self._stopped = False
        self._readiness = Readiness(clock, self._loopback, port, health_path, ready_limit)

    def start(self) -> Deferred[None]:
        """Fire when the application takes requests; cancelling it ends the asking."""
        return self._readiness.wait()

    def serve(self, exchange: ServerExchange, on_end: OnEnd) -> None:
        """Answer one exchange, and call ``on_end`` exactly once."""
        if self._stopped:
            turn_away(exchange, on_end, STOPPING)
            return

        def ended() -> None:
            self._open.discard(serving)
            on_end()

        serving = PortExchange(self._loopback, exchange, ended)
        self._open.add(serving)
        serving.start()

    def stop(self) -> Deferred[None]:
        """Close the connections; exchanges still open on them are cut."""
        self._stopped = True
        for serving in tuple(self._open):
            serving.stop()
        self._loopback.close()
        return succeed(None)
