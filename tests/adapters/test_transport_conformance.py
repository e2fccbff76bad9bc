"""The transport cases on Twisted's real TCP, over the loopback address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import defer, reactor, task
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint, IStreamServerEndpoint
from twisted.trial.unittest import TestCase

from tests.memory.conformance import TransportCases

TURNS = 50


class RealTCPTests(TransportCases, TestCase):
    timeout = 20

    def server_endpoint(self, port: int) -> IStreamServerEndpoint:
        return TCP4ServerEndpoint(reactor, port, interface="127.0.0.1")

    def client_endpoint(self, port: int) -> IStreamClientEndpoint:
        return TCP4ClientEndpoint(reactor, "127.0.0.1", port)

    @defer.inlineCallbacks
    def until(self, condition: Callable[[], bool]) -> Any:
        # Bounded by the timeout of the test.
        while not condition():
            yield task.deferLater(reactor, 0)

    @defer.inlineCallbacks
    def settled(self) -> Any:
        # Bytes and ends cross the loopback inside the system call that sends them, so turns of
        # the reactor, not time, decide what it has had occasion to notice.
        for _ in range(TURNS):
            yield task.deferLater(reactor, 0)

    def conclude(self, done: defer.Deferred[None]) -> defer.Deferred[None]:
        return done
