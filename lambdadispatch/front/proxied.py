"""A client connection that a proxy passes on, with a header of the PROXY protocol before it.

Until the header is complete the connection is an idle one of which nothing is read as HTTP; then
it knows who its client is and is served like any other. Nothing is wrapped, so what follows costs
one look. The header is required: who could leave it out could also claim to be anybody.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure

from lambdadispatch.front.admission import Closed, FrontAdmission
from lambdadispatch.http11.exchange import ServedConnection
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.http11.server_connection import ServerConnection
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.exchange_state import CLOSED
from lambdadispatch.wire.proxy_protocol import Proxied, read_proxy_header


class ProxyAdmission(FrontAdmission):
    """The address of a connection that is there is the proxy's: its limit waits for the header."""

    def opened(self, connection: ServedConnection) -> bool:
        """A connection of a proxy is there; whether to serve it."""
        host = getattr(connection.peer, "host", None)
        if self.trusted and host not in self.trusted:
            return self.refuse(Closed.UNTRUSTED_PROXY)
        return self.enter(connection)


class ProxiedConnection(ServerConnection):
    """Made by an HttpServer whose clients come with a PROXY header."""

    def __init__(self, server: HttpServer) -> None:
        super().__init__(server)
        assert isinstance(server.admission, ProxyAdmission), "these two belong together"
        self._admission = server.admission
        self._header: bytes | None = b""
        self._ends: tuple[IAddress, IAddress] | None = None

    @property
    def peer(self) -> IAddress:
        """The client's address, as the proxy tells it."""
        return super().peer if self._ends is None else self._ends[0]

    @property
    def own_address(self) -> IAddress:
        """The address that the client connected to, as the proxy tells it."""
        return super().own_address if self._ends is None else self._ends[1]

    def dataReceived(self, data: bytes) -> None:
        """Twisted: bytes arrived, of the header first."""
        came = self._header
        if came is None:
            super().dataReceived(data)
        elif self.state is not CLOSED:
            self._header = came + data
            self._read_header(self._header)

    def _read_header(self, came: bytes) -> None:
        try:
            header = read_proxy_header(came)
        except RemoteProtocolError:
            self._turn_away(Closed.BAD_PROXY_HEADER)
            return
        if header is None:
            return
        self._header = None
        if header.proxied is not None:
            self._ends = _addresses(header.proxied)
        if not self._admission.meet(self):
            self.cut()
            return
        if len(came) > header.octets:
            self.dataReceived(came[header.octets :])

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Twisted: the connection is gone."""
        self._header = None
        super().connectionLost(reason)

    def sweep(self, sweeps: int, patience: int) -> None:
        """Close if the header does not come."""
        most = self.server.connection_limits.head_sweeps or patience
        if self._header is None or self.state is CLOSED:
            super().sweep(sweeps, patience)
        elif sweeps - self.idle_since > most:
            self._turn_away(Closed.PROXY_HEADER_TIMEOUT)

    def _turn_away(self, reason: Closed) -> None:
        self._header = None
        self._admission.refuse(reason)
        self.cut()


def _addresses(proxied: Proxied) -> tuple[IAddress, IAddress]:
    if proxied.host is None or proxied.own_host is None:
        nameless: Any = UNIXAddress(None)
        return nameless, nameless
    kind: Any = IPv6Address if ":" in proxied.host else IPv4Address
    return (
        cast(IAddress, kind("TCP", proxied.host, proxied.port)),
        cast(IAddress, kind("TCP", proxied.own_host, proxied.own_port)),
    )
