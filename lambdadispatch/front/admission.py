"""Which connections the front serves: so many in all, and so many from one address.

A connection over a limit is closed without a word. An answer would cost more than the attack that
the limit is there for, and no client expects one before it has asked.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Any

from lambdadispatch.front.networks import Networks, plain_host
from lambdadispatch.http11.exchange import ServedConnection


class Closed(StrEnum):
    """Why a connection was closed before any request was read from it."""

    CONNECTION_LIMIT = "connection_limit"
    """As many connections as are allowed were open."""
    ADDRESS_LIMIT = "address_limit"
    """As many connections as are allowed were open from this address."""
    UNTRUSTED_PROXY = "untrusted_proxy"
    """The PROXY protocol is spoken here, and the peer is in no trusted network."""
    BAD_PROXY_HEADER = "bad_proxy_header"
    """It did not begin with a header of the PROXY protocol."""
    PROXY_HEADER_TIMEOUT = "proxy_header_timeout"
    """The header of the PROXY protocol did not come in time."""
    TLS_TIMEOUT = "tls_timeout"
    """The TLS handshake was not over in time."""
    TLS_FAILED = "tls_failed"
    """The TLS handshake failed: no TLS, too old a one, or the client does not trust this end."""


class FrontAdmission:
    """The open connections and the limits on them; 0 sets no limit.

    Addresses in ``trusted`` have no limit of their own: a balancer's are few, and all clients come
    from them. ``counts`` counts connections that were closed, by ``Closed``.
    """

    def __init__(
        self, most: int, most_of_address: int, trusted: Networks, counts: Counter[str]
    ) -> None:
        self._most = most
        self._most_of_address = most_of_address
        self._counts = counts
        # Connections, and the addresses of those that shake hands.
        self._open: dict[object, str | None] = {}
        self._by_host: dict[str, set[object]] = {}
        self.trusted = trusted

    def opened(self, connection: ServedConnection) -> bool:
        """A connection is there, and who it is from is known; whether to serve it."""
        return self.enter(connection) and self.meet(connection)

    def enter(self, connection: object) -> bool:
        """A connection is there; whether to serve it."""
        if self._most and len(self._open) >= self._most:
            return self.refuse(Closed.CONNECTION_LIMIT)
        self._open[connection] = None
        return True

    def meet(self, connection: ServedConnection) -> bool:
        """It is known who the connection is from; whether to serve it."""
        if not self._most_of_address:
            return True
        return self._meet(connection, plain_host(getattr(connection.peer, "host", None)))

    def _meet(self, connection: object, host: str | None) -> bool:
        if not self._most_of_address or host is None or host in self.trusted:
            return True
        same = self._by_host.setdefault(host, set())
        if len(same) >= self._most_of_address:
            return self.refuse(Closed.ADDRESS_LIMIT)
        same.add(connection)
        self._open[connection] = host
        return True

    def arriving(self, peer: tuple[Any, ...]) -> bool:
        """A connection is about to shake hands, and counts as one that is open; whether it may."""
        if not self.enter(peer):
            return False
        if self._meet(peer, plain_host(peer[0])):
            return True
        self.closed(peer)
        return False

    def refuse(self, reason: Closed) -> bool:
        """A connection is not served; always False."""
        self._counts[reason] += 1
        return False

    def closed(self, connection: object) -> None:
        """A connection is gone."""
        host = self._open.pop(connection, None)
        if host is not None:
            same = self._by_host[host]
            same.remove(connection)
            if not same:
                del self._by_host[host]


class FrontArrivals:
    """Hears of connections to the TLS port before they are any (``transports.arrivals``)."""

    def __init__(self, admission: FrontAdmission | None, counts: Counter[str]) -> None:
        self._admission = admission
        self._counts = counts

    def arriving(self, peer: tuple[Any, ...]) -> bool:
        """Whether to shake hands."""
        return self._admission is None or self._admission.arriving(peer)

    def arrived(self, peer: tuple[Any, ...]) -> None:
        """Hands are shaken, or not."""
        if self._admission is not None:
            self._admission.closed(peer)

    def handshake_failed(self, peer: tuple[Any, ...], reason: str) -> None:
        """It was closed unserved."""
        self._counts[Closed(reason)] += 1
