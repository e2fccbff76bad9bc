"""Responses: what is understood, and what is refused with 502; each whole and in pieces."""

from __future__ import annotations

import pytest

from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.heads import ResponseHead
from lambdadispatch.wire.reader import END
from lambdadispatch.wire.response_reader import ResponseReader
from tests.wire.reading import Case, Notes, ids, read_responses, split

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OK_READ: Notes = ["200 OK HTTP/1.1 2", b"ok", "end"]

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED_READ = "200 OK HTTP/1.1 chunked"

COMPLETE = [
    Case("length", "RFC 9112 6.2", OK, OK_READ),
    Case(
        "length of zero",
        "RFC 9112 6.2",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        ["404 Not Found HTTP/1.1 0", "end"],
    ),
    Case(
        "chunks and trailers",
        "RFC 9112 7.1",
        CHUNKED + b"2;x\r\nab\r\n1\r\nc\r\n0\r\nA: b\r\nSet-Cookie: no\r\n\r\n",
        [CHUNKED_READ, b"abc", "end A=b"],
    ),
    Case(
        "no content",
        "RFC 9112 6.3 (1)",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
        ["204 No Content HTTP/1.1 0", "end"],
    ),
    Case(
        "not modified, with the length of what was not sent",
        "RFC 9112 6.3 (1)",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        ["304 Not Modified HTTP/1.1 0", "end"],
    ),
    Case(
        "not modified, chunked",
        "RFC 9112 6.3 (1)",
        b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
        ["304 Not Modified HTTP/1.1 0", "end"],
    ),
    Case(
        "interim responses first",
        "RFC 9110 15.2",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK,
        ["100 Continue HTTP/1.1 0", "103 Early Hints HTTP/1.1 0", *OK_READ],
    ),
    Case(
        "an interim response with a length has no body all the same",
        "RFC 9112 6.3 (1)",
        b"HTTP/1.1 102 Processing\r\nContent-Length: 9\r\n\r\n" + OK,
        ["102 Processing HTTP/1.1 0", *OK_READ],
    ),
    Case(
        "no reason phrase",
        "RFC 9112 4",
        b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
        ["200  HTTP/1.1 0", "end"],
    ),
    Case(
        "no space for a reason phrase either",
        "RFC 9112 4",
        b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        ["200  HTTP/1.1 0", "end"],
    ),
    Case(
        "a reason phrase of any text",
        "RFC 9112 4",
        b"HTTP/1.1 299 \tall \xe9 right\r\nContent-Length: 0\r\n\r\n",
        ["299 \tall \u00e9 right HTTP/1.1 0", "end"],
    ),
    Case(
        "HTTP/1.0 with a length",
        "RFC 9112 6.2",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ["200 OK HTTP/1.0 2", b"ok", "end"],
    ),
]


@pytest.mark.parametrize("case", COMPLETE, ids=ids)
@pytest.mark.parametrize("size", [1, 2, 3, 1 << 20])
def test_response_in_pieces(case: Case, size: int) -> None:
    assert read_responses(split(case.data, size)) == [*case.expected, "more"]
    assert read_responses(split(case.data, size), eof=True) == [*case.expected, "closed"]


@pytest.mark.parametrize("case", COMPLETE, ids=ids)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_two_responses_to_two_requests(case: Case, size: int) -> None:
    pieces = split(case.data + OK, size)
    notes = read_responses(pieces, eof=True, methods=[b"GET", b"PUT"])
    assert notes == [*case.expected, *OK_READ, "closed"]


@pytest.mark.parametrize("case", COMPLETE, ids=ids)
@pytest.mark.parametrize("behind", [OK, b"x", b"\r", b"\n", b"\r\nHTTP/1.1 200 OK\r\n\r\n"])
def test_bytes_behind_the_last_response_are_unasked(case: Case, behind: bytes) -> None:
    """At the first of them: a next request must not get them for its answer."""
    for size in (1, 1 << 20):
        notes = read_responses(split(case.data + behind, size))
        assert notes == [*case.expected, "unasked 502"]


@pytest.mark.parametrize("data", [OK, b"H", b"HTTP/1.1 100 Continue\r\n\r\n", b"\r\n"])
def test_bytes_before_any_request_are_unasked(data: bytes) -> None:
    for size in (1, 1 << 20):
        assert read_responses(split(data, size), methods=()) == ["unasked 502"]


@pytest.mark.parametrize("case", COMPLETE, ids=ids)
def test_response_cut_short_anywhere(case: Case) -> None:
    for length in range(1, len(case.data)):
        *notes, last = read_responses([case.data[:length]], eof=True)
        between_heads = case.data[:length].endswith(b"\r\n\r\n") and "end" not in notes
        interim = bool(notes) and all(str(each).startswith("1") for each in notes)
        if interim and between_heads:
            assert last == "closed"
        else:
            assert last == "cut_short 502"
        assert "end" not in notes


def test_a_server_that_closes_at_once() -> None:
    assert read_responses([], eof=True) == ["closed"]


TO_CLOSE = b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n"


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
@pytest.mark.parametrize("body", [b"", b"x", b"HTTP/1.1 200 OK\r\n\r\n"])
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_body_that_lasts_until_the_end(version: bytes, body: bytes, size: int) -> None:
    """RFC 9112 section 6.3 (8)."""
    data = version + b" 200 OK\r\nX: y\r\n\r\n" + body
    head = f"200 OK {version.decode()} to close"
    read = [head, *([body] if body else [])]
    assert read_responses(split(data, size)) == [*read, "more"]
    assert read_responses(split(data, size), eof=True) == [*read, "end", "closed"]


HEAD_RESPONSES = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "200 OK HTTP/1.1 0"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 OK HTTP/1.1 0"),
    (b"HTTP/1.1 200 OK\r\n\r\n", "200 OK HTTP/1.1 0"),
    (b"HTTP/1.1 500 No\r\nContent-Length: 7\r\n\r\n", "500 No HTTP/1.1 0"),
]


@pytest.mark.parametrize(("data", "head"), HEAD_RESPONSES)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_answers_to_head_have_no_body(data: bytes, head: str, size: int) -> None:
    """RFC 9112 section 6.3 (1)."""
    notes = read_responses(split(data + OK, size), methods=[b"HEAD", b"GET"])
    assert notes == [head, "end", *OK_READ, "more"]


def test_the_declared_length_of_an_answer_to_head_is_kept_as_a_field() -> None:
    reader = ResponseReader()
    reader.expect(b"HEAD")
    reader.feed(HEAD_RESPONSES[0][0])
    head = reader.next_event()
    assert isinstance(head, ResponseHead)
    assert (head.body, head.fields.content_length) == (0, 1000)
    assert reader.next_event() is END


REFUSED = [
    Case(name, section, data, [*before, f"{reason} 502"])
    for name, section, reason, data, before in [
        ("HTTP/2", "RFC 9112 4", "bad_status_line", b"HTTP/2 200 OK\r\n\r\n", []),
        ("status of two digits", "RFC 9112 4", "bad_status_line", b"HTTP/1.1 20 OK\r\n\r\n", []),
        ("status of four digits", "RFC 9112 4", "bad_status_line", b"HTTP/1.1 2000\r\n\r\n", []),
        ("status 600", "RFC 9110 15", "bad_status_line", b"HTTP/1.1 600 No\r\n\r\n", []),
        ("status 099", "RFC 9110 15", "bad_status_line", b"HTTP/1.1 099 No\r\n\r\n", []),
        ("two spaces", "RFC 9112 4", "bad_status_line", b"HTTP/1.1  200 OK\r\n\r\n", []),
        ("a NUL", "RFC 9112 4", "bad_status_line", b"HTTP/1.1 200 O\x00K\r\n\r\n", []),
        ("a request", "RFC 9112 4", "bad_status_line", b"GET / HTTP/1.1\r\n\r\n", []),
        ("a bare LF", "RFC 9112 2.2", "bare_lf", b"HTTP/1.1 200 OK\nA: b\r\n\r\n", []),
        ("a folded line", "RFC 9112 5.2", "bad_field", OK[:17] + b"A: b\r\n c\r\n\r\n", []),
        (
            "two lengths",
            "RFC 9112 6.3 (5)",
            "bad_content_length",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            [],
        ),
        (
            "length and chunked",
            "RFC 9112 6.1",
            "length_and_chunked",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            [],
        ),
        (
            "a coding not spoken here",
            "RFC 9112 6.1",
            "bad_transfer_encoding",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            [],
        ),
        (
            "chunked in HTTP/1.0",
            "RFC 9112 6.1",
            "bad_transfer_encoding",
            b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            [],
        ),
        ("a bad size", "RFC 9112 7.1", "bad_chunk", CHUNKED + b"0x1\r\n", [CHUNKED_READ]),
        (
            "a bad size behind data",
            "RFC 9112 7.1",
            "bad_chunk",
            CHUNKED + b"1\r\nx\r\n-1\r\n",
            [CHUNKED_READ, b"x"],
        ),
        (
            "a bad trailer",
            "RFC 9112 7.1.2",
            "bad_field",
            CHUNKED + b"0\r\nno colon\r\n\r\n",
            [CHUNKED_READ],
        ),
    ]
]


@pytest.mark.parametrize("case", REFUSED, ids=ids)
def test_response_refused_in_any_pieces(case: Case) -> None:
    for size in (1, 2, 7, 1 << 20):
        assert read_responses(split(case.data, size)) == case.expected
        assert read_responses(split(case.data + OK, size)) == case.expected


def test_after_an_error_the_same_error() -> None:
    reader = ResponseReader()
    reader.feed(b"x")
    with pytest.raises(RemoteProtocolError) as first:
        reader.next_event()
    reader.expect(b"GET")
    reader.feed(OK)
    with pytest.raises(RemoteProtocolError) as again:
        reader.next_event()
    assert again.value is first.value


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (OK, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", True),
        (TO_CLOSE, False),
        (CHUNKED, True),
    ],
)
def test_persistence(data: bytes, kept: bool) -> None:
    """RFC 9112 section 9.3."""
    reader = ResponseReader()
    reader.expect(b"GET")
    reader.feed(data)
    head = reader.next_event()
    assert isinstance(head, ResponseHead)
    assert head.keep_alive is kept
    assert not head.interim
