"""Lines of an environment's output, and the lines Lambda itself adds per invocation."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from lambdadispatch.local.names import LATEST

LogWriter = Callable[[str, str], None]
"""Takes an environment's id (``env-3``) and one line without its end."""

TAIL_BYTES = 4096
MAX_LINE = 64 * 1024  # bytes


class LineSplitter:
    """Cuts a byte stream into lines of text; undecodable bytes become U+FFFD.

    A line of more than ``longest`` bytes is passed on in pieces.
    """

    def __init__(self, received: Callable[[str], None], longest: int = MAX_LINE) -> None:
        self._received = received
        self._longest = longest
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes; complete lines are passed on at once."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._pass_on(line)
        while len(self._rest) > self._longest:
            piece, self._rest = self._rest[: self._longest], self._rest[self._longest :]
            self._pass_on(piece)

    def finish(self) -> None:
        """Pass on what is left when the stream ended without a line end."""
        if self._rest:
            rest, self._rest = self._rest, b""
            self._pass_on(rest)

    def _pass_on(self, line: bytes) -> None:
        self._received(line.removesuffix(b"\r").decode("utf-8", "replace"))


class LogTail:
    """The last 4 KB of an invocation's log, whatever its length."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._size = 0

    def add(self, line: str) -> None:
        """Add one line, given without its end."""
        data = line.encode() + b"\n"
        self._lines.append(data)
        self._size += len(data)
        while self._size - len(self._lines[0]) >= TAIL_BYTES:
            self._size -= len(self._lines.popleft())

    def value(self) -> bytes:
        """Return at most TAIL_BYTES bytes, from the end."""
        return b"".join(self._lines)[-TAIL_BYTES:]


def start_line(request_id: str) -> str:
    """The line before an invocation."""
    return f"START RequestId: {request_id} Version: {LATEST}"


def end_line(request_id: str) -> str:
    """The line after an invocation."""
    return f"END RequestId: {request_id}"


def report_line(
    request_id: str,
    duration: float,
    memory_mb: int,
    init_duration: float | None,
    status: str | None = None,
) -> str:
    """The line with the figures of an invocation; durations in seconds, written in ms.

    ``init_duration`` is None on a warm environment; on a cold one it is billed too, as AWS does
    since August 2025. ``status`` is ``timeout`` or ``error`` when the environment was lost.
    """
    billed = math.ceil((duration + (init_duration or 0.0)) * 1000)
    fields = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {duration * 1000:.2f} ms",
        f"Billed Duration: {billed} ms",
        f"Memory Size: {memory_mb} MB",
    ]
    if init_duration is not None:
        fields.append(f"Init Duration: {init_duration * 1000:.2f} ms")
    if status is not None:
        fields.append(f"Status: {status}")
    return "\t".join(fields)
