"""Reading responses: what a client does with the bytes of a server.

Source: RFC 9112 sections 4 and 6.3.
"""

from __future__ import annotations

from functools import lru_cache

from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.fields import REMEMBERED_BLOCKS, REMEMBERED_BYTES, Fields
from lambdadispatch.wire.heads import (
    BODILESS,
    CHUNKED,
    STATUS_LINE,
    TO_CLOSE,
    ResponseHead,
)
from lambdadispatch.wire.reader import DEFAULT_LIMITS, Event, Limits, MessageReader, fields_after


class ResponseReader(MessageReader):
    """Reads responses; ``expect`` tells it the method of the request each one answers.

    After an interim response (1xx) no End follows: the next event is the next head. Every
    error carries status 502, for that is what a proxy answers for a server it cannot read.
    """

    _cut_short_status = 502

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self._method: bytes | None = None

    def expect(self, method: bytes) -> None:
        """A request with ``method`` was sent; the next response answers it."""
        self._method = method

    def whole(self, data: bytes) -> tuple[ResponseHead, bytes] | None:
        """The response that ``data`` is, head and body, if it is exactly one of declared length
        and nothing came before it; else None, and ``data`` is to be fed.
        """
        method = self._method
        if self._buffer or method is None or method == b"HEAD":
            return None
        end = data.find(b"\r\n\r\n") + 4
        if not 4 <= end <= min(REMEMBERED_BYTES, self._limits.head_octets):
            return None
        head = _parse_quietly(data[: end - 2], self._limits.fields)
        if head is None or head.status < 200 or len(data) - end != head.body:
            return None
        self._method = None
        return head, data[end:]

    def _read_head(self) -> Event:
        if self._method is None and self._buffer:
            # At its first byte: left alone, it would pass for the answer to the next request.
            raise self._broken("unasked", "bytes came where no request was sent")
        return super()._read_head()

    def _skip_empty_lines(self) -> None:
        """A server alone may pass over them (RFC 9112 section 2.2)."""
        raise self._broken("bad_status_line", "an empty line stands where the status line should")

    def _fail(self, error: RemoteProtocolError) -> RemoteProtocolError:
        error.status = 502
        return super()._fail(error)

    def _parse_head(self, block: bytes) -> Event:
        parse = _parse_remembered if len(block) <= REMEMBERED_BYTES else _parse
        head = parse(block, self._limits.fields, self._method == b"HEAD")
        if head.status >= 200:
            self._method = None
            self._start_body(head.body, head.fields)
        return head


def _parse(block: bytes, most: int, bodiless: bool) -> ResponseHead:
    """``bodiless``: by the method of its request this response has no body."""
    line = STATUS_LINE.match(block)
    if line is None:
        raise RemoteProtocolError("bad_status_line", f"{block[:40]!r} is not a status line")
    minor, status = int(line[1]), int(line[2])
    fields = fields_after(block, line.end(), most)
    if fields.chunked and not minor:
        raise RemoteProtocolError(
            "bad_transfer_encoding", "a response of HTTP/1.0 has a Transfer-Encoding"
        )
    body = 0
    if status >= 200 and status not in BODILESS and not bodiless:
        body = _body_length(fields)
    return ResponseHead(status, line[3] or b"", minor, fields, body)


@lru_cache(maxsize=REMEMBERED_BLOCKS)
def _parse_quietly(block: bytes, most: int) -> ResponseHead | None:
    try:
        return _parse(block, most, bodiless=False)
    except RemoteProtocolError:
        return None


_parse_remembered = lru_cache(maxsize=REMEMBERED_BLOCKS)(_parse)


def _body_length(fields: Fields) -> int:
    if fields.chunked:
        return CHUNKED
    return TO_CLOSE if fields.content_length is None else fields.content_length
