"""A ``twisted.web`` Resource tree on a streaming server.

The resource is looked up and rendered when the head of a request is complete, before its body.
"""

from __future__ import annotations

from typing import cast
from urllib.parse import unquote_to_bytes

from twisted.logger import Logger
from twisted.web.resource import IResource, Resource, getChildForRequest
from twisted.web.server import NOT_DONE_YET

from lambdadispatch.http11.exchange import Exchange
from lambdadispatch.wire.heads import RequestHead

log = Logger()


class ResourceRequest:
    """What a Resource is rendered with: the part of IRequest that routing and short answers need.

    ``exchange`` is the streaming request itself, for resources that take its body or stream their
    answer. The rest is computed when it is asked for.
    """

    __slots__ = (
        "_postpath",
        "_prepath",
        "exchange",
        "head",
        "headers",
        "method",
        "status",
        "uri",
    )

    def __init__(self, exchange: Exchange, head: RequestHead) -> None:
        self.exchange = exchange
        self.head = head
        self.method = head.method
        self.uri = head.target
        self.status = 200
        self.headers: list[tuple[bytes, bytes]] | None = None
        self._prepath: list[bytes] | None = None
        self._postpath: list[bytes] | None = None

    @property
    def path(self) -> bytes:
        """The target without its query."""
        return self.uri.partition(b"?")[0]

    @property
    def prepath(self) -> list[bytes]:
        """Segments already used by routing."""
        if self._prepath is None:
            self._prepath = []
        return self._prepath

    @property
    def postpath(self) -> list[bytes]:
        """Segments still to be used, percent-decoded."""
        if self._postpath is None:
            self._postpath = [unquote_to_bytes(each) for each in self.path[1:].split(b"/")]
        return self._postpath

    def getHeader(self, name: bytes) -> bytes | None:
        """The last value of a field."""
        return self.head.fields.get(name.lower())

    def setResponseCode(self, code: int, message: bytes | None = None) -> None:
        """The status that a rendered text is sent with."""
        self.status = code

    def setHeader(self, name: bytes | str, value: bytes | str) -> None:
        """A field that a rendered text is sent with."""
        if self.headers is None:
            self.headers = []
        self.headers.append((_octets(name), _octets(value)))


def _octets(text: bytes | str) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text


class ResourceServer:
    """Renders each exchange with the resource that ``root`` has for it."""

    def __init__(self, root: IResource) -> None:
        self._root = root

    def on_request(self, exchange: Exchange) -> None:
        """For HttpServer: a head is complete."""
        head = exchange.head
        assert head is not None, "a request without a head is refused, not rendered"
        request = ResourceRequest(exchange, head)
        try:
            body = self._resource_for(request).render(request)
        except Exception:
            log.failure("rendering {method} {uri} failed", method=head.method, uri=head.target)
            if exchange.answer_begun:
                exchange.cut()
            else:
                exchange.respond(500, body=b"Internal Server Error\n")
            return
        if body is not NOT_DONE_YET:
            exchange.respond(request.status, request.headers or (), cast(bytes, body))

    def _resource_for(self, request: ResourceRequest) -> Resource:
        root = cast(Resource, self._root)
        if root.isLeaf:
            return root
        return cast(Resource, getChildForRequest(root, request))
