"""Chunk framing, chunk extensions and trailers."""

from __future__ import annotations

from tests.hostile.case import SMUGGLED, Case, chunked, no, ok

SECTION = "RFC 9112 7.1"
EXTENSIONS = "RFC 9112 7.1.1"
TRAILERS = "RFC 9110 6.5.1"
HELLO = chunked(body=b"5\r\nhello\r\n0\r\n\r\n")
HEAD = chunked(body=b"")


def as_hello(name: str, body: bytes, section: str = SECTION, **why: str) -> Case:
    """Another way to write the body ``hello``."""
    return ok(name, section, chunked(body=body), HELLO, **why)


def bad(name: str, body: bytes, data: bytes = b"", section: str = SECTION, **why: str) -> Case:
    """``data`` is what of the body comes before the fault."""
    return no(name, section, chunked(body=body), "bad_chunk", seen=HEAD + data, **why)


SIZES = [
    as_hello("several chunks", b"1\r\nh\r\n3\r\nell\r\n1\r\no\r\n0\r\n\r\n"),
    as_hello("zeros before the size", b"0005\r\nhello\r\n000\r\n\r\n"),
    ok(
        "size in capitals",
        SECTION,
        chunked(body=b"A\r\n0123456789\r\n0\r\n\r\n"),
        chunked(body=b"a\r\n0123456789\r\n0\r\n\r\n"),
    ),
    ok("a request as data", SECTION, chunked(body=b"%x\r\n%b\r\n0\r\n\r\n" % (33, SMUGGLED[:33]))),
    ok("CRLF as data", SECTION, chunked(body=b"4\r\n\r\n\r\n\r\n0\r\n\r\n")),
    ok("a last chunk as data", SECTION, chunked(body=b"5\r\n0\r\n\r\n\r\n0\r\n\r\n")),
    ok("request behind the last chunk", SECTION, HELLO + SMUGGLED, HELLO, SMUGGLED),
    bad("size with 0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    bad("size with an underscore", b"0_5\r\nhello\r\n0\r\n\r\n"),
    bad("size with a plus", b"+5\r\nhello\r\n0\r\n\r\n"),
    bad("size with a minus", b"-5\r\nhello\r\n0\r\n\r\n"),
    bad("size with a space before", b" 5\r\nhello\r\n0\r\n\r\n"),
    bad("size with a space behind", b"5 \r\nhello\r\n0\r\n\r\n"),
    bad("size with a tab behind", b"5\t\r\nhello\r\n0\r\n\r\n"),
    bad("no size", b"\r\nhello\r\n0\r\n\r\n"),
    bad("size with a letter", b"5g\r\nhello\r\n0\r\n\r\n"),
    bad("size in other digits", b"\xef\xbc\x95\r\nhello\r\n0\r\n\r\n"),
    bad("size with NUL", b"5\x00\r\nhello\r\n0\r\n\r\n"),
    bad("size of 16 digits", b"1000000000000005\r\nhello\r\n0\r\n\r\n"),
    bad("size over 64 bits", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    bad("size of 16 zeros", b"0000000000000000\r\n\r\n"),
    bad("bare LF after the size", b"5\nhello\r\n0\r\n\r\n"),
    bad("bare CR after the size", b"5\rhello\r\n0\r\n\r\n"),
    bad("CR CR LF after the size", b"5\r\r\nhello\r\n0\r\n\r\n"),
    bad("data longer than its size", b"3\r\nhello\r\n0\r\n\r\n", b"hel"),
    bad("data shorter than its size", b"6\r\nhello\r\n0\r\n\r\n", b"hello\r"),
    bad("bare LF after the data", b"5\r\nhello\n0\r\n\r\n", b"hello"),
    bad("bare CR after the data", b"5\r\nhello\r0\r\n\r\n", b"hello"),
    bad("nothing after the data", b"5\r\nhello0\r\n\r\n", b"hello"),
    bad("two CRLF after the data", b"5\r\nhello\r\n\r\n0\r\n\r\n", b"hello"),
    bad("a second chunk that is bad", b"5\r\nhello\r\n0x5\r\n\r\n", b"hello"),
    bad("last chunk with a minus", b"5\r\nhello\r\n-0\r\n\r\n", b"hello"),
    bad("bare LF after the last size", b"5\r\nhello\r\n0\n\r\n", b"hello"),
    bad("a request where a size should be", SMUGGLED),
]

EXTENDED = [
    as_hello("extension", b"5;a=b\r\nhello\r\n0\r\n\r\n", EXTENSIONS),
    as_hello("extension without a value", b"5;a\r\nhello\r\n0;z\r\n\r\n", EXTENSIONS),
    as_hello("extension in quotes", b'5;a="b;c"\r\nhello\r\n0\r\n\r\n', EXTENSIONS),
    as_hello("several extensions", b"5;a;b=c\r\nhello\r\n0;d=e;f\r\n\r\n", EXTENSIONS),
    as_hello("white space around it", b"5 ;\ta = b\r\nhello\r\n0\r\n\r\n", EXTENSIONS),
    as_hello("empty extension", b"5;\r\nhello\r\n0\r\n\r\n", EXTENSIONS),
    as_hello("extension of 200 octets", b"5;" + b"x" * 200 + b"\r\nhello\r\n0\r\n\r\n", EXTENSIONS),
    bad("extension of 300 octets", b"5;" + b"x" * 300 + b"\r\nhello\r\n0\r\n\r\n", b"", EXTENSIONS),
    bad(
        "many extensions",
        b"1;"
        + b"x" * 200
        + b"\r\n"
        + b"h\r\n1;"
        + b"x" * 200
        + b"\r\n"
        + b"e\r\n" * 1
        + b"".join(b"1;" + b"x" * 200 + b"\r\nl\r\n" for _ in range(40)),
        b"he" + b"l" * 18,
        EXTENSIONS,
    ),
    bad("extension without a size", b";a=b\r\nhello\r\n0\r\n\r\n", b"", EXTENSIONS),
    bad("extension without a semicolon", b"5 a=b\r\nhello\r\n0\r\n\r\n", b"", EXTENSIONS),
    bad("bare LF in an extension", b"5;a\nhello\r\n0\r\n\r\n", b"", EXTENSIONS),
    bad("bare LF in quotes in it", b'5;a="\n"\r\nhello\r\n0\r\n\r\n', b"", EXTENSIONS),
    bad("bare CR in an extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n", b"", EXTENSIONS),
    bad("NUL in an extension", b"5;a\x00\r\nhello\r\n0\r\n\r\n", b"", EXTENSIONS),
]


def trailer(name: str, *lines: bytes, kept: bytes = b"", before: tuple[bytes, ...] = ()) -> Case:
    """A trailer section, and what of it the application gets. ``before``: lines of the head."""
    section = b"".join(line + b"\r\n" for line in lines)
    shown = tuple(line for line in before if not line.startswith(b"Connection"))
    return ok(
        name,
        TRAILERS,
        chunked(*before, body=b"5\r\nhello\r\n0\r\n" + section + b"\r\n"),
        chunked(*shown, body=b"5\r\nhello\r\n0\r\n" + kept + b"\r\n"),
        nginx="drops trailers",
    )


def bad_trailer(name: str, body: bytes, reason: str, status: int = 400, **why: str) -> Case:
    return no(
        name,
        "RFC 9112 7.1.2",
        chunked(body=b"5\r\nhello\r\n0\r\n" + body),
        reason,
        status,
        seen=HEAD + b"hello",
        **why,
    )


FORBIDDEN = (
    b"Host Transfer-Encoding Connection Upgrade TE Trailer Authorization Cookie Expect "
    b"Content-Type Content-Encoding Max-Forwards Range If-Match X-Forwarded-For Forwarded "
    b"X-Forwarded-Proto X-Real-IP Proxy-Authorization"
).split()

TRAILED = [
    trailer("trailer", b"X-Sum: 1", kept=b"X-Sum: 1\r\n"),
    trailer("announced trailer", b"X-Sum: 1", kept=b"X-Sum: 1\r\n", before=(b"Trailer: X-Sum",)),
    trailer("two trailers", b"A: 1", b"a:2", kept=b"A: 1\r\na: 2\r\n"),
    trailer("Content-Length as a trailer", b"Content-Length: 5"),
    trailer(
        "trailer named by Connection",
        b"X-Hop: 1",
        b"X-Sum: 2",
        kept=b"X-Sum: 2\r\n",
        before=(b"Connection: x-hop",),
    ),
    *(
        trailer(f"{name.decode()} as a trailer", name + b": 1", b"B: 2", kept=b"B: 2\r\n")
        for name in FORBIDDEN
        if name != b"Transfer-Encoding"
    ),
    trailer("Transfer-Encoding as a trailer", b"Transfer-Encoding: chunked"),
    bad_trailer("trailer without a colon", b"X\r\n\r\n", "bad_field"),
    bad_trailer("folded trailer", b"X: a\r\n b\r\n\r\n", "bad_field"),
    bad_trailer("space before the colon of a trailer", b"X : a\r\n\r\n", "bad_field"),
    bad_trailer("NUL in a trailer", b"X: a\x00\r\n\r\n", "bad_field"),
    bad_trailer("bare CR in a trailer", b"X: a\rB: c\r\n\r\n", "bad_field"),
    bad_trailer("bare LF in a trailer", b"X: a\nB: c\r\n\r\n", "bare_lf"),
    bad_trailer("bare LF for a trailer", b"\n" + SMUGGLED, "bare_lf"),
    bad_trailer("a request for a trailer", SMUGGLED, "bad_field"),
    bad_trailer("many trailers", b"X: a\r\n" * 21 + b"\r\n", "too_many_fields", 431),
    bad_trailer("long trailers", b"X: " + b"a" * 5000 + b"\r\n\r\n", "head_too_large", 431),
]

CASES = SIZES + EXTENDED + TRAILED
