"""What stands where twisted.web.http.HTTPChannel stands, for one request on one exchange.

Stock ``twisted.web.http.Request`` speaks to its channel through some ten methods. This object has
them, so that everything above, from ``Request`` to ``static.File`` and sessions, is Twisted's own
code; below it is the exchange, whose body arrives as a stream and which frames the response
itself. Names in Twisted's style are those that Twisted calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPullProducer, IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers

from lambda_side.hosts.answer import Answer, own_head
from lambda_side.hosts.host import OnEnd
from lambda_side.hosts.web_producer import ProducerSlot
from lambdadispatch.http11.server_exchange import CLIENT_GONE, ServerExchange
from lambdadispatch.wire.errors import LocalProtocolError
from lambdadispatch.wire.fields import Pairs
from lambdadispatch.wire.heads import response

if TYPE_CHECKING:
    from lambda_side.hosts.web import Request, WebSite

log = Logger()

DataReceived = Callable[[bytes], object]
BodyEnded = Callable[[], object]

_VERSIONS = (b"HTTP/1.0", b"HTTP/1.1")


class ExchangeChannel:
    """One request's channel, and its exchange's sink."""

    def __init__(
        self, site: WebSite, reactor: IReactorTime, exchange: ServerExchange, on_end: OnEnd
    ) -> None:
        assert exchange.head is not None, "an exchange without a request has no application"
        self.site = site
        self.factory = site
        self.transport = self
        self._reactor = reactor
        self._exchange = exchange
        self._head = exchange.head
        self._answer = Answer(exchange, on_end)
        self._producer = ProducerSlot(reactor, self._producer_failed)
        self._request: Request | None = None
        self._collecting = False
        self._data: DataReceived | None = None
        self._end: BodyEnded | None = None
        self._body_over = not exchange.head.body

    def start(self) -> None:
        """Make the request, and render it now or when its body is complete."""
        self._exchange.on_lost = self.client_lost
        request = self._request = self.site.requestFactory(self)
        request.head_received(self._head)
        if self._body_over:
            request.gotLength(0)
            self._exchange.take(self)
            self._render(request)
        elif request.find_resource(self._head):
            request.gotLength(0)
            self._render(request)
            self._take_body()
        else:
            self._collecting = True
            self._expect_body()
            request.gotLength(self._head.body if self._head.body >= 0 else None)
            self._exchange.take(self)

    def _render(self, request: Request) -> None:
        head = self._head
        try:
            version = _VERSIONS[head.minor]
            request.requestReceived(head.method, head.target, version)  # type: ignore[no-untyped-call]
        except Exception:
            request.processingFailed(Failure())

    # -- the request's body

    def _take_body(self) -> None:
        """After a first rendering: let the body come, if it is wanted."""
        if self._data is None and self._request is not None:
            self._exchange.pause_body()
        self._exchange.take(self)

    def _expect_body(self) -> None:
        """The body is wanted: a client that waits to hear so may send it (RFC 9110 10.1.1)."""
        if self._head.fields.expects_continue and not self._answer.begun:
            self._exchange.interim(response(100))

    def receive_body(self, data: DataReceived, end: BodyEnded) -> None:
        """For Request: give the body to these two from now on."""
        if self._body_over:
            end()
        elif self._collecting or self._data is not None:
            raise RuntimeError("this request's body has been taken already")
        else:
            self._data, self._end = data, end
            self._expect_body()
            self._exchange.resume_body()

    def pause_body(self) -> None:
        """For Request: hold the client back."""
        if not self._body_over:
            self._exchange.pause_body()

    def resume_body(self) -> None:
        """For Request: let the client send on."""
        if not self._body_over and self._data is not None:
            self._exchange.resume_body()

    # -- from the exchange: RequestSink

    def request_data(self, data: bytes) -> None:
        """A piece of the body: collected, given to the application, or passed over."""
        request = self._request
        if request is None:
            return
        if self._collecting:
            request.handleContentChunk(data)  # type: ignore[no-untyped-call]
        elif self._data is not None:
            try:
                self._data(data)
            except Exception:
                request.processingFailed(Failure())

    def request_end(self, trailers: Pairs) -> None:
        """The request is complete."""
        self._body_over = True
        request, end = self._request, self._end
        self._data = self._end = None
        self._answer.request_ended()
        if request is None:
            return
        if self._collecting:
            self._render(request)
        elif end is not None:
            try:
                end()
            except Exception:
                request.processingFailed(Failure())

    def client_lost(self, reason: str) -> None:
        """The client left, or broke a rule."""
        self._answer.lost()
        self._tell_lost(Failure(ConnectionDone() if reason == CLIENT_GONE else ConnectionLost()))

    def client_slow(self) -> None:
        """Hold the response back."""
        self._producer.slow()

    def client_ready(self) -> None:
        """Let the response go on."""
        self._producer.ready()

    def _tell_lost(self, reason: Failure) -> None:
        request, self._request = self._request, None
        self._body_over = True
        self._data = self._end = None
        self._producer.stop()
        if request is not None:
            request.connectionLost(reason)  # type: ignore[no-untyped-call]

    # -- from the request: the response

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """Twisted: begin the response. One that HTTP does not allow is answered with 500."""
        if self._request is not None:
            # The exchange does the framing; with this set, Request would do it too.
            self._request.chunked = 0
        pairs = [(name, value) for name, values in headers.getAllRawHeaders() for value in values]
        try:
            self._answer.begin(own_head(int(code), reason, pairs))
        except LocalProtocolError as error:
            log.error("the application's answer cannot be sent: {error}", error=error)
            self._answer.fail("bad_answer")
            self._tell_lost_later()

    def write(self, data: bytes) -> None:
        """Twisted: a piece of the body."""
        self._answer.write(data)

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Twisted: pieces of the body."""
        self._answer.write(b"".join(iovec))

    def flush(self) -> None:
        """For Request: let a head leave that has no data yet."""
        self._answer.flush()

    def requestDone(self, request: Request) -> None:
        """Twisted: the response is complete. What is left of the body is passed over."""
        self._request = None
        self._data = self._end = None
        self._answer.end()
        if self._exchange.body_paused:
            self._exchange.resume_body()

    def registerProducer(self, producer: IPushProducer | IPullProducer, streaming: bool) -> None:
        """Twisted: ``producer`` writes the response and must be told when to pause."""
        self._producer.register(producer, streaming)

    def unregisterProducer(self) -> None:
        """Twisted: the producer has written all."""
        self._producer.unregister()

    def loseConnection(self) -> None:
        """Twisted: the application gives the client up. A part of an answer must not look like a
        whole one, so this cuts.
        """
        self._answer.cut()
        self._tell_lost_later()

    def abortConnection(self) -> None:
        """Twisted: the same."""
        self.loseConnection()

    def _respondToBadRequestAndDisconnect(self) -> None:
        """Twisted: a form in the body cannot be read."""
        self._answer.fail("bad_form", status=400)
        self._tell_lost_later()

    def _producer_failed(self, reason: Failure) -> None:
        log.failure("a producer failed, its answer is cut", failure=reason)
        self.loseConnection()

    def _tell_lost_later(self) -> None:
        """Not now: the application is in the midst of a call on its request."""
        self._reactor.callLater(0, self._tell_lost, Failure(ConnectionAborted()))

    # -- from the request: who speaks with whom

    def isSecure(self) -> bool:
        """Twisted: whether the client spoke TLS, as whoever forwarded the request says."""
        return self._head.fields.get(b"x-forwarded-proto") == b"https"

    def getPeer(self) -> IPv4Address:
        """Twisted: the other end of the connection on which the request came."""
        return IPv4Address("TCP", self._exchange.peer, 0)

    def getHost(self) -> IPv4Address:
        """Twisted: the host and port that the client asked, for URLs that are made of them."""
        named = self._head.fields.hosts[0].decode("ascii") if self._head.fields.hosts else ""
        host, colon, port = named.rpartition(":")
        if colon and port.isdigit():
            return IPv4Address("TCP", host, int(port))
        return IPv4Address("TCP", named or "localhost", 443 if self.isSecure() else 80)
