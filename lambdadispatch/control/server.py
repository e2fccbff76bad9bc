"""The server of the control port: what peers cost that have not proved anything yet.

A connection that has not proved itself after ``patience`` seconds is closed, however it passed the
time: saying nothing, in the middle of the TLS handshake (Twisted's; libuv's transport has its own
limit), or sending a head octet by octet. Over ``most`` connections, proved ones counted, a new one
is closed before a byte of it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol
from twisted.logger import Logger

from lambdadispatch.http11.server import HttpServer
from lambdadispatch.http11.server_connection import ServerConnection
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.http11.transport import IStreamTransport
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.exchange_state import CLOSED, IDLE
from lambdadispatch.wire.reader import Limits

log = Logger()

TOO_SLOW: Final = "too_slow"
TOO_MANY_CONNECTIONS: Final = "too_many_connections"


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
        self._said_full = -1

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """Twisted: somebody connected."""
        if len(self.connections) + self._admitted() < self._most:
            return super().buildProtocol(addr)
        self._on_denied(TOO_MANY_CONNECTIONS)
        if self._said_full != self.sweeps:
            # Once a second: what comes without a limit must not fill the log.
            self._said_full = self.sweeps
            log_denial(str(getattr(addr, "host", "unknown")), TOO_MANY_CONNECTIONS)
        return Unwanted()

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
                self._on_denied(TOO_SLOW)
                log_denial(str(getattr(each.transport.getPeer(), "host", "unknown")), TOO_SLOW)
