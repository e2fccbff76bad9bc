"""Reading answers off a connection: only what the contenders send, each with a Content-Length."""

from __future__ import annotations

import re

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+) *\r\n", re.IGNORECASE)


class AnswerUnreadable(Exception):
    """Not an HTTP/1.1 answer with a Content-Length."""


class AnswerReader:
    """Takes the bytes of one connection, on which one request is open at a time."""

    def __init__(self) -> None:
        self._head = b""
        self._missing = 0
        self._status = 0

    def feed(self, data: bytes) -> int | None:
        """The status once the answer is complete, else None. Raises AnswerUnreadable."""
        if not self._status:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return None
            self._begin(head + b"\r\n")
        self._missing -= len(data)
        if self._missing < 0:
            raise AnswerUnreadable(f"{-self._missing} bytes after the end of the answer")
        if self._missing:
            return None
        status, self._status, self._head = self._status, 0, b""
        return status

    def _begin(self, head: bytes) -> None:
        status, length = _STATUS.match(head), _LENGTH.search(head)
        if status is None or length is None:
            raise AnswerUnreadable(f"no HTTP/1.1 status or no Content-Length in {head[:200]!r}")
        self._status, self._missing = int(status[1]), int(length[1])
