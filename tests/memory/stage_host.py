"""A host whose application is the test: each exchange stands still until the test moves it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock

from lambda_side.hosts.host import OnEnd
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.fields import NO_FIELDS, Pairs
from lambdadispatch.wire.heads import RequestHead, ResponseHead, response


class Call:
    """One exchange at the application: what came, and the means to answer."""

    def __init__(self, exchange: ServerExchange, on_end: OnEnd, at: float) -> None:
        assert exchange.head is not None
        self.exchange = exchange
        self.head: RequestHead = exchange.head
        self.at = at
        self.body = bytearray()
        self.whole = not self.head.body
        self.trailers: Pairs = ()
        self.lost = ""
        self.slow = False
        self.on_body: Callable[[bytes], None] | None = None
        self.on_ready: Callable[[], None] | None = None
        self._on_end: OnEnd | None = on_end
        exchange.take(self)

    @property
    def path(self) -> str:
        return self.head.target.decode()

    @property
    def over(self) -> bool:
        """Whether the router's side has been told that this ended."""
        return self._on_end is None

    # -- answering

    def respond(self, body: bytes = b"", status: int = 200, *pairs: tuple[bytes, bytes]) -> None:
        self.begin(status, (b"Content-Length", b"%d" % len(body)), *pairs)
        self.exchange.write(body)
        self.end()

    def begin(self, status: int = 200, *pairs: tuple[bytes, bytes]) -> None:
        """Send a head; without a Content-Length the body is chunked."""
        self.exchange.answer(response(status, pairs))
        self.exchange.flush()

    def write(self, data: bytes) -> None:
        self.exchange.write(data)

    def end(self, trailers: Pairs = ()) -> None:
        self.exchange.end(trailers)
        self._look()

    def speak(self, data: bytes) -> None:
        """Write to the channel whatever HTTP says of it, after a broken status line."""
        self.exchange.switch(ResponseHead(200, data, 1, NO_FIELDS, 0), Raw(self._ended))

    # -- RequestSink

    def request_data(self, data: bytes) -> None:
        self.body += data
        if self.on_body is not None:
            self.on_body(data)

    def request_end(self, trailers: Pairs) -> None:
        self.whole, self.trailers = True, trailers
        self._look()

    def client_lost(self, reason: str) -> None:
        self.lost = reason
        self._ended()

    def client_slow(self) -> None:
        self.slow = True

    def client_ready(self) -> None:
        self.slow = False
        if self.on_ready is not None:
            self.on_ready()

    def _look(self) -> None:
        if self.whole and self.exchange.answer_ended:
            self._ended()

    def _ended(self) -> None:
        on_end, self._on_end = self._on_end, None
        assert on_end is not None, f"{self.path} ended twice"
        on_end()


class Raw(Protocol):
    """Takes a connection over and waits for its end."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end = on_end

    def connectionLost(self, reason: object = None) -> None:
        self._on_end()


class StageHost:
    """``calls`` are all exchanges so far. ``/wait/S`` is answered after S seconds, ``/now`` at
    once and ``/echo`` as it comes; everything else is the test's.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.calls: list[Call] = []

    def start(self) -> Deferred[None]:
        return succeed(None)

    def stop(self) -> Deferred[None]:
        return succeed(None)

    @property
    def open(self) -> list[Call]:
        """The calls that have not ended."""
        return [call for call in self.calls if not call.over]

    def serve(self, exchange: ServerExchange, on_end: OnEnd) -> None:
        call = Call(exchange, on_end, self.clock.seconds())
        self.calls.append(call)
        _, kind, *rest = f"{call.path}/".split("/")  # the slash is for "*", which has none
        if kind == "now":
            call.respond(b"now")
        elif kind == "wait":
            self.clock.callLater(float(rest[0]), self._answer, call)
        elif kind == "echo":
            echo(call)

    def _answer(self, call: Call) -> None:
        if not call.over:
            call.respond(call.path.encode())


def echo(call: Call) -> None:
    """Answer with the request's body and trailers, piece by piece, holding the client back."""

    def piece(data: bytes) -> None:
        call.write(data)
        call.exchange.flush()
        if call.slow:
            call.exchange.pause_body()

    def finished(trailers: Pairs) -> None:
        call.whole = True
        call.end(trailers)

    call.on_body = piece
    call.on_ready = call.exchange.resume_body
    call.request_end = finished  # type: ignore[method-assign]
    call.begin()
    if call.whole:
        call.end()
