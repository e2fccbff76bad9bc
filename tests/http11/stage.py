"""Where the tests of this package play: peers that speak raw bytes, and what stands between them.

``ServerStage`` is a server with clients; ``RelayStage`` has an application behind it too, and a
relay for each request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.http11.relay import Relay, RelayOutcome
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.exchange_state import State
from lambdadispatch.wire.fields import Pairs
from tests.memory.network import MemoryNetwork
from tests.memory.transport import MemoryTransport
from tests.wire.reading import Notes, read_requests, read_responses

FRONT, APPLICATION = 80, 81


@contextmanager
def failures_logged() -> Iterator[list[Failure]]:
    """The failures that are logged meanwhile."""
    failures: list[Failure] = []

    def observe(event: LogEvent) -> None:
        if "log_failure" in event:
            failures.append(event["log_failure"])

    globalLogPublisher.addObserver(observe)
    try:
        yield failures
    finally:
        globalLogPublisher.removeObserver(observe)


class Peer(Protocol):
    """One end that speaks raw bytes.

    ``received`` is all it was sent; ``ended`` is None, ``done`` for an orderly end or ``lost``.
    """

    def __init__(self) -> None:
        self.received = bytearray()
        self.ended: str | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        done = reason is None or reason.check(ConnectionDone) is not None
        self.ended = "done" if done else "lost"

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    def answers(self, *methods: bytes) -> Notes:
        """What it was sent, as responses to requests of these methods (GET if none are named)."""
        eof = self.ended == "done"
        return read_responses([bytes(self.received)], eof=eof, methods=methods or (b"GET",))

    def requests(self) -> Notes:
        """What it was sent, as requests."""
        return read_requests([bytes(self.received)], eof=self.ended == "done")


@implementer(IHalfCloseableProtocol)
class HalfClosingPeer(Peer):
    """A peer that goes on sending when the other end has finished."""

    finished = False

    def readConnectionLost(self) -> None:
        self.finished = True

    def writeConnectionLost(self) -> None:
        """Nothing follows from its own half close."""


@implementer(IPushProducer)
class Pusher:
    """Writes ``data`` for as long as the transport takes it; ``sent`` counts the octets."""

    def __init__(self, transport: Any, data: bytes, piece: int = 16384) -> None:
        self._transport = transport
        self._data = data
        self._piece = piece
        self._going = False
        self.sent = 0

    def start(self) -> None:
        self._transport.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self._going = True
        while self._going and self.sent < len(self._data):
            piece = self._data[self.sent : self.sent + self._piece]
            self.sent += len(piece)
            self._transport.write(piece)

    def pauseProducing(self) -> None:
        self._going = False

    def stopProducing(self) -> None:
        self._going = False


class Body:
    """A RequestSink that keeps what it is told."""

    def __init__(self) -> None:
        self.data = b""
        self.trailers: Pairs | None = None
        self.lost: list[str] = []
        self.pace: list[str] = []

    def request_data(self, data: bytes) -> None:
        self.data += data

    def request_end(self, trailers: Pairs) -> None:
        assert self.trailers is None, "a request ends once"
        self.trailers = trailers

    def client_lost(self, reason: str) -> None:
        self.lost.append(reason)

    def client_slow(self) -> None:
        self.pace.append("slow")

    def client_ready(self) -> None:
        self.pace.append("ready")


class ServerStage:
    """A server whose requests wait in ``exchanges``; what it refuses is answered at once."""

    def __init__(self, chunk: int | None = None, patience: int = 75, **options: Any) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock, chunk=chunk)
        self.exchanges: list[ServerExchange] = []
        self.refused: list[str] = []
        self.server = HttpServer(self.arrived, self.refuse, patience=patience, **options)
        self.network.listen_endpoint(FRONT).listen(self.server)

    def arrived(self, exchange: ServerExchange) -> None:
        self.exchanges.append(exchange)

    def refuse(self, exchange: ServerExchange, error: RemoteProtocolError) -> None:
        self.refused.append(error.reason)
        exchange.respond(error.status, body=error.reason.encode())

    def client(self, data: bytes = b"", peer: Peer | None = None) -> Peer:
        """A client that has sent ``data``."""
        client = peer or Peer()
        self.network.connect(client, FRONT)
        if data:
            client.send(data)
        self.pump()
        return client

    def pump(self) -> None:
        self.network.pump()

    def sweep(self, seconds: int) -> None:
        for _ in range(seconds):
            self.server.sweep()
        self.pump()

    def reads(self, peer: MemoryTransport | Any) -> bool:
        """Whether a transport is being read from."""
        return peer in self.network.poller.getReaders()

    @property
    def held(self) -> int:
        """Octets of bodies and pipelined requests that the server's connections hold."""
        return sum(each._reader.buffered for each in self.server.connections)


class RelayStage(ServerStage):
    """A server whose requests are relayed to raw applications, over connections that are kept.

    ``applications`` are the far ends of the connections in the order they were made; ``outcomes``
    has the outcomes of each relay begun, ``closed`` why each connection ended.
    """

    def __init__(self, chunk: int | None = None, applications: int = 1, **options: Any) -> None:
        super().__init__(chunk, **options)
        self.applications: list[Peer] = []
        self.connections: list[ClientConnection] = []
        self.idle: list[ClientConnection] = []
        self.waiting: deque[ServerExchange] = deque()
        self.outcomes: list[list[RelayOutcome]] = []
        self.left = 0
        self.closed: list[str] = []
        factory = Factory()
        factory.noisy = False
        factory.buildProtocol = self._application  # type: ignore[method-assign,assignment]
        self.network.listen_endpoint(APPLICATION).listen(factory)
        for _ in range(applications):
            self.connect()

    def make_application(self) -> Peer:
        return Peer()

    def _application(self, address: object) -> Peer:
        self.applications.append(self.make_application())
        return self.applications[-1]

    def connect(self) -> None:
        """Open another connection to an application."""
        connection = ClientConnection(self)
        self.connections.append(connection)
        self.network.connect(connection, APPLICATION)

    @property
    def application(self) -> Peer:
        return self.applications[-1]

    @property
    def connection(self) -> ClientConnection:
        return self.connections[-1]

    # -- requests

    def arrived(self, exchange: ServerExchange) -> None:
        super().arrived(exchange)
        self.waiting.append(exchange)
        exchange.on_lost = lambda reason: self._leave(exchange)
        self._match()

    def _leave(self, exchange: ServerExchange) -> None:
        self.left += 1
        self.waiting.remove(exchange)

    def _match(self) -> None:
        self.idle = [each for each in self.idle if each.state is State.IDLE]
        while self.waiting and self.idle:
            exchange, connection = self.waiting.popleft(), self.idle.pop(0)
            exchange.on_lost = None
            outcomes: list[RelayOutcome] = []
            self.outcomes.append(outcomes)
            Relay(exchange, connection, self.answer, outcomes.append).start()

    def answer(self, exchange: ServerExchange, status: int, reason: str) -> None:
        """What a relay answers when there is no response to pass on."""
        exchange.respond(status, body=reason.encode())

    # -- ClientOwner

    def connection_opened(self, connection: ClientConnection) -> None:
        self.connection_idle(connection)

    def connection_idle(self, connection: ClientConnection) -> None:
        assert connection.state is State.IDLE
        assert connection not in self.idle
        self.idle.append(connection)
        self._match()

    def connection_closed(self, connection: ClientConnection, reason: str) -> None:
        if connection in self.idle:
            self.idle.remove(connection)
        self.closed.append(reason)
