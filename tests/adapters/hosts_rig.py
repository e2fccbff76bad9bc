"""A host behind an HttpServer on the in-memory network, and raw clients of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from lambda_side.hosts.host import Host
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.heads import ResponseHead
from lambdadispatch.wire.reader import CLOSED, NEED_MORE, End
from lambdadispatch.wire.response_reader import ResponseReader
from tests.memory.link import Link
from tests.memory.network import MemoryNetwork

CHANNEL = 5001


class Answer:
    """A response as a client read it. ``whole`` tells that its end came; ``interim`` are the
    statuses that came before it.
    """

    def __init__(self, head: ResponseHead, interim: list[int]) -> None:
        self.head = head
        self.interim = interim
        self.body = b""
        self.whole = False

    @property
    def status(self) -> int:
        return self.head.status

    def field(self, name: str) -> str | None:
        value = self.head.fields.get(name.lower().encode())
        return None if value is None else value.decode("latin-1")


def read_answers(raw: bytes, *methods: bytes, eof: bool = False) -> list[Answer]:
    """All the answers in ``raw`` to requests with these methods (GET if none is named)."""
    reader = ResponseReader()
    reader.feed(raw)
    if eof:
        reader.feed_eof()
    answers: list[Answer] = []
    for method in methods or (b"GET",):
        reader.expect(method)
        answer = _read_answer(reader)
        if answer is None:
            break
        answers.append(answer)
    return answers


def _read_answer(reader: ResponseReader) -> Answer | None:
    answer: Answer | None = None
    interim: list[int] = []
    while True:
        event = reader.next_event()
        if event is NEED_MORE or event is CLOSED:
            return answer
        if isinstance(event, ResponseHead):
            if event.interim:
                interim.append(event.status)
            else:
                answer = Answer(event, interim)
        elif answer is not None and isinstance(event, bytes):
            answer.body += event
        elif answer is not None and isinstance(event, End):
            answer.whole = True
            return answer


class Client(Protocol):
    """A client that sends raw bytes and keeps what it gets."""

    link: Link

    def __init__(self) -> None:
        self.received = b""
        self.lost: Failure | None = None
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._look()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost = reason
        self._look()

    def until(self, true: Callable[[], bool]) -> Deferred[None]:
        """Fire when ``true()`` is, which is looked at whenever something arrives."""
        done: Deferred[None] = Deferred()
        self._waiting.append((true, done))
        self._look()
        return done

    def _look(self) -> None:
        for waiting in tuple(self._waiting):
            if waiting[0]():
                self._waiting.remove(waiting)
                waiting[1].callback(None)

    def answer(self, method: bytes = b"GET") -> Answer:
        """The one answer so far."""
        return read_answers(self.received, method)[0]


class Rig:
    """``host`` serves what comes in on the CHANNEL port; ``ended`` counts its ``on_end`` calls."""

    def __init__(
        self, make_host: Callable[[Rig], Host], chunk: int | None = None, window: int = 65536
    ) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock, chunk=chunk, window=window)
        self.served: list[ServerExchange] = []
        self.ended = 0
        self.on_ended: Callable[[], object] = int
        self.server = HttpServer(self._on_request, self._on_refused)
        self.network.listen_endpoint(CHANNEL).listen(self.server)
        self.host = make_host(self)

    def _on_request(self, exchange: ServerExchange) -> None:
        self.served.append(exchange)
        over = []

        def ended() -> None:
            over.append(True)
            assert len(over) == 1, "on_end was called twice"
            self.ended += 1
            self.on_ended()

        self.host.serve(exchange, ended)

    def _on_refused(self, exchange: ServerExchange, error: RemoteProtocolError) -> None:
        exchange.respond(error.status, body=error.reason.encode())

    def client(self) -> Client:
        client = Client()
        self.network.connect(client, CHANNEL)
        client.link = self.network.links[-1]
        return client

    def send(self, client: Client, raw: bytes) -> None:
        assert client.transport is not None
        client.transport.write(raw)
        self.network.pump()

    def ask(self, raw: bytes, seconds: float = 0.0) -> Client:
        """Send ``raw`` on a new connection and let the system run."""
        client = self.client()
        self.send(client, raw)
        self.network.advance(seconds)
        return client

    def leave(self, client: Client) -> None:
        """The client goes away."""
        assert client.transport is not None
        client.transport.abortConnection()  # type: ignore[attr-defined]
        self.network.pump()


class HostCase(SynchronousTestCase):
    """Tests of a host. ``chunk`` 1 in a subclass runs them byte by byte."""

    chunk: int | None = None
    rig: Rig

    def get(self, path: str, *lines: str) -> Answer:
        """The whole answer to a GET."""
        return self.ask_for("GET", path, *lines)

    def ask_for(self, method: str, path: str, *lines: str, body: bytes = b"") -> Answer:
        """The whole answer to a request."""
        client = self.rig.ask(request(method, path, *lines, body=body))
        answer = client.answer(method.encode())
        self.assertTrue(answer.whole, client.received[-200:])
        return answer


def request(method: str, path: str, *lines: str, body: bytes = b"") -> bytes:
    """A request's bytes; a body gets its Content-Length."""
    head = [f"{method} {path} HTTP/1.1", "Host: test:81", *lines]
    if body:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + body


def chunked(*pieces: bytes) -> bytes:
    """Pieces as chunks, without the last one."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


class AppConnection(Protocol):
    """One connection to a scripted application: ``script`` is called as each head is complete."""

    factory: ScriptedApp

    def __init__(self) -> None:
        self.received = b""
        self.lost = False
        self._looked = 0

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        end = self.received.find(b"\r\n\r\n", self._looked)
        if end >= 0:
            self.factory.heads.append(self.received[self._looked : end])
            self._looked = end + 4
            self.factory.script(self)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost = True

    def write(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def close(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()

    def answer(self, body: bytes = b"ok", status: str = "200 OK") -> None:
        """Answer the request, keeping the connection."""
        self.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n" % (status.encode(), len(body)))
        self.write(body)


class ScriptedApp(Factory):
    """An HTTP server that does exactly what its ``script`` says."""

    noisy = False

    def __init__(self, script: Callable[[AppConnection], None] | None = None) -> None:
        self.script = script or AppConnection.answer
        self.heads: list[bytes] = []
        self.connections: list[AppConnection] = []

    def buildProtocol(self, addr: object) -> Any:
        connection = AppConnection()
        connection.factory = self
        self.connections.append(connection)
        return connection
