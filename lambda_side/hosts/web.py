"""A twisted.web Resource in this process.

Everything that stock ``twisted.web`` offers an application is there: the request object is a
``twisted.web.server.Request`` in a ``twisted.web.server.Site`` that does not listen.

As in stock Twisted a resource is rendered when the whole body has been received (``content`` is
a temporary file from 100 kB on). A resource with the attribute ``streams_request_body = True`` is
rendered as soon as the head is complete; it gets the body with ``Request.receive_body`` and may
answer, wholly or in part, before the body has ended::

    class Count(Resource):
        isLeaf = True
        streams_request_body = True

        def render_PUT(self, request):
            sizes = []
            def end():
                request.write(b"%d octets" % sum(sizes))
                request.finish()
            request.receive_body(lambda data: sizes.append(len(data)), end)
            return NOT_DONE_YET

For that attribute to be seen, the resource of a request with a body is looked up
(``getChildForRequest``) when its head is complete: in ``getChild``, then, neither ``content`` nor
the fields of a form are there yet. This, the sending of ``100 Continue`` when the body is first
wanted, and connections that are cut where an answer is not whole are all that differs.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPullProducer, IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http, server
from twisted.web.resource import IResource

from lambda_side.hosts.host import STOPPING, OnEnd, turn_away
from lambda_side.hosts.web_channel import BodyEnded, DataReceived, ExchangeChannel
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.heads import RequestHead

log = Logger()


class Found(NamedTuple):
    """A resource found before its request's body came, and the paths that its request then had."""

    resource: IResource
    prepath: list[bytes]
    postpath: list[bytes]
    sitepath: list[bytes]


class Request(server.Request):
    """A twisted.web request whose body can be received as it comes."""

    channel: ExchangeChannel | None  # type: ignore[assignment]
    site: WebSite
    sitepath: list[bytes]

    def __init__(self, channel: ExchangeChannel) -> None:
        super().__init__(channel)  # type: ignore[no-untyped-call]
        self.site = channel.site
        self.found: Found | None = None

    if TYPE_CHECKING:
        # Twisted's own, with the types that it does not give.

        def setHeader(self, name: bytes | str, value: bytes | str) -> None:
            """Set a field of the answer."""

        def finish(self) -> None:
            """The answer is complete."""

        def registerProducer(
            self, producer: IPushProducer | IPullProducer, streaming: bool
        ) -> None:
            """``producer`` writes the answer and is told when to pause."""

        def unregisterProducer(self) -> None:
            """The producer has written all."""

    # -- for applications

    def receive_body(self, data: DataReceived, end: BodyEnded) -> None:
        """Give each piece of the body to ``data`` as it comes, then call ``end``.

        For resources with ``streams_request_body``. ``end`` is called before this returns if the
        request has no body, and is not called if the client leaves (see ``notifyFinish``) or the
        request is finished first: what comes after ``finish`` is passed over.
        """
        channel = self._open_channel
        if channel is not None:
            channel.receive_body(data, end)

    def pause_body(self) -> None:
        """Hold the client back."""
        channel = self._open_channel
        if channel is not None:
            channel.pause_body()

    def resume_body(self) -> None:
        """Let the client send on."""
        channel = self._open_channel
        if channel is not None:
            channel.resume_body()

    # -- for the channel

    @property
    def _open_channel(self) -> ExchangeChannel | None:
        """The channel: None once the client is gone, and no such attribute once finished."""
        return getattr(self, "channel", None)

    def head_received(self, head: RequestHead) -> None:
        """Take the fields of the head, but for what asks for an upgrade: there is none here, and
        resources that see it try to take the connection over.
        """
        fields = head.fields
        for name, value in fields.end_to_end if fields.upgrade else fields.pairs:
            self.requestHeaders.addRawHeader(name, value)
        self.parseCookies()  # type: ignore[no-untyped-call]

    def find_resource(self, head: RequestHead) -> bool:
        """Look up the resource before the body has come; whether it takes the body as it comes.

        If the look-up fails it will fail again when the body is there, and be reported then.
        """
        self.method, self.uri = head.method, head.target
        self.path, _, query = head.target.partition(b"?")
        if self.path == b"*":
            return False
        self.args = http.parse_qs(query, 1)
        self.prepath = []
        self.postpath = [unquote_to_bytes(segment) for segment in self.path[1:].split(b"/")]
        try:
            resource = self.site.getResourceFor(self)
        except Exception:
            return False
        self.found = Found(resource, self.prepath, self.postpath, self.sitepath)
        return bool(getattr(resource, "streams_request_body", False))

    # -- from Twisted

    def gotLength(self, length: int | None) -> None:
        """Twisted: get a file for the body."""
        if length == 0:
            self.content = BytesIO()
        else:
            super().gotLength(length)  # type: ignore[no-untyped-call]

    def write(self, data: bytes) -> None:
        """Twisted: write a piece of the answer. An empty piece lets a head leave by itself."""
        super().write(data)  # type: ignore[no-untyped-call]
        channel = self._open_channel
        if not data and channel is not None:
            channel.flush()

    def processingFailed(self, reason: Failure) -> Failure:
        """Twisted: answer with the error page, or cut an answer that has begun."""
        channel = self._open_channel
        if channel is not None and not self.startedWriting:
            super().processingFailed(reason)  # type: ignore[no-untyped-call]
        else:
            log.failure("rendering {uri!r} failed", failure=reason, uri=self.uri)
            if channel is not None:
                channel.loseConnection()
        return reason


class WebSite(server.Site):
    """A Site that is not listened on, and knows what was found before a body came."""

    requestFactory = Request  # type: ignore[assignment]

    def getResourceFor(self, request: Request) -> Any:
        """Twisted: the resource for a request."""
        found, request.found = request.found, None
        if found is None:
            return super().getResourceFor(request)  # type: ignore[no-untyped-call]
        request.prepath, request.postpath, request.sitepath = found[1:]
        return found.resource


class WebHost:
    """Hosts ``resource``, the root of a tree; see the module's text."""

    def __init__(self, reactor: IReactorTime, resource: IResource) -> None:
        self._reactor = reactor
        self.site = WebSite(resource, reactor=reactor)  # type: ignore[no-untyped-call]
        self._stopped = False

    def start(self) -> Deferred[None]:
        """Ready at once."""
        return succeed(None)

    def serve(self, exchange: ServerExchange, on_end: OnEnd) -> None:
        """Answer one exchange, and call ``on_end`` exactly once."""
        if self._stopped:
            turn_away(exchange, on_end, STOPPING)
        else:
            ExchangeChannel(self.site, self._reactor, exchange, on_end).start()

    def stop(self) -> Deferred[None]:
        """End the sessions, whose expiry would otherwise keep the clock."""
        self._stopped = True
        for session in tuple(self.site.sessions.values()):
            session.expire()
        return succeed(None)
