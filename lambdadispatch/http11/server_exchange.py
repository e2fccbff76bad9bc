"""One exchange at the server's end: the request as it comes, the response as it is written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from lambdadispatch.http11.exchange import CLIENT_GONE, CLIENT_STALLED, Exchange, without_own
from lambdadispatch.http11.sinks import RequestSink
from lambdadispatch.wire.errors import LocalProtocolError
from lambdadispatch.wire.exchange_state import ANSWERING, CLOSED, OPEN
from lambdadispatch.wire.fields import Pairs
from lambdadispatch.wire.heads import (
    BODILESS,
    CHUNKED,
    TO_CLOSE,
    RequestHead,
    ResponseHead,
    render_chunk,
    render_last_chunk,
    render_own,
    render_response,
    response,
)
from lambdadispatch.wire.upgrade import upgrade_lines

if TYPE_CHECKING:
    from lambdadispatch.http11.exchange import ServedConnection
    from lambdadispatch.http11.server_connection import ServerConnection
    from lambdadispatch.http11.stream import Successor

__all__ = ["CLIENT_GONE", "CLIENT_STALLED", "ServerExchange"]

DISCARDED_OCTETS: Final = 65536
"""A declared body up to this is read and passed over to keep a connection; past it, closed."""

_NO_BODY: Final = -3


class ServerExchange(Exchange):
    """The one exchange at a time of a connection of HTTP/1.1; ``connection`` is what it came on."""

    __slots__ = ("_held", "_keep", "_left", "connection")

    def __init__(self, connection: ServerConnection, head: RequestHead | None) -> None:
        super().__init__(head)
        self.connection = connection
        self._held = b""
        self._keep = head is not None and head.keep_alive
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
        # A request without a body is whole already.
        if self.connection.state is not ANSWERING and self.takes_body:
            self.connection.body_wanted()

    def discard(self) -> None:
        """Pass over the rest of the body."""
        self._sink = None
        self.discarding = True
        self.body_paused = False
        self.connection.body_wanted()

    def pause_body(self) -> None:
        """Hold the client back."""
        self.body_paused = True
        self.connection.body_wanted()

    def resume_body(self) -> None:
        """Let the client send on."""
        self.body_paused = False
        self.connection.body_wanted()

    # -- the response

    def interim(self, head: ResponseHead) -> None:
        """Send a 1xx response, which a client of HTTP/1.0 does not get (RFC 9110 section 15.2)."""
        self._asked = True
        if self._live and not self.answer_begun and self.head is not None and self.head.minor:
            self.connection.transport.write(render_response(head, None))

    def answer(self, head: ResponseHead, extra: bytes = b"") -> None:
        """Begin the response. ``extra`` are whole field lines to add.

        A client that still waits for a 100 may send its body after this, or not: nobody can tell
        what follows from the next request, so its connection ends with the response.

        LocalProtocolError if it has begun, or its fields declare a length that is not its own.
        """
        if self.answer_begun:
            raise LocalProtocolError("answered_twice", "a response has already begun")
        framing = self._framing(head)
        self._keep = self._keep and framing != TO_CLOSE and not self.connection.closing
        if self.connection.state is OPEN and self.holds_back:
            self._keep = False
        self._left = _NO_BODY if framing is None else framing
        if self.own_lines:
            head = without_own(head, self.connection.server.answer_names)
        extra += self.own_lines + self._persistence()
        self._held = render_response(head, framing, extra)
        self.answer_begun = True

    def _framing(self, head: ResponseHead) -> int | None:
        if head.status in BODILESS or (self.head is not None and self.head.method == b"HEAD"):
            return None
        if head.body >= 0:
            return head.body
        return CHUNKED if self.head is None or self.head.minor else TO_CLOSE

    def _persistence(self) -> bytes:
        if not self._keep:
            return b"Connection: close\r\n"
        return b"" if self.head is None or self.head.minor else b"Connection: keep-alive\r\n"

    def write(self, data: bytes) -> None:
        """Send a piece of the body; LocalProtocolError for more than the head declared."""
        if not data or self._left == _NO_BODY:
            return
        if self._left == CHUNKED:
            data = render_chunk(data)
        elif self._left >= 0:
            if len(data) > self._left:
                raise LocalProtocolError(
                    "body_too_long", f"{len(data) - self._left} octets over the declared length"
                )
            self._left -= len(data)
        held, self._held = self._held, b""
        if self._live:
            self.connection.write_after(held, data)

    def flush(self) -> None:
        """Send a head that is still held."""
        if self._held and self._live:
            held, self._held = self._held, b""
            self.connection.transport.write(held)

    def end(self, trailers: Pairs = ()) -> None:
        """End the response; one shorter than declared is cut and LocalProtocolError raised."""
        if not self.answer_begun or self.answer_ended:
            raise LocalProtocolError("bad_step", "a response ends once, after it has begun")
        if self._left > 0:
            self.cut()
            raise LocalProtocolError("body_too_short", f"{self._left} octets were not written")
        if self._left == CHUNKED:
            self._held += render_last_chunk(trailers)
            self._left = 0
        self.flush()
        self.answer_ended = True
        self.connection.response_ended(self._keep)

    def answer_whole(self, head: ResponseHead, body: bytes) -> None:
        """``answer``, ``write`` and ``end`` in one, with one write."""
        connection = self.connection
        if self._framing(head) != len(body) or self.answer_begun:
            self.answer(head)
            self.write(body)
            self.end()
            return
        keep = self._keep = self._keep and not connection.closing
        extra = self.own_lines
        if extra:
            head = without_own(head, self.connection.server.answer_names)
        if not keep or self.head is None or not self.head.minor:
            extra += self._persistence()
        rendered = render_response(head, len(body), extra)
        self.answer_begun = self.answer_ended = True
        if connection.state is not CLOSED:
            connection.write_after(rendered, body)
        connection.response_ended(self._keep)

    def respond(
        self, status: int, pairs: Iterable[tuple[bytes, bytes]] = (), body: bytes = b""
    ) -> None:
        """A whole response at once.

        What is left of the request is passed over if it is small and comes for certain, else the
        connection is closed after the response.
        """
        unread = self.connection.exchange is self and self.connection.state is OPEN
        if unread and self.head is not None:
            comes = 0 < self.head.body <= DISCARDED_OCTETS and not self.holds_back
            self._keep = self._keep and comes
        self.answer_whole(response(status, pairs, len(body)), body)
        if unread and self._keep:
            self.discard()

    def close_after(self) -> None:
        """Let the connection end with the response; to be said before ``answer``."""
        self._keep = False

    def decline(self, reason: str) -> bool:
        """Say, instead of answering, that nothing was done for this request and why, in one word.

        True if that was told: the other side then ends the connection, and the request may be
        served elsewhere. False if it cannot be told, and the request is to be answered.
        """
        return not self.answer_begun and self.connection.decline(reason)

    def cut(self) -> None:
        """End the connection so that the client sees the response is not whole.

        An exchange that is over has no say in what its connection carries now.
        """
        self._sink = None
        self.on_lost = None
        if self.connection.exchange is self:
            self.connection.cut()

    @property
    def upgrades(self) -> tuple[bytes, ...]:
        """The protocols that this request may change to; none for nearly every one."""
        head = self.head
        if head is None or not head.fields.upgrade:
            return ()
        return self.connection.server.upgrades.asked(head)

    def tunnel(self, head: ResponseHead, protocol: bytes, sink: RequestSink) -> None:
        """Answer 101 and change to ``protocol``; the connection is ``sink``'s."""
        if self.own_lines:
            head = without_own(head, self.connection.server.answer_names)
        self.answer_begun = True
        self._left = TO_CLOSE
        self._sink = sink
        extra = self.own_lines + upgrade_lines([protocol])
        self.connection.tunnel(render_response(head, None, extra))

    def end_tunnel(self) -> None:
        """The other side has ended: what was written is sent, and the connection closed."""
        self._sink = None
        self.answer_ended = True
        if self.connection.exchange is self:
            self.connection.end_tunnel()

    def switch(self, head: ResponseHead, successor: Successor) -> None:
        """Answer 101 and hand the connection to ``successor`` (RFC 9110 section 7.8)."""
        self.answer_begun = self.answer_ended = True
        self.connection.transport.write(render_own(head))
        self.connection.switch(successor)

    @property
    def _live(self) -> bool:
        return self.connection.state is not CLOSED
