"""Which connections the front serves: so many in all, and so many from one address.

A connection over a limit is closed without a word. An answer would cost more than the attack that
the limit is there for, and no client expects one before it has asked.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

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
        self._open: dict[ServedConnection, str | None] = {}
        self._by_host: dict[str, set[ServedConnection]] = {}
        self.trusted = trusted

    def opened(self, connection: ServedConnection) -> bool:
        """A connection is there, and who it is from is known; whether to serve it."""
        return self.enter(connection) and self.meet(connection)

    def enter(self, connection: ServedConnection) -> bool:
        """A connection is there; whether to serve it."""
        if self._most and len(self._open) >= self._most:
            return self.refuse(Closed.CONNECTION_LIMIT)
        self._open[connection] = None
        return True

    def meet(self, connection: ServedConnection) -> bool:
        """It is known who the connection is from; whether to serve it."""
        if not self._most_of_address:
            return True
        host = plain_host(getattr(connection.peer, "host", None))
        if host is None or host in self.trusted:
            return True
        same = self._by_host.setdefault(host, set())
        if len(same) >= self._most_of_address:
            return self.refuse(Closed.ADDRESS_LIMIT)
        same.add(connection)
        self._open[connection] = host
        return True

    def refuse(self, reason: Closed) -> bool:
        """A connection is not served; always False."""
        self._counts[reason] += 1
        return False

    def closed(self, connection: ServedConnection) -> None:
        """A connection is gone."""
        host = self._open.pop(connection, None)
        if host is not None:
            same = self._by_host[host]
            same.remove(connection)
            if not same:
                del self._by_host[host]
