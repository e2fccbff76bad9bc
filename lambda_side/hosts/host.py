"""What a host is: the application's side of every exchange."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from twisted.internet.defer import Deferred

from lambdadispatch.http11.exchange import Exchange
from lambdadispatch.http11.server_exchange import ServerExchange

STOPPING: Final = "stopping"
"""Why an exchange is turned away by a host that stops."""

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
        """Let go of everything; fires when that is done. What this ends in the midst is cut; what
        the application has not seen, and what comes from now on, is turned away.
        """


def refuse(exchange: Exchange, status: int, reason: str) -> None:
    """Answer for an application that cannot: JSON that names this side and one word why."""
    body = b'{"component":"instance","reason":"%b"}\n' % reason.encode("ascii")
    exchange.respond(status, [(b"Content-Type", b"application/json")], body)


def turn_away(exchange: ServerExchange, on_end: OnEnd, reason: str, status: int = 503) -> None:
    """End an exchange for which nothing was done; ``reason`` is one word.

    It is declined, to be served by another instance, and has ended when the router cuts its
    channel; where nobody can be told that, it is answered with ``status``.
    """
    exchange.release()
    exchange.on_lost = lambda _: on_end()
    if not exchange.decline(reason):
        exchange.on_lost = None
        refuse(exchange, status, reason)
        on_end()
