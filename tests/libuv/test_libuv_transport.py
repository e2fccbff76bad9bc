"""The transport cases, the same as Twisted's own TCP passes, on libuv's transports."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.interfaces import IStreamClientEndpoint, IStreamServerEndpoint

from lambdadispatch.transports.choose import loop_of
from lambdadispatch.transports.endpoints import client_endpoint, server_endpoint
from tests.adapters.test_transport_conformance import RealTCPTests


class LibuvTests(RealTCPTests):
    """Only the endpoints differ."""

    def setUp(self) -> None:
        self.assertIsNotNone(loop_of(reactor), "run these by python -m tests.libuv")

    def server_endpoint(self, port: int) -> IStreamServerEndpoint:
        return server_endpoint(reactor, port, "127.0.0.1")

    def client_endpoint(self, port: int) -> IStreamClientEndpoint:
        return client_endpoint(reactor, "127.0.0.1", port, 10)


del RealTCPTests
