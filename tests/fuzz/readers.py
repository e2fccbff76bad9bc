"""What must hold of each reader for any bytes. Each function raises AssertionError if it does not.

The cuts into pieces follow from the bytes themselves, so a file of the corpus says all.
"""

from __future__ import annotations

import itertools
import json
import random
import zlib
from collections.abc import Iterator, Sequence

from lambdadispatch.wire.control import upgrade_request
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.heads import (
    BODILESS,
    CHUNKED,
    TO_CLOSE,
    RequestHead,
    ResponseHead,
    render_chunk,
    render_last_chunk,
    render_request,
    render_response,
)
from lambdadispatch.wire.payload import InvokeAnswer, InvokePayload, PayloadError
from lambdadispatch.wire.proof import CHANNEL, SESSION
from lambdadispatch.wire.reader import CLOSED, NEED_MORE, End, Event, Limits, MessageReader
from lambdadispatch.wire.request_reader import RequestReader
from lambdadispatch.wire.response_reader import ResponseReader
from lambdadispatch.wire.session import LINE_LIMIT, Message, SessionReader, encode_message
from lambdadispatch.wire.websocket import FrameScanner
from tests.fuzz import reference

LIMITS = Limits(head_octets=1024, fields=24)
METHODS = (b"GET", b"HEAD", b"GET", b"GET")
SMALL = 400
"""Up to so many octets are also given one by one."""

GOOD_PAYLOAD = {
    "lambdadispatch": 1,
    "pool": "web",
    "invocation": "v1",
    "instance": "i1",
    "callback": {"host": "10.0.0.1", "port": 5003, "tls": True, "certificate": None},
    "secret": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "channels": 2,
    "concurrency": 1,
    "idle": 0.25,
    "deadline_margin": 15,
    "ping": 2,
}

Events = list[RequestHead | ResponseHead | bytes | End | str]


def pieces_of(data: bytes) -> list[list[bytes]]:
    """The same bytes whole, in two different cuts and, if they are few, one by one."""
    chance = random.Random(zlib.crc32(data))
    ways = [[data]]
    for most in (3, 12):
        cuts = sorted({0, len(data), *(chance.randint(0, len(data)) for _ in range(most))})
        ways.append([data[start:end] for start, end in itertools.pairwise(cuts)])
    if len(data) <= SMALL:
        ways.append([data[at : at + 1] for at in range(len(data))])
    return ways


def read(reader: MessageReader, pieces: Sequence[bytes], methods: Iterator[bytes]) -> Events:
    """All events until the end of the bytes, pieces of bodies joined, an error as its reason."""
    events: Events = []
    if isinstance(reader, ResponseReader):
        reader.expect(next(methods))
    try:
        for piece in pieces:
            reader.feed(piece)
            if not _drain(reader, events, methods):
                return events
            held = reader.buffered
            assert held <= LIMITS.head_octets, f"the reader holds {held} octets"
        reader.feed_eof()
        _drain(reader, events, methods)
    except RemoteProtocolError as error:
        events.append(f"{error.reason} {error.status}")
    return events


def _drain(reader: MessageReader, events: Events, methods: Iterator[bytes]) -> bool:
    for _ in range(100_000):
        event: Event = reader.next_event()
        if event is NEED_MORE:
            return True
        if event is CLOSED:
            events.append("closed")
            return False
        assert isinstance(event, RequestHead | ResponseHead | bytes | End)
        if isinstance(event, bytes) and events and isinstance(events[-1], bytes):
            assert event, "a piece of a body is never empty"
            events[-1] += event
        else:
            events.append(event)
        if isinstance(event, End) and isinstance(reader, ResponseReader):
            reader.expect(next(methods))
    raise AssertionError("the reader does not come to an end")


def plain(events: Events) -> list[object]:
    """Events that can be compared."""
    shown: list[object] = []
    for event in events:
        if isinstance(event, RequestHead | ResponseHead):
            shown.append((*event[:3], event.fields.pairs, event.body))
        else:
            shown.append(event)
    return shown


def same_for_every_cut(make: type[MessageReader], data: bytes) -> Events:
    """The events, which must not depend on how the bytes arrive."""

    def methods() -> Iterator[bytes]:
        yield from METHODS
        while True:
            yield b"GET"

    first, *others = (read(make(LIMITS), pieces, methods()) for pieces in pieces_of(data))
    for other in others:
        assert plain(other) == plain(first)
    return first


def messages_of(events: Events) -> Iterator[tuple[RequestHead | ResponseHead, bytes, End]]:
    """The messages that are whole; interim responses are no messages of their own."""
    head, body = None, b""
    for event in events:
        if isinstance(event, RequestHead | ResponseHead):
            head, body = event, b""
        elif isinstance(event, bytes):
            body += event
        elif isinstance(event, End) and head is not None:
            yield head, body, event
            head = None


def requests(data: bytes) -> None:
    """RequestReader; what is accepted is written as a proxy does and read again as the same."""
    events = same_for_every_cut(RequestReader, data)
    for head, body, end in messages_of(events):
        assert isinstance(head, RequestHead)
        written = render_request(head)
        if head.body == CHUNKED:
            written += (render_chunk(body) if body else b"") + render_last_chunk(end.trailers)
        else:
            assert len(body) == head.body
            written += body
        if not head.fields.hosts:
            written = written.replace(b"\r\n", b"\r\nHost:\r\n", 1)
        check_same(head, body, end, read(RequestReader(Limits(4096)), [written], iter(())))
    reference.check_requests(data, list(messages_of(events)))


def check_same(head: RequestHead | ResponseHead, body: bytes, end: End, again: Events) -> None:
    first, *rest = again
    assert isinstance(first, RequestHead | ResponseHead), again
    assert first[:2] == head[:2]
    pairs = [pair for pair in first.fields.end_to_end if pair != (b"Host", b"")]
    expected = [pair for pair in head.fields.end_to_end if pair != (b"Host", b"")]
    framing = (b"Content-Length", b"0")
    assert [p for p in pairs if p != framing] == [p for p in expected if p != framing]
    assert rest == [*([body] if body else []), end, "closed"], rest


def responses(data: bytes) -> None:
    """ResponseReader; the same."""
    events = same_for_every_cut(ResponseReader, data)
    for (head, body, end), method in zip(messages_of(events), METHODS, strict=False):
        assert isinstance(head, ResponseHead)
        bodiless = method == b"HEAD" or head.status in BODILESS
        framing = CHUNKED if head.body == TO_CLOSE else head.body
        written = render_response(head, None if bodiless else framing)
        if not bodiless:
            chunk = render_chunk(body) if body else b""
            written += chunk + render_last_chunk(end.trailers) if framing == CHUNKED else body
        reader = ResponseReader(Limits(4096))
        again = read(reader, [written], iter([method, *METHODS]))
        if head.status != 204:
            check_same(head, body, end, again)
    reference.check_responses(data, list(messages_of(events)))


def session(data: bytes) -> None:
    """SessionReader."""
    results: list[tuple[list[Message], str]] = []
    for pieces in pieces_of(data):
        reader, messages, error = SessionReader(), [], ""
        try:
            for piece in pieces:
                for message in reader.feed(piece):
                    messages.append(message)
                assert reader.buffered <= LINE_LIMIT
        except RemoteProtocolError as failure:
            error = failure.reason
        results.append((messages, error))
    assert all(result == results[0] for result in results)
    for message in results[0][0]:
        try:
            line = encode_message(message)
        except ValueError:
            continue
        except Exception as failure:
            assert getattr(failure, "reason", "") == "bad_session_line"
            continue
        assert list(SessionReader().feed(line)) == [message]


def frames(data: bytes) -> None:
    """FrameScanner: the same boundaries for every cut, those that a plain reader finds."""
    ends = _frame_ends(data)
    for pieces in pieces_of(data):
        scanner, passed = FrameScanner(), 0
        for piece in pieces:
            # A second one stops at the first boundary of each piece, and finds the same.
            other = FrameScanner()
            other.follow(data[:passed])
            expected = min((end for end in ends if end >= passed), default=len(data)) - passed
            assert other.follow_to_boundary(piece) == min(expected, len(piece))
            scanner.follow(piece)
            passed += len(piece)
            assert scanner.at_boundary is (passed in ends)
    closes = [end for end in ends[:-1] if data[end : end + 1] and data[end] & 0x0F == 8]
    if closes and closes[0] != ends[-1]:
        scanner = FrameScanner()
        scanner.follow(data)
        assert scanner.closing


def _frame_ends(data: bytes) -> list[int]:
    """Where frames end, and the beginning (RFC 6455 section 5.2)."""
    ends, at = [0], 0
    while len(data) - at >= 2:
        length, at = data[at + 1] & 0x7F, at + 2 + (4 if data[at + 1] & 0x80 else 0)
        octets = {126: 2, 127: 8}.get(length, 0)
        begins = at - (4 if data[ends[-1] + 1] & 0x80 else 0)
        if octets:
            if len(data) < begins + octets:
                break
            length = int.from_bytes(data[begins : begins + octets], "big")
        at += octets + length
        if at > len(data):
            break
        ends.append(at)
    return ends


def payload(data: bytes) -> None:
    """The invoke payload and the answer; what is accepted can be used.

    ``key=value``, with a value in JSON, stands for a good payload with that one changed.
    """
    key, _, value = data.partition(b"=")
    place = key.decode("latin-1").split(".")
    if place[0] in GOOD_PAYLOAD:
        data = _changed(place, value)
    _payload(data)


def _changed(place: list[str], value: bytes) -> bytes:
    whole = json.loads(json.dumps(GOOD_PAYLOAD))
    part = whole["callback"] if place[0] == "callback" and len(place) > 1 else whole
    try:
        part[place[-1]] = json.loads(value)
    except (ValueError, RecursionError):
        part.pop(place[-1], None)
    return json.dumps(whole).encode()


def _payload(data: bytes) -> None:
    try:
        read = InvokePayload.decode(data)
    except PayloadError as error:
        assert len(str(error)) < 20_000
    else:
        assert InvokePayload.decode(read.encode()) == read
        for purpose in (CHANNEL, SESSION):
            upgrade_request(read.callback.host, read.instance, purpose, read.secret, "0" * 32)
        assert repr(read.secret) not in repr(read)
    try:
        answer = InvokeAnswer.decode(data)
    except PayloadError:
        return
    assert InvokeAnswer.decode(answer.encode()) == answer
