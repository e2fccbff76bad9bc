"""The connections of Invoke calls: one per call, kept from being forgotten on the way.

An Invoke call is silent until the function returns, up to 15 minutes. NAT gateways, network load
balancers and PrivateLink forget a flow after 350 s without a packet (AWS documentation of each), so
the kernel is told to send keep-alive probes well before that.
"""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.logger import Logger
from twisted.web.client import URI, Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool
from twisted.web.error import SchemeNotSupported
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IPolicyForHTTPS
from zope.interface import implementer

from lambdadispatch.http11.keepalive import keep_alive

log = Logger()

CONNECT_TIMEOUT = 10.0
"""Seconds for one connection to be made."""


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
