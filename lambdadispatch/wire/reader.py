"""Readers: bytes in, events out.

A reader is fed whatever arrived and asked for events until it says NEED_MORE. Its results are

- a head (RequestHead or ResponseHead),
- ``bytes``: a non-empty piece of the body, framing removed,
- ``End``: the message is complete, with its trailers,
- NEED_MORE: nothing more can be said before more bytes come,
- CLOSED: the peer ended the connection between two messages,

or it raises RemoteProtocolError, and from then on raises the same error at each call.
Not asking for events is how a caller holds back a pipelined request.

Source: RFC 9112 sections 2.2, 6 and 7.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.fields import (
    HOP_BY_HOP,
    NO_FIELDS,
    Fields,
    Pairs,
    parse_fields,
    trailer_pairs,
)
from lambdadispatch.wire.heads import CHUNKED, TO_CLOSE, RequestHead, ResponseHead

CHUNK_LINE_LIMIT: Final = 256
_CHUNK_LINE = re.compile(rb"([0-9a-fA-F]{1,15})([ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")
_BARE_LF = re.compile(rb"(?:^|[^\r])\n")
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")
_PARTIAL_CHUNK_LINE = re.compile(
    rb"[0-9a-fA-F]{1,15}(?:[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?)?\r?"
)

# What a chunked body's `_left` says when it is not a number of octets to come.
_AT_SIZE_LINE: Final = 0
_EXPECT_CRLF: Final = -1
_IN_TRAILERS: Final = -2


UNLIMITED: Final = 1 << 62


class Limits(NamedTuple):
    """What a message may measure: octets of its head, number of fields, octets of a request's
    target, octets of its body.
    """

    head_octets: int = 65536
    fields: int = 100
    target_octets: int = UNLIMITED
    body_octets: int = UNLIMITED


DEFAULT_LIMITS: Final = Limits()


class End(NamedTuple):
    """The end of a message, with the trailers that may be passed on."""

    trailers: Pairs


class Signal(Enum):
    """Results that carry nothing."""

    NEED_MORE = 1
    CLOSED = 2


END: Final = End(())
NEED_MORE: Final = Signal.NEED_MORE
CLOSED: Final = Signal.CLOSED

Event: TypeAlias = RequestHead | ResponseHead | bytes | End | Signal


class MessageReader:
    """What reading requests and reading responses have in common: the buffer and the bodies."""

    _cut_short_status = 400

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._buffer = b""
        self._scanned = 0
        self._eof = False
        self._left = 0
        self._announced = 0
        self._extensions_left = 0
        self._hop_by_hop = HOP_BY_HOP
        self._read: Callable[[], Event] = self._read_head

    def feed(self, data: bytes) -> None:
        """Take bytes that arrived."""
        self._buffer = self._buffer + data if self._buffer else data

    def feed_eof(self) -> None:
        """Take note that no more bytes will come."""
        self._eof = True

    def next_event(self) -> Event:
        """The next result; see the module's text."""
        return self._read()

    @property
    def buffered(self) -> int:
        """Octets that were fed and not yet given out."""
        return len(self._buffer)

    def take_rest(self) -> bytes:
        """Hand out, unread, what was fed after a head that changed the protocol."""
        rest, self._buffer = self._buffer, b""
        return rest

    def _parse_head(self, block: bytes) -> Event:
        raise NotImplementedError

    def _fail(self, error: RemoteProtocolError) -> RemoteProtocolError:
        def again() -> Event:
            raise error

        self._read = again
        self._buffer = b""
        return error

    def _broken(self, reason: str, detail: str, status: int = 400) -> RemoteProtocolError:
        return self._fail(RemoteProtocolError(reason, detail, status))

    # -- heads

    def _read_head(self) -> Event:
        buffer = self._buffer
        if not buffer:
            return CLOSED if self._eof else NEED_MORE
        if buffer[0] in b"\r\n" and not self._scanned:
            self._skip_empty_lines()
            buffer = self._buffer
        if len(buffer) > self._limits.target_octets:
            self._check_target(buffer)
        end = buffer.find(b"\r\n\r\n", self._scanned)
        if end < 0:
            return self._incomplete_head()
        if end + 4 > self._limits.head_octets:
            raise self._head_too_large()
        self._scanned = 0
        self._buffer = buffer[end + 4 :] if len(buffer) > end + 4 else b""
        block = buffer[: end + 2]
        try:
            return self._parse_head(block)
        except RemoteProtocolError as error:
            raise self._fail(_bare_lf_in(block) or error) from None

    def _check_target(self, buffer: bytes) -> None:
        """Only requests have a target."""

    def _skip_empty_lines(self) -> None:
        """A client may send CRLF after a body (RFC 9112 section 2.2)."""
        empty = _EMPTY_LINES.match(self._buffer)
        if empty is not None:
            self._buffer = self._buffer[empty.end() :]

    def _incomplete_head(self) -> Event:
        buffer = self._buffer
        if len(buffer) > self._limits.head_octets:
            raise self._head_too_large()
        self._scan_lines()
        if not self._eof:
            return NEED_MORE
        if not buffer:
            return CLOSED
        raise self._broken("cut_short", "the connection ended within a head")

    def _scan_lines(self) -> None:
        """Refuse a bare LF at once, and note how far the end of the lines need not be sought."""
        error = _bare_lf_in(self._buffer, max(0, self._scanned - 1))
        if error is not None:
            raise self._fail(error)
        self._scanned = max(0, len(self._buffer) - 3)

    def _head_too_large(self) -> RemoteProtocolError:
        """A bare LF within the limit comes first, as it does when the head comes in pieces."""
        error = _bare_lf_in(self._buffer[: self._limits.head_octets])
        if error is not None:
            return self._fail(error)
        return self._broken(
            "head_too_large",
            f"the head is larger than the {self._limits.head_octets} octets allowed",
            status=431,
        )

    # -- bodies

    def _start_body(self, body: int, fields: Fields) -> None:
        if body == 0:
            self._read = self._read_end
        elif body > self._limits.body_octets:
            raise self._body_too_large()
        elif body == CHUNKED:
            self._announced = 0
            self._left = _AT_SIZE_LINE
            self._extensions_left = self._limits.head_octets
            self._hop_by_hop = fields.hop_by_hop
            self._read = self._read_chunked
        elif body == TO_CLOSE:
            self._read = self._read_to_close
        else:
            self._left = body
            self._read = self._read_fixed

    def _read_end(self) -> Event:
        self._read = self._read_head
        return END

    def _read_fixed(self) -> Event:
        data = self._buffer
        if not data:
            return self._incomplete_body()
        if len(data) > self._left:
            self._buffer = data[self._left :]
            data = data[: self._left]
        else:
            self._buffer = b""
        self._left -= len(data)
        if not self._left:
            self._read = self._read_end
        return data

    def _read_to_close(self) -> Event:
        if self._buffer:
            return self.take_rest()
        if not self._eof:
            return NEED_MORE
        self._read = self._read_head
        return END

    def _incomplete_body(self) -> Event:
        if self._eof:
            raise self._broken(
                "cut_short", "the connection ended within a body", self._cut_short_status
            )
        return NEED_MORE

    def _read_chunked(self) -> Event:
        """All the chunk data at hand as one piece: the size of chunks carries no meaning.

        An error after data is raised by the next call, as when it comes in a piece of its own.
        """
        pieces: list[bytes] = []
        position = 0
        while self._left != _IN_TRAILERS:
            try:
                after = self._advance_in_chunks(position, pieces)
            except RemoteProtocolError:
                if pieces:
                    return b"".join(pieces)
                raise
            if after == position:
                break
            position = after
        if position:
            self._buffer = self._buffer[position:]
        if self._left == _IN_TRAILERS:
            self._read = self._read_trailers
        if pieces:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return self._read_trailers() if self._left == _IN_TRAILERS else self._incomplete_body()

    def _advance_in_chunks(self, position: int, pieces: list[bytes]) -> int:
        """Read one size line, one run of data or one CRLF; the new position, unmoved if short."""
        buffer = self._buffer
        if self._left > 0:
            piece = buffer[position : position + self._left]
            if piece:
                pieces.append(piece)
                self._left = self._left - len(piece) or _EXPECT_CRLF
            return position + len(piece)
        if self._left == _EXPECT_CRLF:
            if buffer.startswith(b"\r\n", position):
                self._left = _AT_SIZE_LINE
                return position + 2
            if len(buffer) - position >= 2 or buffer[position:] not in {b"", b"\r"}:
                raise self._broken("bad_chunk", "chunk data is not followed by CRLF")
            return position
        match = _CHUNK_LINE.match(buffer, position, position + CHUNK_LINE_LIMIT)
        if match is None:
            return self._incomplete_chunk_line(position)
        if match.lastindex == 2:
            self._extensions_left -= len(match[2])
            if self._extensions_left < 0:
                raise self._broken(
                    "bad_chunk", "the chunk extensions are larger than a head may be"
                )
        size = int(match[1], 16)
        self._announced += size
        if self._announced > self._limits.body_octets:
            raise self._body_too_large()
        self._left = size or _IN_TRAILERS
        return match.end()

    def _body_too_large(self) -> RemoteProtocolError:
        return self._broken(
            "body_too_large",
            f"the body is larger than the {self._limits.body_octets} octets allowed",
            status=413,
        )

    def _incomplete_chunk_line(self, position: int) -> int:
        line = self._buffer[position : position + CHUNK_LINE_LIMIT]
        if len(line) == CHUNK_LINE_LIMIT or b"\n" in line:
            raise self._broken("bad_chunk", f"chunk size line {line[:40]!r} cannot be read")
        if line and not _PARTIAL_CHUNK_LINE.fullmatch(line):
            raise self._broken("bad_chunk", f"chunk size line {line[:40]!r} cannot be read")
        return position

    def _read_trailers(self) -> Event:
        buffer = self._buffer
        if buffer.startswith(b"\r\n"):
            self._buffer = buffer[2:]
            self._read = self._read_head
            return END
        end = buffer.find(b"\r\n\r\n", self._scanned)
        if (end + 4 if end >= 0 else len(buffer)) > self._limits.head_octets:
            raise self._head_too_large()
        if end < 0:
            self._scan_lines()
            return self._incomplete_body()
        self._scanned = 0
        self._buffer = buffer[end + 4 :]
        block = buffer[: end + 2]
        try:
            trailers = trailer_pairs(parse_fields(block, self._limits.fields), self._hop_by_hop)
        except RemoteProtocolError as error:
            raise self._fail(_bare_lf_in(block) or error) from None
        self._read = self._read_head
        return End(trailers)


def fields_after(block: bytes, start: int, most: int) -> Fields:
    """The fields of a head whose first line ends at ``start``."""
    return NO_FIELDS if start == len(block) else parse_fields(block[start:], most)


def _bare_lf_in(lines: bytes, start: int = 0) -> RemoteProtocolError | None:
    """The same error for a bare LF, whether the lines around it came in one piece or in many."""
    if _BARE_LF.search(lines, start) is None:
        return None
    return RemoteProtocolError("bare_lf", "a line ends in LF without CR")
