"""One stream of HTTP/2 as an exchange.

Theory of operation. What comes of the body is given to who takes it in the call in which it came;
while nobody does, or the taker is slow, it is held, and its window stays closed, so that what is
held is bounded by the window. What is to be sent is held likewise for as long as the client's
windows, or the transport, do not take it: the sink is then told that the client is slow, as it is
for HTTP/1.1, and what it still writes until it has stopped its source is all that is added.

The request has ended when the client's END_STREAM came, the response when ours was sent; ``gone``
is a stream with which nothing more can be done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from lambdadispatch.http2.windows import FIRST_OCTETS
from lambdadispatch.http11.exchange import Exchange, ServedConnection, without_own
from lambdadispatch.http11.pace import Pace
from lambdadispatch.http11.sinks import RequestSink
from lambdadispatch.http11.stream import Successor
from lambdadispatch.wire.errors import LocalProtocolError, RemoteProtocolError
from lambdadispatch.wire.fields import Pairs
from lambdadispatch.wire.heads import CHUNKED, RequestHead, ResponseHead, response
from lambdadispatch.wire.request_pairs import (
    body_too_large,
    has_no_body,
    response_pairs,
    small_letters,
)

if TYPE_CHECKING:
    from lambdadispatch.http2.connection import Http2Connection

NO_ERROR: Final = 0x0
PROTOCOL_ERROR: Final = 0x1
INTERNAL_ERROR: Final = 0x2
REFUSED_STREAM: Final = 0x7
CANCEL: Final = 0x8
"""Codes of RST_STREAM (RFC 9113 section 7)."""

_NO_BODY: Final = -3


class StreamExchange(Exchange):
    """The exchange on stream ``number`` of ``connection``.

    ``octets`` counts those of the body that came. ``emptied`` counts how often all that was to be
    sent had been. ``reset_code`` is what the rest of the request is told once the response was
    sent, if it has to be. ``widened`` is by how much its window is larger than it began.
    """

    __slots__ = (
        "_end",
        "_held",
        "_left",
        "_passing",
        "_unopened",
        "connection",
        "emptied",
        "ending",
        "gone",
        "number",
        "octets",
        "pace",
        "pairs",
        "pending",
        "request_ended",
        "reset_code",
        "sent",
        "trailers",
        "widened",
    )

    def __init__(
        self, connection: Http2Connection, number: int, head: RequestHead | None, *, ended: bool
    ) -> None:
        super().__init__(head)
        self.connection = connection
        self.number = number
        self.gone = False
        self.pace: Pace | None = None
        # The request.
        self.request_ended = ended
        self.octets = 0
        self._held: deque[tuple[bytes, int]] = deque()
        self._end: Pairs | None = None
        self._passing = False
        self._unopened = 0
        self.widened = 0
        # The response.
        self.pairs: list[tuple[bytes, bytes]] | None = None
        self.pending: deque[bytes] = deque()
        self.trailers: list[tuple[bytes, bytes]] = []
        self.ending = False
        self.sent = False
        self.emptied = 0
        self.reset_code = NO_ERROR
        self._left = 0

    @property
    def came_on(self) -> ServedConnection:
        """The connection that it came on."""
        return self.connection

    # -- the request

    def take(self, sink: RequestSink) -> None:
        """From now on ``sink`` is given the body and told of the client."""
        self._sink = sink
        if self.slow:
            sink.client_slow()
        if self._may_go_on and not self.widened:
            self.widened = self.connection.windows.widen(self.number)
        self._pass_on()

    @property
    def _may_go_on(self) -> bool:
        """Whether a body may come that is larger than the first window."""
        if self.request_ended or self.gone or self.connection.closed or self.head is None:
            return False
        return not 0 <= self.head.body <= FIRST_OCTETS

    def discard(self) -> None:
        """Pass over the rest of the body: once the response was sent the client is told that it
        is not wanted (RFC 9113 section 8.1).
        """
        self._sink = None
        self.discarding = True
        self.body_paused = False
        self.drop_body()
        if self.sent and not self.request_ended:
            self.connection.reset(self, self.reset_code)

    def pause_body(self) -> None:
        """Hold the client back."""
        self.body_paused = True

    def resume_body(self) -> None:
        """Let the client send on."""
        self.body_paused = False
        self._pass_on()

    @property
    def awaits_body(self) -> bool:
        """Whether more of the body should come: somebody takes it, has taken all there is, and no
        answer is under way.
        """
        if self.request_ended or self.discarding or (self.answer_begun and not self.sent):
            return False
        return self.takes_body and not self.holds_back and not self._held

    @property
    def is_left(self) -> bool:
        """Whether it waits for nothing but the client's END_STREAM, which nobody else waits for."""
        return self.sent and not self.request_ended and self._sink is None

    def drop_body(self) -> None:
        """Nobody will take what is held."""
        self._held.clear()
        self._end = None

    def body_came(self, data: bytes, size: int) -> None:
        """A piece of the body, for which ``size`` octets of the window were used.

        RemoteProtocolError if it is more than was declared or is allowed.
        """
        head = self.head
        self.octets += len(data)
        if head is None or self.discarding:
            return
        if 0 <= head.body < self.octets:
            raise self._wrong_length(head)
        limits = self.connection.limits
        if self.octets > limits.body_octets:
            raise body_too_large(limits)
        if data:
            self._held.append((data, size))
            self._pass_on()
        else:
            self._open_window(size)

    def body_ended(self, trailers: Pairs) -> None:
        """END_STREAM came. RemoteProtocolError if the body is shorter than was declared."""
        head = self.head
        if head is None or self.discarding:
            return
        if head.body > self.octets:
            raise self._wrong_length(head)
        if head.body:
            self._end = trailers
            self._pass_on()

    def _wrong_length(self, head: RequestHead) -> RemoteProtocolError:
        detail = f"Content-Length is {head.body}, the body {self.octets}"
        return RemoteProtocolError("bad_content_length", detail)

    def _pass_on(self) -> None:
        """Give what is held to who takes it, for as long as it does."""
        if self._passing:
            return
        self._passing = True
        try:
            while self._held and self.takes_body:
                data, size = self._held.popleft()
                self.request_data(data)
                self._open_window(size)
            trailers = self._end
            if trailers is not None and not self._held and self.takes_body:
                self._end = None
                self.request_end(trailers)
        finally:
            self._passing = False

    def _open_window(self, size: int) -> None:
        self._unopened += size
        if not (self.request_ended or self.gone):
            self._unopened = self.connection.open_window(self.number, self._unopened)

    # -- the response

    def interim(self, head: ResponseHead) -> None:
        """Send a 1xx response. There is no 101 in HTTP/2 (RFC 9113 section 8.6)."""
        self._asked = True
        if not (self.gone or self.answer_begun or head.status == 101):
            self.connection.send_interim(self, response_pairs(head, None))

    def answer(self, head: ResponseHead, extra: bytes = b"") -> None:
        """Begin the response. ``extra`` are whole field lines to add.

        LocalProtocolError if it has begun, or its fields declare a length that is not its own.
        """
        if self.answer_begun:
            raise LocalProtocolError("answered_twice", "a response has already begun")
        length: int | None = head.body if head.body >= 0 else CHUNKED
        if has_no_body(head, self.head):
            length = None
        if self.own_lines:
            head = without_own(head, self.connection.server.answer_names)
        self.pairs = response_pairs(head, length, extra + self.own_lines)
        self._left = _NO_BODY if length is None else length
        self.answer_begun = True

    def write(self, data: bytes) -> None:
        """Send a piece of the body; LocalProtocolError for more than the head declared."""
        if self._keeps(data):
            self.connection.writing.send(self)

    def _keeps(self, data: bytes) -> bool:
        """Put a piece to what is to be sent; whether there is anything new."""
        if not data or self._left == _NO_BODY:
            return False
        if self._left >= 0:
            if len(data) > self._left:
                raise LocalProtocolError(
                    "body_too_long", f"{len(data) - self._left} octets over the declared length"
                )
            self._left -= len(data)
        if self.gone:
            return False
        self.pending.append(data)
        return True

    def flush(self) -> None:
        """Send a head that is still held."""
        if self.pairs is not None and not self.gone:
            self.connection.writing.send(self)

    def end(self, trailers: Pairs = ()) -> None:
        """End the response; one shorter than declared is cut and LocalProtocolError raised."""
        if not self.answer_begun or self.answer_ended:
            raise LocalProtocolError("bad_step", "a response ends once, after it has begun")
        if self._left > 0:
            self.cut()
            raise LocalProtocolError("body_too_short", f"{self._left} octets were not written")
        if self._left == CHUNKED:
            self.trailers = small_letters(trailers)
        self.answer_ended = self.ending = True
        if not self.gone:
            self.connection.writing.send(self)

    def answer_whole(self, head: ResponseHead, body: bytes) -> None:
        """``answer``, ``write`` and ``end`` in one, with one write."""
        self.answer(head)
        self._keeps(body)
        self.end()

    def respond(
        self, status: int, pairs: Iterable[tuple[bytes, bytes]] = (), body: bytes = b""
    ) -> None:
        """A whole response at once. What is left of the request is not waited for."""
        self.answer_whole(response(status, pairs, len(body)), body)
        if not self.request_ended:
            self.discard()

    def close_after(self) -> None:
        """The connection carries other exchanges: it goes on."""

    def switch(self, head: ResponseHead, successor: Successor) -> None:
        """There is no Upgrade in HTTP/2 (RFC 9113 section 8.6)."""
        raise LocalProtocolError("bad_step", "a stream of HTTP/2 cannot be handed over")

    def cut(self) -> None:
        """Reset the stream, so that the client sees the response is not whole."""
        self._sink = None
        self.on_lost = None
        self.drop_body()
        if not self.sent:
            self.connection.reset(self, INTERNAL_ERROR)
