"""The frame of cases that run on the in-memory network and on real TCP alike."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from typing import Any

from twisted.internet import defer
from twisted.internet.interfaces import (
    IListeningPort,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from tests.memory.recorders import Recorder

Steps = Generator[defer.Deferred[Any], Any, None]


def case(steps: Callable[[Any], Steps]) -> Callable[[Any], Any]:
    """Make a generator of Deferreds a test method, concluded as the TestCase at hand wants it."""

    @defer.inlineCallbacks
    def run(self: Any) -> Steps:
        self.endings, self.served = [], []
        failed: Exception | None = None
        try:
            yield from steps(self)
        except Exception as error:
            failed = error
        for ending in reversed(self.endings):
            yield ending()
        if failed is not None:
            raise failed

    @functools.wraps(steps)
    def test(self: Any) -> Any:
        return self.conclude(run(self))

    return test


class Cases:
    """What cases need. ``server`` and ``client`` are the protocols of the connection they make.

    A TestCase that mixes this in supplies the endpoints and ``until`` / ``settled``, the two ways
    in which a case lets things happen.
    """

    BUFFER = 65536
    """Octets: a transport pauses its producer when it holds more than this."""
    PIECE = 65536
    """Octets that a protocol is given at most."""

    server: Recorder
    client: Recorder
    port: IListeningPort
    number: int
    served: list[Recorder]
    endings: list[Callable[[], defer.Deferred[Any] | None]]

    # Supplied by the TestCase.

    flushLoggedErrors: Callable[..., list[Failure]]
    assertEqual: Callable[..., Any]
    assertTrue: Callable[..., Any]
    assertFalse: Callable[..., Any]
    assertLess: Callable[..., Any]
    assertLessEqual: Callable[..., Any]
    assertGreater: Callable[..., Any]
    assertIn: Callable[..., Any]
    assertRaises: Callable[..., Any]

    def server_endpoint(self, port: int) -> IStreamServerEndpoint:
        raise NotImplementedError

    def client_endpoint(self, port: int) -> IStreamClientEndpoint:
        raise NotImplementedError

    def until(self, condition: Callable[[], bool]) -> defer.Deferred[None]:
        """Fire once ``condition`` holds; fail if it never does."""
        raise NotImplementedError

    def settled(self) -> defer.Deferred[None]:
        """Fire when there has been ample occasion for something more to happen."""
        raise NotImplementedError

    def conclude(self, done: defer.Deferred[None]) -> defer.Deferred[None] | None:
        """Turn the Deferred of a case into what its test method returns."""
        raise NotImplementedError

    # Shared steps.

    @defer.inlineCallbacks
    def connected(self, server: Recorder | None = None, client: Recorder | None = None) -> Steps:
        self.server = server or Recorder()
        self.client = client or Recorder()
        yield self.listening(lambda: self.server)
        yield self.joined(self.client)
        yield self.until(lambda: self.server.events == ["made"])

    @defer.inlineCallbacks
    def listening(self, build: Callable[[], Recorder | None]) -> Steps:
        class BuildingFactory(Factory):
            noisy = False

            def buildProtocol(self, addr: object) -> Recorder | None:
                protocol = build()
                if protocol is not None:
                    served.append(protocol)
                return protocol

        served = self.served
        self.port = yield self.server_endpoint(0).listen(BuildingFactory())
        self.number = self.port.getHost().port
        self.endings.append(self._stopped)

    @defer.inlineCallbacks
    def joined(self, protocol: Recorder | None) -> Steps:
        class OneFactory(Factory):
            noisy = False

            def buildProtocol(self, addr: object) -> Protocol | None:
                return protocol

        yield self.client_endpoint(self.number).connect(OneFactory())
        assert protocol is not None
        self.endings.append(lambda: self._ended(protocol))

    @defer.inlineCallbacks
    def _ended(self, protocol: Recorder) -> Steps:
        protocol.transport.abortConnection()
        yield self.until(lambda: protocol.lost)

    @defer.inlineCallbacks
    def _stopped(self) -> Steps:
        yield self.port.stopListening()
        for server in self.served:
            if server.events:
                server.transport.abortConnection()
                yield self.until(lambda: server.lost)  # noqa: B023

    def both_lost(self) -> bool:
        return self.server.lost and self.client.lost
