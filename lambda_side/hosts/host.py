"""What a host is: the application's side of every exchange."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred

from lambdadispatch.http11.exchange import Exchange
from lambdadispatch.http11.server_exchange import ServerExchange

OnEnd = Callable[[], None]
"""Called once, when request and response have both ended or the exchange was lost."""


class HostError(Exception):
    """The application cannot be hosted; the text tells people why."""


class Host(Protocol):
    """Serves exchanges with one application."""

    def start(self) -> Deferred[None]:
        """Fire when the application takes requests; fail with HostError if it will not."""

    def serve(self, exchange: ServerExchange, on_end: OnEnd) -> None:
        """Answer one exchange, and call ``on_end`` exactly once."""

    def stop(self) -> Deferred[None]:
        """Let go of everything; fires when that is done. What this ends in the midst is cut."""


def refuse(exchange: Exchange, status: int, reason: str) -> None:
    """Answer for an application that cannot: JSON that names this side and one word why."""
    body = b'{"component":"instance","reason":"%b"}\n' % reason.encode("ascii")
    exchange.respond(status, [(b"Content-Type", b"application/json")], body)
