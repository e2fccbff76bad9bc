"""What everybody who serves a request needs to know of its exchange, whatever it came by.

Theory of operation. A relay, the front and its answers speak to an ``Exchange``; what kind of
connection the request came on shows nowhere else. ``ServerExchange`` is one on a connection of
HTTP/1.1, of which there is one at a time, ``lambdadispatch.http2.exchange.StreamExchange`` one on
a stream of HTTP/2, of which there are many. Both are the same towards the sink that takes the body,
which is why that half stands here; the other half is how octets leave, and is theirs.

Rejected: a Protocol class of typing for the face, which mypyc looks up by name at each call, where
a method of a base class is a call through a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from lambdadispatch.http11.sinks import RequestSink
from lambdadispatch.http11.stream import StreamProtocol, Successor
from lambdadispatch.wire.fields import NameSet, Pairs
from lambdadispatch.wire.heads import RequestHead, ResponseHead

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress

CLIENT_GONE: Final = "client_gone"
"""Why an exchange ended with its connection, when the peer broke no rule."""

CLIENT_STALLED: Final = "client_stalled"
"""Why an exchange ended whose client did not read its answer."""


class ServedConnection(StreamProtocol):
    """A connection on which requests are served: what its server, its admission, and who asks where
    a request is from need of it. ``origin`` is kept for the last of these.
    """

    def __init__(self) -> None:
        super().__init__()
        self.origin: Any = None

    @property
    def peer(self) -> IAddress:
        """The client's address."""
        raise NotImplementedError

    @property
    def own_address(self) -> IAddress:
        """The address that the client connected to."""
        raise NotImplementedError

    @property
    def is_closing(self) -> bool:
        """Whether nothing more is written, and it ends once what was written has left."""
        raise NotImplementedError

    def close_when_idle(self) -> None:
        """Take no further request; close at once if none is being served."""
        raise NotImplementedError

    def cut(self) -> None:
        """End the connection so that the client sees that what it has got is not whole."""
        raise NotImplementedError

    def sweep(self, sweeps: int, patience: int) -> None:
        """A second has passed, the ``sweeps``-th; an idle connection is kept for ``patience``."""
        raise NotImplementedError


class Exchange:
    """A request and the writing of its response.

    Someone ``take``s the request to be given its body; until then the body waits. The response
    is ``answer`` (once), ``write`` (any number), ``end`` (once); ``interim`` may come before.
    ``answer`` alone sends nothing: its head leaves with the first data, at ``flush`` or ``end``.
    ``own_lines`` are whole field lines that the answer gets, whoever makes it. ``on_lost`` is told
    why the client is lost if nobody has taken the request.
    """

    __slots__ = (
        "_asked",
        "_sink",
        "answer_begun",
        "answer_ended",
        "body_paused",
        "discarding",
        "head",
        "on_lost",
        "own_lines",
        "slow",
    )

    def __init__(self, head: RequestHead | None) -> None:
        self._sink: RequestSink | None = None
        self._asked = False
        self.head = head
        self.answer_begun = False
        self.answer_ended = False
        self.body_paused = False
        self.discarding = False
        self.slow = False
        self.own_lines = b""
        self.on_lost: Callable[[str], None] | None = None

    @property
    def came_on(self) -> ServedConnection:
        """The connection that it came on."""
        raise NotImplementedError

    @property
    def peer(self) -> str:
        """The client's address, for logs."""
        return str(getattr(self.came_on.peer, "host", "unknown"))

    # -- the request

    def take(self, sink: RequestSink) -> None:
        """From now on ``sink`` is given the body and told of the client."""
        raise NotImplementedError

    def release(self) -> None:
        """Tell its sink nothing more."""
        self._sink = None

    def discard(self) -> None:
        """Pass over the rest of the body."""
        raise NotImplementedError

    @property
    def takes_body(self) -> bool:
        """Whether the connection should read on in the body."""
        return (self._sink is not None or self.discarding) and not self.body_paused

    def pause_body(self) -> None:
        """Hold the client back."""
        raise NotImplementedError

    def resume_body(self) -> None:
        """Let the client send on."""
        raise NotImplementedError

    @property
    def holds_back(self) -> bool:
        """Whether the client waits for a 100 before it sends its body (RFC 9110 10.1.1)."""
        return not self._asked and self.head is not None and self.head.fields.expects_continue

    # -- from the connection

    def request_data(self, data: bytes) -> None:
        """A piece of the body came."""
        self._asked = True
        if self._sink is not None:
            self._sink.request_data(data)

    def request_end(self, trailers: Pairs) -> None:
        """The request is complete."""
        if self._sink is not None:
            self._sink.request_end(trailers)

    def client_slow(self) -> None:
        """The client reads slower than is written."""
        self.slow = True
        if self._sink is not None:
            self._sink.client_slow()

    def client_ready(self) -> None:
        """The client has caught up."""
        self.slow = False
        if self._sink is not None:
            self._sink.client_ready()

    def connection_lost(self, reason: str) -> None:
        """The connection, or this one's part of it, ended before the exchange had. ``reason`` is
        CLIENT_GONE, CLIENT_STALLED or the rule that the request broke.
        """
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.client_lost(reason)
        elif self.on_lost is not None and not self.answer_ended:
            self.on_lost(reason)

    # -- the response

    def interim(self, head: ResponseHead) -> None:
        """Send a 1xx response, if the client can be sent one."""
        raise NotImplementedError

    def answer(self, head: ResponseHead, extra: bytes = b"") -> None:
        """Begin the response. ``extra`` are whole field lines to add.

        LocalProtocolError if it has begun, or its fields declare a length that is not its own.
        """
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """Send a piece of the body; LocalProtocolError for more than the head declared."""
        raise NotImplementedError

    def flush(self) -> None:
        """Send a head that is still held."""
        raise NotImplementedError

    def end(self, trailers: Pairs = ()) -> None:
        """End the response; one shorter than declared is cut and LocalProtocolError raised."""
        raise NotImplementedError

    def answer_whole(self, head: ResponseHead, body: bytes) -> None:
        """``answer``, ``write`` and ``end`` in one, with one write."""
        raise NotImplementedError

    def respond(
        self, status: int, pairs: Iterable[tuple[bytes, bytes]] = (), body: bytes = b""
    ) -> None:
        """A whole response at once. What is left of the request is not waited for."""
        raise NotImplementedError

    def close_after(self) -> None:
        """Let the connection end with the response; to be said before ``answer``."""
        raise NotImplementedError

    def decline(self, reason: str) -> bool:
        """Say, instead of answering, that nothing was done for this request and why, in one word.

        True if that was told: the other side then ends the connection, and the request may be
        served elsewhere. False if it cannot be told, and the request is to be answered.
        """
        return False

    @property
    def upgrades(self) -> tuple[bytes, ...]:
        """The protocols that this request may change to; none for nearly every one."""
        return ()

    def tunnel(self, head: ResponseHead, protocol: bytes, sink: RequestSink) -> None:
        """Answer with this 101 to ``protocol``, one of ``upgrades``. From now on ``sink`` is given
        what the client sends, as it comes, and ``write`` sends as it is told, until ``end_tunnel``.
        """
        raise NotImplementedError

    def end_tunnel(self) -> None:
        """The other side has ended: what was written is sent, and the connection closed."""
        raise NotImplementedError

    def switch(self, head: ResponseHead, successor: Successor) -> None:
        """Answer 101 and hand the connection to ``successor`` (RFC 9110 section 7.8). Only asked
        for by an Upgrade, which a request of HTTP/2 cannot have.
        """
        raise NotImplementedError

    def cut(self) -> None:
        """End it so that the client sees the response is not whole. One that is over has no say."""
        raise NotImplementedError


def without_own(head: ResponseHead, names: NameSet | None) -> ResponseHead:
    """The head without those of its fields that an exchange's ``own_lines`` give."""
    fields = head.fields
    kept = fields if names is None else fields.passing_over(names)
    if kept is fields:
        return head
    return ResponseHead(head.status, head.reason, head.minor, kept, head.body)
