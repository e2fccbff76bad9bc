"""What holds for every stream of bytes, however it is cut into pieces."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lambdadispatch.wire.heads import (
    CHUNKED,
    RequestHead,
    ResponseHead,
    render_chunk,
    render_last_chunk,
    render_own,
    render_request,
    render_response,
    request,
    response,
)
from lambdadispatch.wire.request_reader import RequestReader
from lambdadispatch.wire.response_reader import ResponseReader
from tests.wire.reading import Notes, cut_at, first_head, note, read_requests, read_responses

TOKENS = st.from_regex(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}", fullmatch=True)
VALUES = st.from_regex(rb"[^\x00-\x08\x0a-\x1f\x7f]{0,20}", fullmatch=True).map(
    lambda value: value.strip(b" \t")
)
PAIRS = st.lists(st.tuples(TOKENS.map(lambda name: b"X-" + name), VALUES), max_size=5).map(tuple)
TARGETS = st.from_regex(rb"/[^\x00-\x20#\x7f]{0,12}", fullmatch=True)
METHODS = st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"PATCH"])
BODIES = st.lists(st.binary(min_size=1, max_size=30), max_size=4)
PLACES = st.lists(st.integers(0, 1 << 16), max_size=12)
HOST = ((b"Host", b"a"),)


def framed(pieces: list[bytes], chunked: bool, trailers: Any) -> tuple[bytes, str, bytes, str]:
    """A body on the wire, and what is to be read: framing, data and end."""
    data = b"".join(pieces)
    if not chunked:
        return data, str(len(data)), data, "end"
    wire = b"".join(map(render_chunk, pieces)) + render_last_chunk(trailers)
    pairs = b",".join(b"%b=%b" % pair for pair in trailers).decode("latin-1")
    return wire, "chunked", data, f"end {pairs}".strip()


@st.composite
def requests(draw: Any) -> tuple[bytes, Notes]:
    """A request as a proxy writes it, and the notes a reader must make of it."""
    method, target, pairs = draw(METHODS), draw(TARGETS), draw(PAIRS)
    pieces, trailers = draw(BODIES), draw(PAIRS)
    chunked = draw(st.booleans())
    wire, framing, data, end = framed(pieces, chunked, trailers)
    head = request(method, target, HOST + pairs, CHUNKED if chunked else len(data))
    line = f"{method.decode()} {target.decode('latin-1')} HTTP/1.1 {framing}"
    return render_request(head) + wire, [line, *([data] if data else []), end]


@st.composite
def responses(draw: Any) -> tuple[bytes, Notes]:
    """The same for a response."""
    pairs, pieces, trailers = draw(PAIRS), draw(BODIES), draw(PAIRS)
    chunked = draw(st.booleans())
    wire, framing, data, end = framed(pieces, chunked, trailers)
    head = response(200, pairs, CHUNKED if chunked else len(data))
    written = render_response(head, head.body)
    return written + wire, [f"200 OK HTTP/1.1 {framing}", *([data] if data else []), end]


@settings(max_examples=60)
@given(st.lists(requests(), min_size=1, max_size=4), PLACES)
def test_requests_are_read_the_same_in_any_pieces(
    messages: list[tuple[bytes, Notes]], places: list[int]
) -> None:
    stream = b"".join(data for data, _ in messages)
    expected = [note for _, notes in messages for note in notes]
    assert read_requests(cut_at(stream, places), eof=True) == [*expected, "closed"]


@settings(max_examples=60)
@given(st.lists(responses(), min_size=1, max_size=4), PLACES)
def test_responses_are_read_the_same_in_any_pieces(
    messages: list[tuple[bytes, Notes]], places: list[int]
) -> None:
    stream = b"".join(data for data, _ in messages)
    expected = [note for _, notes in messages for note in notes]
    methods = [b"GET"] * len(messages)
    notes = read_responses(cut_at(stream, places), eof=True, methods=methods)
    assert notes == [*expected, "closed"]


DAMAGE = st.lists(
    st.tuples(
        st.integers(0, 1 << 16),
        st.sampled_from([b"", b"\r", b"\n", b"\r\n", b"\x00", b" ", b"\t", b":", b"0", b"g", b";"]),
        st.integers(0, 3),
    ),
    max_size=3,
)


def damaged(stream: bytes, damage: list[tuple[int, bytes, int]]) -> bytes:
    """``stream`` with some octets replaced by others."""
    for place, octets, removed in damage:
        at = place % (len(stream) + 1)
        stream = stream[:at] + octets + stream[at + removed :]
    return stream


@settings(max_examples=60)
@given(st.lists(requests(), min_size=1, max_size=3), DAMAGE, PLACES, st.booleans())
def test_damaged_requests_are_read_the_same_in_any_pieces(
    messages: list[tuple[bytes, Notes]],
    damage: list[tuple[int, bytes, int]],
    places: list[int],
    eof: bool,
) -> None:
    stream = damaged(b"".join(data for data, _ in messages), damage)
    whole = read_requests([stream], eof=eof)
    assert read_requests(cut_at(stream, places), eof=eof) == whole
    assert read_requests(cut_at(stream, range(len(stream))), eof=eof) == whole


@settings(max_examples=60)
@given(st.lists(responses(), min_size=1, max_size=3), DAMAGE, PLACES, st.booleans())
def test_damaged_responses_are_read_the_same_in_any_pieces(
    messages: list[tuple[bytes, Notes]],
    damage: list[tuple[int, bytes, int]],
    places: list[int],
    eof: bool,
) -> None:
    stream = damaged(b"".join(data for data, _ in messages), damage)
    methods = [b"GET", b"HEAD", b"GET"]
    whole = read_responses([stream], eof=eof, methods=methods)
    assert read_responses(cut_at(stream, places), eof=eof, methods=methods) == whole


@settings(max_examples=60)
@given(st.lists(st.tuples(responses(), st.booleans()), min_size=1, max_size=4))
def test_heads_that_are_remembered_change_nothing(
    messages: list[tuple[tuple[bytes, Notes], bool]],
) -> None:
    """The same octets answer GET and HEAD differently, however often they come."""
    for (data, expected), is_head in messages * 2:
        notes = read_responses([data], methods=[b"HEAD" if is_head else b"GET"])
        if is_head:
            assert str(notes[0]).endswith("HTTP/1.1 0")
            assert notes[1] == "end"
        else:
            assert notes == [*expected, "more"]


@given(requests(), DAMAGE)
@example((b"\r\n\r\n", []), [])
@example((b"abc", []), [])
def test_a_request_taken_whole_is_what_reading_it_gives(
    message: tuple[bytes, Notes], damage: list[tuple[int, bytes, int]]
) -> None:
    data = damaged(message[0], damage)
    notes = read_requests([data])
    head = RequestReader().whole(data)
    if head is not None:
        assert notes == [note(head), "end", "more"]
    elif data == message[0] and notes != ["more"]:
        assert not str(notes[0]).endswith("HTTP/1.1 0")


@given(responses(), DAMAGE, st.sampled_from([b"GET", b"HEAD"]))
@example((b"HTTP/1.1 100 Continue\r\n\r\n", []), [], b"GET")
@example((b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", []), [], b"GET")
@example((b"HTTP/1.1 200 OK\r\n\r\nto close", []), [], b"GET")
def test_a_response_taken_whole_is_what_reading_it_gives(
    message: tuple[bytes, Notes], damage: list[tuple[int, bytes, int]], method: bytes
) -> None:
    data = damaged(message[0], damage)
    notes = read_responses([data], methods=[method])
    reader = ResponseReader()
    assert reader.whole(data) is None
    reader.expect(method)
    whole = reader.whole(data)
    if whole is not None:
        head, body = whole
        assert notes == [note(head), *([body] if body else []), "end", "more"]
        assert reader.whole(data) is None


def test_nothing_is_taken_whole_behind_something_else() -> None:
    data = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    reader = RequestReader()
    assert reader.whole(data) is not None
    reader.feed(b"GET / HTTP/1.1\r\nX: ")
    assert reader.whole(data) is None


SCRAPS = st.lists(
    st.one_of(
        st.binary(max_size=8),
        st.sampled_from(
            [
                b"GET / HTTP/1.1\r\n",
                b"HTTP/1.1 200 OK\r\n",
                b"HTTP/1.1 100 Continue\r\n\r\n",
                b"Host: a\r\n",
                b"Content-Length: 3\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"\r\n",
                b"\r\n\r\n",
                b"3\r\nabc\r\n",
                b"0\r\n",
            ]
        ),
    ),
    max_size=12,
)


@settings(max_examples=200)
@given(SCRAPS, st.booleans())
@example([b"\r\n\r\n\r\n"], True)
def test_no_bytes_make_a_reader_fail_otherwise_or_go_round(scraps: list[bytes], eof: bool) -> None:
    """``read`` lets RemoteProtocolError alone pass and bounds the number of events."""
    for notes in (
        read_requests(scraps, eof=eof),
        read_responses(scraps, eof=eof, methods=[b"GET", b"HEAD", b"GET"]),
    ):
        stop = notes[-1]
        assert isinstance(stop, str)
        assert stop in {"more", "closed"} or stop.rsplit(" ", 1)[1].isdigit()
        assert eof is False or stop != "more"


@given(METHODS, TARGETS, PAIRS)
def test_a_request_written_and_read_again(
    method: bytes, target: bytes, pairs: tuple[tuple[bytes, bytes], ...]
) -> None:
    written = request(method, target, HOST + pairs)
    own = first_head(RequestReader(), render_own(written))
    passed_on = first_head(RequestReader(), render_request(written, b"Via: x\r\n"))
    for head in (own, passed_on):
        assert isinstance(head, RequestHead)
        assert (head.method, head.target, head.minor, head.body) == (method, target, 1, 0)
    assert own.fields.pairs == HOST + pairs
    assert passed_on.fields.pairs == HOST + pairs + ((b"Via", b"x"),)


@given(st.integers(200, 599), PAIRS)
def test_a_response_written_and_read_again(
    status: int, pairs: tuple[tuple[bytes, bytes], ...]
) -> None:
    written = response(status, pairs, 0)
    bodiless = status in {204, 304}
    head = first_head(ResponseReader(), render_response(written, None if bodiless else 0))
    assert isinstance(head, ResponseHead)
    assert (head.status, head.reason, head.body) == (status, written.reason, 0)
    assert head.fields.pairs == pairs + (() if bodiless else ((b"Content-Length", b"0"),))
