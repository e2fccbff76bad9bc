"""Requests that must not be understood: above all those that two readers could take differently.

Each is given whole, byte by byte, and with a good request behind it, which must never be read.
"""

from __future__ import annotations

import pytest

from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.request_reader import RequestReader
from tests.wire.reading import Case, Notes, ids, read_requests, split

GOOD = b"GET /next HTTP/1.1\r\nHost: n\r\n\r\n"

CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED_READ = "POST / HTTP/1.1 chunked"


def with_line(line: bytes) -> bytes:
    """A request with one more header line, as it stands."""
    return b"POST / HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n"


def refused(reason: str, section: str, status: int, lines: dict[str, bytes]) -> list[Case]:
    return [
        Case(name, section, with_line(line), [f"{reason} {status}"]) for name, line in lines.items()
    ]


LENGTHS = refused(
    "bad_content_length",
    "RFC 9112 6.3 (5)",
    400,
    {
        "length twice, the same": b"Content-Length: 5\r\nContent-Length: 5",
        "length twice, differing": b"Content-Length: 5\r\nContent-Length: 6",
        "length as a list": b"Content-Length: 5, 5",
        "length with a plus": b"Content-Length: +5",
        "length with a minus": b"Content-Length: -5",
        "length with a space within": b"Content-Length: 1 5",
        "length in hexadecimal": b"Content-Length: 0x5",
        "length with an underscore": b"Content-Length: 1_0",
        "length in other digits": "Content-Length: ５".encode(),
        "length with a fraction": b"Content-Length: 5.0",
        "empty length": b"Content-Length: ",
        "length of 19 digits": b"Content-Length: 1000000000000000000",
    },
)

BOTH = refused(
    "length_and_chunked",
    "RFC 9112 6.1",
    400,
    {
        "length, then chunked": b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        "chunked, then length": b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        "chunked and a length of zero": b"Transfer-Encoding: chunked\r\nContent-Length: 0",
    },
)

CODINGS = refused(
    "bad_transfer_encoding",
    "RFC 9112 6.1",
    400,
    {
        "chunked twice": b"Transfer-Encoding: chunked, chunked",
        "chunked in two fields": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "gzip before chunked": b"Transfer-Encoding: gzip, chunked",
        "chunked not last": b"Transfer-Encoding: chunked, identity",
        "chunked with a parameter": b"Transfer-Encoding: chunked;x=y",
        "chunked in quotes": b'Transfer-Encoding: "chunked"',
        "empty coding": b"Transfer-Encoding:",
        "empty element": b"Transfer-Encoding: ,chunked",
    },
) + refused(
    "bad_transfer_encoding",
    "RFC 9112 6.1",
    501,
    {
        "gzip alone": b"Transfer-Encoding: gzip",
        "identity": b"Transfer-Encoding: identity",
        "almost chunked": b"Transfer-Encoding: xchunked",
        "identity, then chunked": b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    },
)

FIELDS = refused(
    "bad_field",
    "RFC 9112 5",
    400,
    {
        "space before the colon": b"Transfer-Encoding : chunked",
        "tab before the colon": b"Content-Length\t: 5",
        "space before the name": b" Content-Length: 5",
        "folded line": b"X: a\r\n b",
        "folded with a tab": b"Transfer-Encoding:\r\n\tchunked",
        "no colon": b"Content-Length",
        "no name": b": 5",
        "empty value then a bare CR": b"X: a\rContent-Length: 5",
        "CR CR": b"X: a\r",
        "NUL in a value": b"X: a\x00b",
        "NUL in a name": b"X\x00: b",
        "vertical tab": b"X: a\x0bb",
        "DEL": b"X: a\x7fb",
        "slash in a name": b"X/Y: b",
        "octet above 127 in a name": b"Content-Length\xa0: 5",
        "many spaces, then a control": b"X:" + b" " * 60000 + b"\x00",
    },
)

HOSTS = refused(
    "bad_host",
    "RFC 9112 3.2",
    400,
    {
        "two hosts": b"Host: b",
        "the same host twice": b"Host: a",
    },
)


def from_start(reason: str, section: str, starts: dict[str, bytes]) -> list[Case]:
    return [Case(name, section, data, [reason]) for name, data in starts.items()]


MORE_HOSTS = from_start(
    "bad_host 400",
    "RFC 9112 3.2",
    {
        "no host": b"GET / HTTP/1.1\r\n\r\n",
        "a host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "a host with a user": b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
        "a host with a bad escape": b"GET / HTTP/1.1\r\nHost: a%g0\r\n\r\n",
        "a user in the target of HTTP/1.0": b"GET http://u@a/ HTTP/1.0\r\n\r\n",
        "a host with a space": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "a port that is none": b"GET / HTTP/1.1\r\nHost: a:80b\r\n\r\n",
        "two hosts in HTTP/1.0": b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        "another host in the target": b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "another port in the target": b"GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "a user in the target": b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "a host only in the target": b"GET http://a/ HTTP/1.1\r\n\r\n",
    },
)

TARGETS = from_start(
    "bad_target 400",
    "RFC 9112 3.2",
    {
        "no slash": b"GET x HTTP/1.1\r\nHost: a\r\n\r\n",
        "* without OPTIONS": b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        "a fragment": b"GET /x#y HTTP/1.1\r\nHost: a\r\n\r\n",
        "a fragment of an absolute form": b"GET http://a/#y HTTP/1.1\r\nHost: a\r\n\r\n",
        "another scheme": b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "absolute form without a host": b"GET http:///x HTTP/1.1\r\nHost:\r\n\r\n",
        "an authority without CONNECT": b"GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    },
) + from_start(
    "bad_target 501",
    "RFC 9110 9.3.6",
    {
        "CONNECT": b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
        "CONNECT with a path": b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT in absolute form": b"CONNECT http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    },
)

LINES = from_start(
    "bad_request_line 400",
    "RFC 9112 3",
    {
        "HTTP/0.9": b"GET /\r\n\r\n",
        "two spaces": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "a tab": b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "space at the end": b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "space at the start": b" GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "space in the target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "NUL in the target": b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        "bare CR in the target": b"GET /\rX HTTP/1.1\r\nHost: a\r\n\r\n",
        "a method that is no token": b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "a version in small letters": b"GET / http/1.1\r\nHost: a\r\n\r\n",
        "a version not yet defined": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        "a version of two digits": b"GET / HTTP/1.10\r\nHost: a\r\n\r\n",
        "a response": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    },
) + from_start(
    "bad_version 505",
    "RFC 9110 15.6.6",
    {
        "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HTTP/3": b"GET / HTTP/3\r\n\r\n",
        "HTTP/0.9 by name": b"GET / HTTP/0.9\r\n\r\n",
    },
)

OLD_CHUNKED = [
    Case(
        "chunked in HTTP/1.0",
        "RFC 9112 6.1",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ["bad_transfer_encoding 400"],
    )
]

BARE_LF = from_start(
    "bare_lf 400",
    "RFC 9112 2.2",
    {
        "in the request line": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        "in a field": b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        "after the fields": b"GET / HTTP/1.1\r\nHost: a\r\n\n",
        "everywhere": b"GET / HTTP/1.1\nHost: a\n\n",
        "before the request": b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "after an empty line": b"\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    },
)


def in_chunks(reason: str, bodies: dict[str, tuple[bytes, bytes]]) -> list[Case]:
    """Cases of a chunked body: what it gives before the error, and the body itself."""
    cases = []
    for name, (body, given) in bodies.items():
        read: Notes = [CHUNKED_READ, *([given] if given else []), f"{reason} 400"]
        cases.append(Case(name, "RFC 9112 7.1", CHUNKED + body, read))
    return cases


CHUNKS = in_chunks(
    "bad_chunk",
    {
        "size with 0x": (b"0x10\r\n0123456789abcdef\r\n", b""),
        "size with an underscore": (b"1_0\r\n", b""),
        "size with a plus": (b"+5\r\n", b""),
        "size with a minus": (b"-5\r\n", b""),
        "size with a space before": (b" 5\r\n", b""),
        "size with a space behind": (b"5 \r\nhello\r\n", b""),
        "no size": (b"\r\n", b""),
        "an extension without a size": (b";a=b\r\n", b""),
        "size of 16 digits": (b"1000000000000000\r\n", b""),
        "size of 16 zeros": (b"0000000000000000\r\n", b""),
        "a size line of 257 octets": (b"5;" + b"x" * 253 + b"\r\nhello\r\n0\r\n\r\n", b""),
        "a size line without an end": (b"5;" + b"x" * 300, b""),
        "bare LF after the size": (b"5\nhello\r\n0\r\n\r\n", b""),
        "bare LF in an extension": (b"5;a\nhello\r\n0\r\n\r\n", b""),
        "bare CR in an extension": (b"5;a\rb\r\nhello\r\n", b""),
        "NUL in an extension": (b"5;a\x00\r\nhello\r\n", b""),
        "data longer than its size": (b"3\r\nabcd\r\n0\r\n\r\n", b"abc"),
        "bare LF after the data": (b"3\r\nabc\n0\r\n\r\n", b"abc"),
        "nothing after the data": (b"3\r\nabc0\r\n\r\n", b"abc"),
        "CR without LF after the data": (b"3\r\nabc\r0\r\n\r\n", b"abc"),
        "a second chunk that is bad": (b"3\r\nabc\r\n0x1\r\n", b"abc"),
    },
)

TRAILERS = (
    in_chunks(
        "bad_field",
        {
            "trailer without a colon": (b"0\r\nX\r\n\r\n", b""),
            "folded trailer": (b"1\r\nx\r\n0\r\nX: a\r\n b\r\n\r\n", b"x"),
        },
    )
    + in_chunks("bare_lf", {"bare LF in a trailer": (b"0\r\nX: a\nY: b\r\n\r\n", b"")})
    + in_chunks(
        "length_and_chunked",
        {
            "framing in trailers": (
                b"0\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"",
            )
        },
    )
)

CASES = [
    *(LENGTHS + BOTH + CODINGS + FIELDS + HOSTS + MORE_HOSTS),
    *(TARGETS + LINES + OLD_CHUNKED + BARE_LF + CHUNKS + TRAILERS),
]


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_refused_in_any_pieces(case: Case) -> None:
    for size in (1, 2, 7, 1 << 20):
        assert read_requests(split(case.data, size)) == case.expected


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_refused_with_a_good_request_around_it(case: Case) -> None:
    before: Notes = ["GET /next HTTP/1.1 0", "end"]
    for size in (1, 1 << 20):
        pieces = split(GOOD + case.data + GOOD, size)
        assert read_requests(pieces, eof=True) == before + case.expected


def test_after_an_error_the_same_error() -> None:
    reader = RequestReader()
    reader.feed(b"GET\r\n\r\n" + GOOD)
    with pytest.raises(RemoteProtocolError) as first:
        reader.next_event()
    reader.feed(GOOD)
    reader.feed_eof()
    for _ in range(3):
        with pytest.raises(RemoteProtocolError) as again:
            reader.next_event()
        assert again.value is first.value


def test_an_error_says_what_it_is_about() -> None:
    reader = RequestReader()
    reader.feed(with_line(b"X-Some\x00thing: 1"))
    with pytest.raises(RemoteProtocolError) as error:
        reader.next_event()
    assert error.value.detail == str(error.value).removeprefix("bad_field: ")
    assert "X-Some" in error.value.detail
