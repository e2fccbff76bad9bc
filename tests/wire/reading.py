"""How the tests of the readers feed bytes and note down what comes out.

What a reader gives is written as a list in which a head is a line of text, a body is bytes (pieces
joined) and the last item says how it stopped: ``more``, ``closed``, or ``reason status`` for an
error.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.heads import CHUNKED, TO_CLOSE, RequestHead, ResponseHead
from lambdadispatch.wire.reader import (
    CLOSED,
    DEFAULT_LIMITS,
    NEED_MORE,
    End,
    Event,
    Limits,
    MessageReader,
)
from lambdadispatch.wire.request_reader import RequestReader
from lambdadispatch.wire.response_reader import ResponseReader

Notes = list[str | bytes]

MOST_EVENTS = 100_000


class Case(NamedTuple):
    """Bytes, the section that rules on them, and what a reader must make of them."""

    name: str
    section: str
    data: bytes
    expected: Notes


def ids(case: Case) -> str:
    return f"{case.name} ({case.section})"


def framing(body: int) -> str:
    return {CHUNKED: "chunked", TO_CLOSE: "to close"}.get(body, str(body))


def note(event: Event) -> str | bytes:
    """One event as the tables write it."""
    if isinstance(event, RequestHead):
        line = f"{event.method.decode()} {event.target.decode('latin-1')}"
        return f"{line} HTTP/1.{event.minor} {framing(event.body)}"
    if isinstance(event, ResponseHead):
        line = f"{event.status} {event.reason.decode('latin-1')}"
        return f"{line} HTTP/1.{event.minor} {framing(event.body)}"
    if isinstance(event, End):
        pairs = b",".join(b"%b=%b" % pair for pair in event.trailers).decode("latin-1")
        return f"end {pairs}".strip()
    if isinstance(event, bytes):
        assert event, "a piece of a body is never empty"
        return event
    return "closed" if event is CLOSED else "more"


def split(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def cut_at(data: bytes, places: Iterable[int]) -> list[bytes]:
    """``data`` cut at each place, whatever the order; no empty pieces."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def drain(reader: MessageReader, methods: Iterator[bytes], notes: Notes) -> bool:
    """Note events until the reader wants more or fails; whether it may be fed again."""
    for _ in range(MOST_EVENTS):
        try:
            event = reader.next_event()
        except RemoteProtocolError as error:
            notes.append(f"{error.reason} {error.status}")
            return False
        if event is NEED_MORE:
            return True
        if isinstance(event, End) and isinstance(reader, ResponseReader):
            method = next(methods, None)
            if method is not None:
                reader.expect(method)
        written = note(event)
        if isinstance(written, bytes) and notes and isinstance(notes[-1], bytes):
            notes[-1] += written
        else:
            notes.append(written)
        if event is CLOSED:
            return False
    raise AssertionError(f"the reader does not come to an end: {notes[-3:]}")


def read(
    reader: MessageReader,
    pieces: Iterable[bytes],
    *,
    eof: bool = False,
    methods: Sequence[bytes] = (),
) -> Notes:
    """Everything the reader gives for ``pieces``, each fed when it has no more to say."""
    asked = iter(methods)
    if isinstance(reader, ResponseReader) and methods:
        reader.expect(next(asked))
    notes: Notes = []
    for piece in pieces:
        reader.feed(piece)
        if not drain(reader, asked, notes):
            return notes
    if not eof:
        return [*notes, "more"]
    reader.feed_eof()
    if drain(reader, asked, notes):
        notes.append("more")
    return notes


def first_head(reader: MessageReader, data: bytes) -> RequestHead | ResponseHead:
    """The head that ``data`` begins with."""
    if isinstance(reader, ResponseReader):
        reader.expect(b"GET")
    reader.feed(data)
    head = reader.next_event()
    assert isinstance(head, RequestHead | ResponseHead)
    return head


def read_requests(
    pieces: Iterable[bytes], *, eof: bool = False, limits: Limits = DEFAULT_LIMITS
) -> Notes:
    return read(RequestReader(limits), pieces, eof=eof)


def read_responses(
    pieces: Iterable[bytes],
    *,
    eof: bool = False,
    methods: Sequence[bytes] = (b"GET",),
    limits: Limits = DEFAULT_LIMITS,
) -> Notes:
    return read(ResponseReader(limits), pieces, eof=eof, methods=methods)
