"""The server of the control port: what peers cost that have not proved anything yet.

A connection that has not proved itself after ``patience`` seconds is closed, however it passed the
time: saying nothing, or sending a head octet by octet. The TLS handshake has a limit of its own.
Over ``most`` connections, proved ones and those that shake hands counted, a new one is closed
before a byte of it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol
from twisted.logger import Logger

from lambdadispatch.http11.server import HttpServer
from lambdadispatch.http11.server_connection import ServerConnection
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.http11.transport import IStreamTransport
from lambdadispatch.transports.arrivals import TLS_FAILED, TLS_TIMEOUT
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.exchange_state import CLOSED, IDLE
from lambdadispatch.wire.reader import Limits

log = Logger()

TOO_SLOW: Final = "too_slow"
TOO_MANY_CONNECTIONS: Final = "too_many_connections"
FLOODS: Final = frozenset([TOO_MANY_CONNECTIONS, TLS_FAILED])
"""What comes without a limit is logged once a second, so that it does not fill the log."""


def log_denial(peer: str, reason: str) -> None:
    """Log that a connection was refused before it said whose it is."""
    log.warn("a connection from {peer} was denied: {denial}", peer=peer, denial=reason)


class Unwanted(Protocol):
    """Ends its connection. (No protocol at all is what Twisted's TLS cannot stand.)"""

    def connectionMade(self) -> None:
        """Twisted: the connection is up."""
        cast(IStreamTransport, self.transport).abortConnection()


class ControlServer(HttpServer):
    """``admitted`` tells how many connections have proved themselves; ``on_denied`` counts."""

    def __init__(
        self,
        on_request: Callable[[ServerExchange], None],
        on_refused: Callable[[ServerExchange, RemoteProtocolError], None],
        on_denied: Callable[[str], None],
        *,
        limits: Limits,
        patience: int,
        most: int,
        admitted: Callable[[], int],
    ) -> None:
        super().__init__(on_request, on_refused, limits=limits, patience=patience)
        self._on_denied = on_denied
        self._most = most
        self._admitted = admitted
        self._said: dict[str, int] = {}
        self._arriving: set[tuple[Any, ...]] = set()
        self.arrivals = self

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """Twisted: somebody connected."""
        if self._has_room():
            return super().buildProtocol(addr)
        self._deny(str(getattr(addr, "host", "unknown")), TOO_MANY_CONNECTIONS)
        return Unwanted()

    def _has_room(self) -> bool:
        return len(self.connections) + len(self._arriving) + self._admitted() < self._most

    def _deny(self, host: str, reason: str) -> None:
        self._on_denied(reason)
        if reason not in FLOODS or self._said.get(reason) != self.sweeps:
            self._said[reason] = self.sweeps
            log_denial(host, reason)

    def arriving(self, peer: tuple[Any, ...]) -> bool:
        """A TLS connection is there that has not shaken hands; whether it may."""
        if self._has_room():
            self._arriving.add(peer)
            return True
        self._deny(str(peer[0]), TOO_MANY_CONNECTIONS)
        return False

    def arrived(self, peer: tuple[Any, ...]) -> None:
        """Hands are shaken, or not."""
        self._arriving.discard(peer)

    def handshake_failed(self, peer: tuple[Any, ...], reason: str) -> None:
        """A TLS connection came to nothing."""
        self._deny(str(peer[0]), TOO_SLOW if reason == TLS_TIMEOUT else reason)

    def sweep(self) -> None:
        """One second has passed."""
        waiting = [
            each
            for each in self.connections
            if isinstance(each, ServerConnection) and each.state is IDLE
        ]
        super().sweep()
        for each in waiting:
            if each.state is CLOSED:
                self._deny(str(getattr(each.transport.getPeer(), "host", "unknown")), TOO_SLOW)
