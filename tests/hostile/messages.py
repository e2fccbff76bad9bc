"""An HTTP/1.1 splitter of the tests' own, which shares no line with the code under test.

It reads what the router has written, so it is strict: whatever is not as RFC 9112 says a sender
must write it fails the test. Chunked bodies are written as one chunk, because where chunks begin
follows from how the bytes happened to arrive; all else stays as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

SIZE = re.compile(rb"[0-9a-fA-F]+")
LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+: ?[^\x00-\x08\x0a-\x1f\x7f]*")


class Message(NamedTuple):
    """One message, or the part that came. ``raw`` is it in the one form of the tests."""

    raw: bytes
    whole: bool
    used: int


def field_lines(head: bytes) -> list[tuple[bytes, bytes]]:
    """The fields of a head that ends in an empty line, names in lower case."""
    lines = head[:-4].split(b"\r\n")[1:]
    for line in lines:
        assert LINE.fullmatch(line), f"the router wrote the line {line!r}"
    return [
        (name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)
    ]


def without(head: bytes, names: frozenset[bytes]) -> bytes:
    """A head without the fields of these names."""
    first, *lines = head[:-4].split(b"\r\n")
    kept = [line for line in lines if line.partition(b":")[0].lower() not in names]
    return b"\r\n".join([first, *kept, b"", b""])


def take(data: bytes, bodiless: bool = False, added: frozenset[bytes] = frozenset()) -> Message:
    """The first message in ``data``. ``bodiless``: it has no body whatever its fields say."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return Message(data, False, len(data))
    head, rest = data[: end + 4], data[end + 4 :]
    fields = field_lines(head)
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    assert len(lengths) + len(codings) <= 1, f"the router wrote two framings: {head!r}"
    shown = without(head, added)
    if bodiless or not (lengths or codings):
        return Message(shown, True, len(head))
    if lengths:
        assert lengths[0].isdigit(), head
        length = int(lengths[0])
        body = rest[:length]
        return Message(shown + body, len(body) == length, len(head) + len(body))
    assert [coding.lower() for coding in codings] == [b"chunked"], head
    return _chunked(shown, len(head), rest)


def _chunked(shown: bytes, used: int, rest: bytes) -> Message:
    data, at = b"", 0
    while True:
        line, found, _ = rest[at:].partition(b"\r\n")
        if not found:
            return Message(shown + data, False, used + len(rest))
        assert SIZE.fullmatch(line), f"the router wrote the chunk size {line!r}"
        size, at = int(line, 16), at + len(line) + 2
        if not size:
            break
        piece = rest[at : at + size]
        data += piece
        if len(rest) < at + size + 2:
            return Message(shown + data, False, used + len(rest))
        assert rest[at + size : at + size + 2] == b"\r\n", "a chunk does not end in CRLF"
        at += size + 2
    end = at if rest.startswith(b"\r\n", at) else rest.find(b"\r\n\r\n", at) + 2
    if end < at or not rest.startswith(b"\r\n", end):
        return Message(shown + data, False, used + len(rest))
    if end > at:
        field_lines(b"\r\n" + rest[at:end] + b"\r\n")
    chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    return Message(shown + chunk + b"0\r\n" + rest[at : end + 2], True, used + end + 2)


def split(data: bytes, bodiless: Iterator[bool] | None = None) -> list[Message]:
    """All messages in ``data``; the last may not be whole."""
    messages = []
    while data:
        message = take(data, next(bodiless, False) if bodiless else False)
        messages.append(message)
        data = data[message.used :]
    return messages
