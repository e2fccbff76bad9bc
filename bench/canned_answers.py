"""The trivial application of the measurements: prepared answers on any stream.

Theory of operation. What is measured is the router, so what answers behind it must cost nearly
nothing: no head is parsed beyond its target and, on an upload, its Content-Length; no answer is
rendered. One protocol serves both the channels of an instance (``bench.canned``) and a port
(``bench.canned_server``), so that the router and the proxies beside it have the same application.
It believes what it reads: its peers are the contenders, and only bodies with a Content-Length are
understood.

Rejected: Twisted's transports under it, and a reader of ``lambdadispatch.wire``. Both are what
the router itself pays for, and the load's core would be full before the router's.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

from bench.app import LARGE, SMALL

GIB: Final = 2**30
PIECE: Final = bytes(2**18)
"""What a stream is made of: one buffer, sent again and again."""
HELD: Final = 2 * len(PIECE)
"""Octets a stream lets the transport hold."""

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


OnLost = Callable[[Exception | None], None]


def head(length: int) -> bytes:
    """A head like that of nginx: about 150 octets."""
    return (
        b"HTTP/1.1 200 OK\r\nServer: canned\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
        b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % length
    )


def prepared(body: bytes) -> bytes:
    """The whole answer."""
    return head(len(body)) + body


PREPARED: Final = {b"/small": prepared(SMALL), b"/64k": prepared(LARGE)}
STREAM: Final = b"/1g"
SINK: Final = b"/sink"
HOLD: Final = b"/hold"
"""Never answered: what is asked for it occupies a channel until it goes away."""
MISSING: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class CannedAnswers(asyncio.Protocol):
    """Answers the requests that arrive on a connection, one after another.

    ``/small`` and ``/64k`` from memory; ``/1g`` with 1 GiB, no faster than it is taken; ``/sink``
    with the number of octets that were sent there; ``/hold`` not at all; else 404.
    """

    def __init__(self, on_lost: OnLost | None = None) -> None:
        self._on_lost = on_lost
        self._stream: Any = None
        self._head = b""
        self._missing = 0
        self._body = 0
        self._left = 0
        self._full = False

    def connection_made(self, transport: Any) -> None:
        """asyncio: connected; to be called for a connection that was handed over, too."""
        self._stream = transport
        transport.set_write_buffer_limits(HELD)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: gone."""
        self._left = 0
        if self._on_lost is not None:
            self._on_lost(exc)

    def data_received(self, data: bytes) -> None:
        """asyncio: a request arrived, or a part of one."""
        if self._missing:
            self._upload(data)
            return
        if self._head:
            data, self._head = self._head + data, b""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._head = data
            return
        target = data.split(b" ", 2)[1]
        answer = PREPARED.get(target)
        if answer is not None:
            self._stream.write(answer)
        elif target == STREAM:
            self._stream.write(head(GIB))
            self._left = GIB
            self.resume_writing()
        elif target == SINK:
            self._receive(data[: end + 2], data[end + 4 :])
        elif target != HOLD:
            self._stream.write(MISSING)

    def _receive(self, lines: bytes, rest: bytes) -> None:
        found = _LENGTH.search(lines)
        self._body = self._missing = int(found[1]) if found else 0
        self._upload(rest)

    def _upload(self, data: bytes) -> None:
        self._missing -= len(data)
        if self._missing <= 0:
            received, self._missing = self._body - self._missing, 0
            self._stream.write(prepared(b"%d" % received))

    def pause_writing(self) -> None:
        """asyncio: enough is held."""
        self._full = True

    def resume_writing(self) -> None:
        """asyncio: more is taken."""
        self._full = False
        while self._left and not self._full:
            piece = PIECE if self._left >= len(PIECE) else PIECE[: self._left]
            self._left -= len(piece)
            self._stream.write(piece)
