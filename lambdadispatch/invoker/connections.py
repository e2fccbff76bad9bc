"""The connections of Invoke calls: one per call, kept from being forgotten on the way.

An Invoke call is silent until the function returns, up to 15 minutes. NAT gateways, network load
balancers and PrivateLink forget a flow after 350 s without a packet (AWS documentation of each), so
the kernel is told to send keep-alive probes well before that.
"""

import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.logger import Logger
from twisted.web.client import URI, Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool
from twisted.web.error import SchemeNotSupported
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IPolicyForHTTPS
from zope.interface import implementer

log = Logger()

CONNECT_TIMEOUT = 10.0
"""Seconds for one connection to be made."""

KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 4}
"""Seconds of silence before the first probe, seconds between probes, probes before giving up."""


def keep_alive(transport: Any) -> None:
    """Turn on TCP keep-alive with the times of KEEP_ALIVE, as far as the transport allows.

    ``transport`` is the TCP transport itself, not one of TLS on top of it.
    """
    if ITCPTransport.providedBy(transport):
        transport.setTcpKeepAlive(True)
    handle: Any = transport.getHandle() if hasattr(transport, "getHandle") else None
    if not hasattr(handle, "setsockopt"):
        return
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        option = getattr(socket, name, None)
        if option is not None:
            handle.setsockopt(socket.IPPROTO_TCP, option, value)


@implementer(IStreamClientEndpoint)
class KeptAliveEndpoint:
    """A TCP client endpoint whose connections have keep-alive turned on."""

    def __init__(self, tcp: IStreamClientEndpoint) -> None:
        self._tcp = tcp

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect; a connection that refuses the options is used as it is."""
        connected: Deferred[IProtocol] = self._tcp.connect(protocolFactory)
        return connected.addCallback(self._connected)

    def _connected(self, protocol: Any) -> IProtocol:
        try:
            keep_alive(protocol.transport)
        except OSError as exc:
            log.warn("TCP keep-alive could not be set on an Invoke call: {error}", error=str(exc))
        made: IProtocol = protocol
        return made


@implementer(IAgentEndpointFactory)
class InvokeEndpoints:
    """Endpoints for http and https, keep-alive set on the TCP connection below TLS."""

    def __init__(
        self,
        reactor: Any,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        tls_policy: IPolicyForHTTPS | None = None,
    ) -> None:
        self._reactor = reactor
        self._connect_timeout = connect_timeout
        self._tls_policy = tls_policy or BrowserLikePolicyForHTTPS()
        # Making one reads the trust store: about 10 ms of the reactor's time, which hundreds of
        # calls that start together would each pay.
        self._tls_creators: dict[tuple[bytes, int], IOpenSSLClientConnectionCreator] = {}

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """An endpoint for ``uri``; raises SchemeNotSupported for other schemes."""
        tcp = KeptAliveEndpoint(
            HostnameEndpoint(
                self._reactor, uri.host.decode("ascii"), uri.port, timeout=self._connect_timeout
            )
        )
        if uri.scheme == b"http":
            return tcp
        if uri.scheme == b"https":
            return wrapClientTLS(self._tls_creator(uri.host, uri.port), tcp)
        raise SchemeNotSupported(f"scheme {uri.scheme!r} is not supported: use http or https")

    def _tls_creator(self, host: bytes, port: int) -> IOpenSSLClientConnectionCreator:
        creator = self._tls_creators.get((host, port))
        if creator is None:
            creator = self._tls_policy.creatorForNetloc(host, port)
            self._tls_creators[host, port] = creator
        return creator


def invoke_agent(reactor: Any, *, tls_policy: IPolicyForHTTPS | None = None) -> IAgent:
    """An agent that opens one connection per call and never sends a call twice.

    ``reactor`` provides IReactorTime and IReactorPluggableNameResolver. ``tls_policy`` is Twisted's
    ordinary verification against the trust store of the platform unless given.
    """
    endpoints = InvokeEndpoints(reactor, tls_policy=tls_policy)
    pool = HTTPConnectionPool(reactor, persistent=False)
    agent: IAgent = Agent.usingEndpointFactory(reactor, endpoints, pool)
    return agent
