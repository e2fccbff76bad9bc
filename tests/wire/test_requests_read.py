"""Requests that are to be understood, each whole, byte by byte, and with another behind it."""

from __future__ import annotations

import pytest

from lambdadispatch.wire.heads import RequestHead
from lambdadispatch.wire.request_reader import RequestReader
from tests.wire.reading import Case, Notes, ids, read_requests, split

NEXT = b"GET /next HTTP/1.1\r\nHost: n\r\n\r\n"
NEXT_READ: Notes = ["GET /next HTTP/1.1 0", "end"]

CHUNKED_HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED_READ = "POST / HTTP/1.1 chunked"

CASES = [
    Case(
        "no body",
        "RFC 9112 6.3",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ["GET / HTTP/1.1 0", "end"],
    ),
    Case(
        "length",
        "RFC 9112 6.2",
        b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        ["POST /p HTTP/1.1 5", b"hello", "end"],
    ),
    Case(
        "length of zero",
        "RFC 9112 6.2",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        ["POST / HTTP/1.1 0", "end"],
    ),
    Case(
        "leading zeros",
        "RFC 9110 8.6",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 005\r\n\r\nhello",
        ["POST / HTTP/1.1 5", b"hello", "end"],
    ),
    Case(
        "a body of line ends",
        "RFC 9112 6.2",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n\r\n\r\n\r\n\r\n",
        ["POST / HTTP/1.1 8", b"\r\n\r\n\r\n\r\n", "end"],
    ),
    Case(
        "chunks",
        "RFC 9112 7.1",
        CHUNKED_HEAD + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
        [CHUNKED_READ, b"hello world", "end"],
    ),
    Case(
        "no chunks",
        "RFC 9112 7.1",
        CHUNKED_HEAD + b"0\r\n\r\n",
        [CHUNKED_READ, "end"],
    ),
    Case(
        "chunk sizes in either case, with zeros in front",
        "RFC 9112 7.1",
        CHUNKED_HEAD + b"00A\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n",
        [CHUNKED_READ, b"01234567890123456789", "end"],
    ),
    Case(
        "chunk extensions",
        "RFC 9112 7.1.1",
        CHUNKED_HEAD + b'3;a=b\r\nabc\r\n3 \t;c;d="e f"\r\ndef\r\n0;last\r\n\r\n',
        [CHUNKED_READ, b"abcdef", "end"],
    ),
    Case(
        "trailers",
        "RFC 9112 7.1.2",
        CHUNKED_HEAD + b"1\r\nx\r\n0\r\nDigest: abc\r\nX-Time:  7 \r\n\r\n",
        [CHUNKED_READ, b"x", "end Digest=abc,X-Time=7"],
    ),
    Case(
        "trailers that must not be taken are left out",
        "RFC 9110 6.5.1",
        CHUNKED_HEAD
        + b"0\r\nHost: b\r\nContent-Length: 9\r\nAuthorization: x\r\nCookie: c\r\nOk: 1\r\n"
        + b"Set-Cookie: c\r\nConnection: close\r\nTrailer: x\r\nTE: trailers\r\n\r\n",
        [CHUNKED_READ, "end Ok=1"],
    ),
    Case(
        "any case in Transfer-Encoding",
        "RFC 9112 7",
        b"POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding:\t CHUNKED \r\n\r\n0\r\n\r\n",
        [CHUNKED_READ, "end"],
    ),
    Case(
        "empty lines before a request",
        "RFC 9112 2.2",
        b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ["GET / HTTP/1.1 0", "end"],
    ),
    Case(
        "any method that is a token",
        "RFC 9110 9.1",
        b"M-SEARCH!~ / HTTP/1.1\r\nHost: a\r\n\r\n",
        ["M-SEARCH!~ / HTTP/1.1 0", "end"],
    ),
    Case(
        "a query and escapes stay as they are",
        "RFC 9112 3.2.1",
        b"GET //x/%2e%2E/?q=%20&\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
        ["GET //x/%2e%2E/?q=%20&\u00c3\u00a9 HTTP/1.1 0", "end"],
    ),
    Case(
        "OPTIONS *",
        "RFC 9112 3.2.4",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        ["OPTIONS * HTTP/1.1 0", "end"],
    ),
    Case(
        "absolute form",
        "RFC 9112 3.2.2",
        b"GET http://a:80/x?y HTTP/1.1\r\nHost: A:80\r\n\r\n",
        ["GET /x?y HTTP/1.1 0", "end"],
    ),
    Case(
        "absolute form without a path",
        "RFC 9112 3.2.2",
        b"GET HTTPS://a?y HTTP/1.1\r\nHost: a\r\n\r\n",
        ["GET /?y HTTP/1.1 0", "end"],
    ),
    Case(
        "absolute form of OPTIONS *",
        "RFC 9112 3.2.4",
        b"OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n",
        ["OPTIONS * HTTP/1.1 0", "end"],
    ),
    Case(
        "an empty Host",
        "RFC 9112 3.2",
        b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
        ["GET / HTTP/1.1 0", "end"],
    ),
    Case(
        "a Host in brackets with a port",
        "RFC 9110 7.2",
        b"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
        ["GET / HTTP/1.1 0", "end"],
    ),
    Case(
        "HTTP/1.0 without Host",
        "RFC 9112 3.2",
        b"GET / HTTP/1.0\r\n\r\n",
        ["GET / HTTP/1.0 0", "end"],
    ),
    Case(
        "HTTP/1.0 with a length",
        "RFC 9112 6.2",
        b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nok",
        ["POST / HTTP/1.0 2", b"ok", "end"],
    ),
    Case(
        "values with tabs and octets above 127",
        "RFC 9110 5.5",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \ta\tb\xff \r\nEmpty:\r\n\r\n",
        ["GET / HTTP/1.1 0", "end"],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=ids)
@pytest.mark.parametrize("size", [1, 2, 3, 1 << 20])
def test_request_in_pieces(case: Case, size: int) -> None:
    assert read_requests(split(case.data, size)) == [*case.expected, "more"]


@pytest.mark.parametrize("case", CASES, ids=ids)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_request_with_another_behind_it(case: Case, size: int) -> None:
    pieces = split(case.data + NEXT, size)
    assert read_requests(pieces, eof=True) == [*case.expected, *NEXT_READ, "closed"]


def is_part(notes: Notes, whole: Notes) -> bool:
    """Whether ``notes`` are how ``whole`` begins, the last body perhaps not complete."""
    *sure, last = [*notes, b""] if not notes or isinstance(notes[-1], str) else notes
    rest = whole[len(sure) :]
    assert isinstance(last, bytes)
    in_body = bool(rest) and isinstance(rest[0], bytes) and rest[0].startswith(last)
    return whole[: len(sure)] == sure and (in_body or not last)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_request_cut_short_anywhere(case: Case) -> None:
    for length in range(1, len(case.data)):
        part = case.data[:length]
        *notes, last = read_requests([NEXT + part], eof=True)
        assert notes[:2] == NEXT_READ
        assert is_part(notes[2:], case.expected)
        nothing_begun = part.replace(b"\r\n", b"") == b""
        assert last == ("closed" if nothing_begun else "cut_short 400")


def test_nothing_at_all_is_a_clean_end() -> None:
    assert read_requests([], eof=True) == ["closed"]
    assert read_requests([b"\r\n"], eof=True) == ["closed"]
    assert read_requests([b"\r"], eof=True) == ["cut_short 400"]


def test_a_pipelined_request_stays_until_it_is_asked_for() -> None:
    reader = RequestReader()
    reader.feed(NEXT + NEXT)
    head = reader.next_event()
    assert isinstance(head, RequestHead)
    assert reader.buffered == len(NEXT)
    reader.next_event()
    assert reader.take_rest() == NEXT
    assert reader.buffered == 0


@pytest.mark.parametrize(
    ("line", "connection", "kept"),
    [
        (b"GET / HTTP/1.1", b"", True),
        (b"GET / HTTP/1.1", b"Connection: close\r\n", False),
        (b"GET / HTTP/1.1", b"Connection: x, CLOSE\r\n", False),
        (b"GET / HTTP/1.1", b"Connection: keep-alive\r\nConnection: close\r\n", False),
        (b"GET / HTTP/1.0", b"", False),
        (b"GET / HTTP/1.0", b"Connection: Keep-Alive\r\n", True),
        (b"GET / HTTP/1.0", b"Connection: keep-alive, close\r\n", False),
    ],
)
def test_persistence(line: bytes, connection: bytes, kept: bool) -> None:
    """RFC 9112 section 9.3."""
    reader = RequestReader()
    reader.feed(line + b"\r\nHost: a\r\n" + connection + b"\r\n")
    head = reader.next_event()
    assert isinstance(head, RequestHead)
    assert head.keep_alive is kept


def test_a_short_head_behind_long_trailers_that_came_in_pieces() -> None:
    trailers = b"0\r\nX: " + b"x" * 100
    notes = read_requests([CHUNKED_HEAD, trailers, b"\r\n\r\n" + NEXT])
    assert notes == [CHUNKED_READ, f"end X={'x' * 100}", *NEXT_READ, "more"]
