"""The channels at the instance's end: as many as were asked for, each replaced when it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from lambda_side.dial import Dialer, DialError, make_nonce
from lambdadispatch.http11.keepalive import keep_alive
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.http11.server_connection import ServerConnection
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.channel_reader import ChannelReader
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.proof import CHANNEL
from lambdadispatch.wire.reader import Limits
from lambdadispatch.wire.upgrade import UPGRADES_OF_CHANNELS

RETRY_FIRST: Final = 0.1
RETRY_MOST: Final = 2.0
NEVER_IDLE: Final = 1 << 62
"""Channels are closed by the router; this side does not tire of waiting."""
ROUTERS_LIMITS: Final = Limits(head_octets=2 * 1_048_576, fields=2 * 10_000)
"""Heads are checked by the router, whose limits are settings, and which adds fields to what it let
through. These are beyond the largest settings.
"""


OnDecline = Callable[[str, str], bool]
"""Tells the router why the request on this nonce's channel is not served; False if not told."""


class ChannelConnection(ServerConnection):
    """A server connection that this side has opened; ``nonce`` is its name for the router."""

    def __init__(self, server: HttpServer, on_decline: OnDecline) -> None:
        super().__init__(server)
        self.nonce = make_nonce()
        self._on_decline = on_decline

    def decline(self, reason: str) -> bool:
        """Tell the router over the session: no byte on a channel can be read as that."""
        return self._on_decline(self.nonce, reason)


class Channels:
    """Keeps ``count`` channels open until ``stop``, or until the router refuses one for good.

    ``on_change`` is told when one has closed, ``on_refused`` why none will be opened any more.
    """

    def __init__(
        self,
        clock: IReactorTime,
        dialer: Dialer,
        count: int,
        on_request: Callable[[ServerExchange], None],
        on_change: Callable[[], None],
        on_decline: OnDecline,
        on_refused: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._dialer = dialer
        self._count = count
        self._on_decline = on_decline
        self._on_change = on_change
        self._on_refused = on_refused
        self._server = HttpServer(
            on_request,
            _refuse,
            limits=ROUTERS_LIMITS,
            patience=NEVER_IDLE,
            prepare=keep_alive,
            reader=ChannelReader,
            upgrades=UPGRADES_OF_CHANNELS,
        )
        self._dialling = 0
        self._open = 0
        self._retry: IDelayedCall | None = None
        self._delay = RETRY_FIRST
        self._stopped = False

    @property
    def open(self) -> int:
        """Channels that are open or being opened."""
        return self._open + self._dialling

    def fill(self) -> None:
        """Open what is missing."""
        while not self._stopped and self.open < self._count:
            self._dial()

    def stop(self) -> None:
        """Open no more; those that are open end when the router closes them."""
        self._stopped = True
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def cut(self) -> None:
        """End all at once."""
        self.stop()
        self._server.cut()

    def _dial(self) -> None:
        self._dialling += 1
        connection = ChannelConnection(self._server, self._on_decline)
        dialled = self._dialer.dial(CHANNEL, connection, self._closed, connection.nonce)
        dialled.addCallbacks(self._opened, self._refused)

    def _opened(self, _: None) -> None:
        self._dialling -= 1
        self._open += 1
        self._delay = RETRY_FIRST

    def _closed(self) -> None:
        self._open -= 1
        self._on_change()
        self.fill()

    def _refused(self, failure: Failure) -> None:
        failure.trap(DialError)
        self._dialling -= 1
        error = failure.value
        if isinstance(error, DialError) and error.final and not self._stopped:
            self.stop()
            self._on_refused(error.reason)
        self._on_change()
        if not self._stopped and self._retry is None:
            self._retry = self._clock.callLater(self._delay, self._try_again)
            self._delay = min(self._delay * 2, RETRY_MOST)

    def _try_again(self) -> None:
        self._retry = None
        self.fill()


def _refuse(exchange: ServerExchange, error: RemoteProtocolError) -> None:
    exchange.respond(error.status, body=error.reason.encode())
