"""What the application is told about where a request comes from.

Theory of operation. Who the client is does not change on a connection, so its ``Origin`` is worked
out once, at the first request, as bytes that lack nothing but the Host. Which of the client's own
fields are taken away is found once for each distinct head, because heads are remembered
(``Fields.passing_over``). So a request costs one joining of bytes.

From a peer in the trusted networks a field is extended, from any other replaced: all fields that
could be taken for such a claim are removed. Of X-Forwarded-* and Forwarded only the kind that is
written here is passed on from a trusted peer too. A balancer that keeps up one kind passes the
other through as it came, and an application that looks at it would believe the client.

Rejected: reading X-Forwarded-For from the right to find the one client (what an application does
with the list depends on how many proxies it knows of, and this router must not decide that).
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.interfaces import ISSLTransport

from lambdadispatch.front.networks import Networks, plain_host
from lambdadispatch.front.request_ids import NO_NAMES, RequestIds
from lambdadispatch.front.traces import Traces
from lambdadispatch.http11.exchange import Exchange, ServedConnection
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.fields import CLAIMS, Fields, NameSet
from lambdadispatch.wire.forwarded import (
    FOUR,
    UNKNOWN,
    node,
    parse_forwarded,
    quoted,
    render_forwarded,
)
from lambdadispatch.wire.heads import RequestHead

_FORWARDED: Final = b"forwarded"
_FOR, _PROTO, _HOST, _PORT = FOUR
_WRITTEN: Final = frozenset([*FOUR, _FORWARDED])


class Origin:
    """Where the requests of one connection come from.

    ``host`` is the peer's address, None if it has none; ``port`` the one it connected to, 0 if
    not known; ``proto`` http or https. ``lines`` were right for the last request of somebody who
    is not trusted, whose Host was ``hosts``, that very object, since heads are remembered.
    """

    __slots__ = (
        "_address",
        "_element",
        "_four",
        "_port",
        "_proto",
        "hosts",
        "lines",
        "trusted",
    )

    def __init__(
        self, host: str | None, port: int, proto: bytes, *, kind: str, trusted: bool
    ) -> None:
        self.trusted = trusted
        self.hosts: tuple[bytes, ...] | None = None
        self.lines = b""
        self._address = host.encode() if host else UNKNOWN
        self._proto = proto
        self._port = b"%d" % port if port else b""
        self._four = b""
        self._element = b""
        if kind in {"x-forwarded", "both"}:
            self._four = _four(self._address, proto, self._port, b"")
        if kind in {"forwarded", "both"}:
            self._element = render_forwarded([((b"for", node(host)), (b"proto", proto))])

    def lines_for(self, fields: Fields) -> bytes:
        """The lines to add to a request with these fields, of which the claims are removed."""
        if self.trusted:
            return self._extended(fields)
        hosts = fields.hosts
        host = hosts[0] if hosts else b""
        lines = self._four
        if lines and host:
            lines = b"%bX-Forwarded-Host: %b\r\n" % (lines, host)
        if self._element:
            lines += b"Forwarded: %b%b\r\n" % (self._element, _host_pair(host))
        self.hosts, self.lines = hosts, lines
        return lines

    def _extended(self, fields: Fields) -> bytes:
        came = _said_in(fields)
        host = fields.hosts[0] if fields.hosts else b""
        lines = b""
        if self._four:
            chain = came.get(_FOR)
            lines = _four(
                chain + b", " + self._address if chain else self._address,
                came.get(_PROTO) or self._proto,
                came.get(_PORT) or self._port,
                came.get(_HOST) or host,
            )
        if self._element:
            element = self._element + _host_pair(host)
            before = _readable(came.get(_FORWARDED, b""))
            lines += b"Forwarded: %b\r\n" % (before + b", " + element if before else element)
        return lines


def _said_in(fields: Fields) -> dict[bytes, bytes]:
    """What forwarding fields say, by name; all values of one as a list (RFC 9110 section 5.3)."""
    came: dict[bytes, bytes] = {}
    for name, value in fields.pairs:
        lower = name.lower()
        if value and lower in _WRITTEN:
            came[lower] = came[lower] + b", " + value if lower in came else value
    return came


def _four(address: bytes, proto: bytes, port: bytes, host: bytes) -> bytes:
    """The X-Forwarded lines; without those of a port or host that is not known."""
    lines = b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\n" % (address, proto)
    if port:
        lines += b"X-Forwarded-Port: %b\r\n" % port
    return lines + b"X-Forwarded-Host: %b\r\n" % host if host else lines


def _host_pair(host: bytes) -> bytes:
    return b";host=" + quoted(host) if host else b""


def _readable(value: bytes) -> bytes:
    try:
        parse_forwarded(value)
    except RemoteProtocolError:
        return b""
    return value


class Forwarding:
    """Says what is added to requests and answers, and what is taken away.

    ``kind`` is x-forwarded, forwarded, both or off. ``traces`` None leaves trace fields alone.
    """

    def __init__(
        self, kind: str, trusted: Networks, ids: RequestIds, traces: Traces | None = None
    ) -> None:
        self._kind = kind
        self._trusted = trusted
        self._ids = ids
        self._next_line = ids.next_line
        self._traces = traces
        self._untrusted_names = CLAIMS | ids.names
        self._trusted_names = NameSet(() if kind == "off" else _WRITTEN) | ids.names
        self._names: dict[tuple[bool, NameSet], NameSet] = {}

    @property
    def answer_names(self) -> NameSet | None:
        """Fields that answers get from here and that applications' own therefore lose."""
        return self._ids.names if self._ids.names is not NO_NAMES else None

    def arrived(self, exchange: Exchange) -> None:
        """A request came, or what could not be read as one: whatever it is answered has its id."""
        connection = exchange.came_on
        origin = connection.origin or self._meet(connection)
        head = exchange.head
        if origin.trusted and head is not None:
            exchange.own_lines = self._ids.line_for(head.fields)
        else:
            exchange.own_lines = self._next_line()

    def send_on(self, exchange: Exchange) -> bytes:
        """The request goes to an application: take away what is not to reach it, and return the
        lines to add. To be called once for each request: one that is sent again has them.
        """
        head = exchange.head
        assert head is not None, "what could not be read is not sent on"
        fields = head.fields
        connection = exchange.came_on
        origin: Origin = connection.origin or self._meet(connection)
        names = self._trusted_names if origin.trusted else self._untrusted_names
        lines = origin.lines if fields.hosts is origin.hosts else origin.lines_for(fields)
        if self._traces is not None:
            also, made = self._traces.lines(fields)
            names = self._both(origin.trusted, names, also)
            lines += made
        kept = fields.passing_over(names)
        if kept is not fields:
            exchange.head = RequestHead(head.method, head.target, head.minor, kept, head.body)
        # Last, so that what is the same from one request to the next comes first.
        return lines + exchange.own_lines

    def _both(self, trusted: bool, names: NameSet, also: NameSet) -> NameSet:
        """One object for the same pair each time: by it fields know what they were asked."""
        known = self._names.get((trusted, also))
        if known is None:
            known = self._names[trusted, also] = names | also
        return known

    def _meet(self, connection: ServedConnection) -> Origin:
        """The first request of a connection is there: find out where it is from."""
        host = plain_host(getattr(connection.peer, "host", None))
        secure = ISSLTransport.providedBy(connection.transport)
        connection.origin = origin = Origin(
            host,
            _port_of(connection.own_address),
            b"https" if secure else b"http",
            kind=self._kind,
            trusted=host in self._trusted,
        )
        return origin


def _port_of(address: Any) -> int:
    port = getattr(address, "port", 0)
    return port if isinstance(port, int) else 0
