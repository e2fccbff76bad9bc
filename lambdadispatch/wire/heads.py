"""Heads of requests and responses as values, and how they are written.

Sources: RFC 9112 section 3 (request line), 4 (status line), 6.3 (body length), 9.3 (persistence).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from lambdadispatch.wire.errors import LocalProtocolError
from lambdadispatch.wire.fields import NO_FIELDS, TEXT, TOKEN, Fields, Pairs, render_fields

CHUNKED: Final = -1
"""Body length of a message framed by the chunked transfer coding."""
TO_CLOSE: Final = -2
"""Body length of a response that lasts until its connection closes."""

BODILESS: Final = frozenset([204, 304])

IDEMPOTENT: Final = frozenset([b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"])
"""Methods whose request may be sent again if it is not known what became of it (RFC 9110 section
9.2.2)."""

REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([^\x00-\x20\x7f]+) HTTP/1\.([01])\r\n")
ANY_VERSION = re.compile(rb"[^\r\n]* HTTP/[0-9]+(?:\.[0-9]+)?\r\n")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: (" + TEXT + rb"))?\r\n")


class RequestHead(NamedTuple):
    """The head of a request. ``body`` is a length in octets or CHUNKED; ``minor`` 0 or 1."""

    method: bytes
    target: bytes
    minor: int
    fields: Fields
    body: int

    @property
    def keep_alive(self) -> bool:
        """Whether the sender wants the connection kept (RFC 9112 section 9.3)."""
        return _keep_alive(self.minor, self.fields)


class ResponseHead(NamedTuple):
    """The head of a response. ``body`` is a length in octets, CHUNKED or TO_CLOSE."""

    status: int
    reason: bytes
    minor: int
    fields: Fields
    body: int

    @property
    def keep_alive(self) -> bool:
        """Whether the connection can carry another exchange after this response."""
        return self.body != TO_CLOSE and _keep_alive(self.minor, self.fields)

    @property
    def interim(self) -> bool:
        """Whether this is a 1xx response, after which the real one follows."""
        return self.status < 200


def _keep_alive(minor: int, fields: Fields) -> bool:
    if minor:
        return b"close" not in fields.connection
    return b"keep-alive" in fields.connection and b"close" not in fields.connection


REASONS: Final = {
    100: b"Continue",
    101: b"Switching Protocols",
    200: b"OK",
    202: b"Accepted",
    204: b"No Content",
    400: b"Bad Request",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    409: b"Conflict",
    413: b"Content Too Large",
    414: b"URI Too Long",
    426: b"Upgrade Required",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    501: b"Not Implemented",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
    505: b"HTTP Version Not Supported",
}
"""Reason phrases of the statuses this project itself sends."""


def response(
    status: int, pairs: Iterable[tuple[bytes, bytes]] = (), body: int | None = None
) -> ResponseHead:
    """A response head made on this side.

    ``body`` None takes the length from the pairs' own Content-Length, else CHUNKED. Raises
    LocalProtocolError for a field or a status that HTTP does not allow.
    """
    if not 100 <= status <= 599:
        raise LocalProtocolError("bad_status", f"status {status!r} is not within 100 to 599")
    fields = Fields.of(pairs)
    if body is None:
        body = CHUNKED if fields.content_length is None else fields.content_length
    return ResponseHead(status, REASONS.get(status, b"Unknown"), 1, fields, body)


def request(
    method: bytes, target: bytes, pairs: Iterable[tuple[bytes, bytes]] = (), body: int = 0
) -> RequestHead:
    """A request head made on this side. Raises LocalProtocolError as ``response`` does."""
    line = b"%b %b HTTP/1.1\r\n" % (method, target)
    if not REQUEST_LINE.fullmatch(line):
        raise LocalProtocolError("bad_request_line", f"{method!r} {target!r} cannot be sent")
    return RequestHead(method, target, 1, Fields.of(pairs) if pairs else NO_FIELDS, body)


def render_request(head: RequestHead, extra: bytes = b"") -> bytes:
    """The request head as a proxy sends it on: end-to-end fields, ``extra`` lines, framing.

    LocalProtocolError if the fields declare another length than ``head.body``.
    """
    return b"%b %b HTTP/1.1\r\n%b%b%b\r\n" % (
        head.method,
        head.target,
        head.fields.end_to_end_block,
        extra,
        _framing(head.body, head.fields) if head.body or head.fields.content_length else b"",
    )


def render_response(head: ResponseHead, body: int | None, extra: bytes = b"") -> bytes:
    """The response head as a proxy sends it on.

    ``body`` is the framing on this connection, which may differ from ``head.body`` (a client
    of HTTP/1.0 gets TO_CLOSE for CHUNKED); None where the response has no body by its status
    or its request's method. ``extra`` are whole field lines. LocalProtocolError if the fields
    declare another length than ``body``.
    """
    fields = head.fields
    block = fields.end_to_end_block
    if fields.content_length is not None and (head.status == 204 or head.status < 200):
        block = render_fields(fields.without(fields.hop_by_hop | {b"content-length"}))
    return b"HTTP/1.1 %d %b\r\n%b%b%b\r\n" % (
        head.status,
        head.reason,
        block,
        extra,
        b"" if body is None else _framing(body, fields),
    )


def render_own(head: RequestHead | ResponseHead) -> bytes:
    """A bodiless head with all its fields, hop-by-hop ones too: for who speaks for itself."""
    if isinstance(head, RequestHead):
        line = b"%b %b HTTP/1.1" % (head.method, head.target)
    else:
        line = b"HTTP/1.1 %d %b" % (head.status, head.reason)
    return b"%b\r\n%b\r\n" % (line, render_fields(head.fields.pairs))


def render_chunk(data: bytes) -> bytes:
    """``data`` (not empty) as one chunk (RFC 9112 section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def render_last_chunk(trailers: Pairs = ()) -> bytes:
    """The end of a chunked body, with its trailers."""
    return b"0\r\n%b\r\n" % render_fields(trailers) if trailers else b"0\r\n\r\n"


def _framing(body: int, fields: Fields) -> bytes:
    if fields.content_length is not None:
        if fields.content_length != body:
            raise LocalProtocolError(
                "bad_content_length", f"Content-Length is {fields.content_length}, the body {body}"
            )
        return b""
    if body == CHUNKED:
        return b"Transfer-Encoding: chunked\r\n"
    return b"Content-Length: %d\r\n" % body if body >= 0 else b""
