"""Content-Length, and what two fields of framing make of each other."""

from __future__ import annotations

from tests.hostile.case import SMUGGLED, Case, chunked, get, no, ok, post

LENGTH = "RFC 9110 8.6"
INVALID = "RFC 9112 6.3 (5)"
BOTH = "RFC 9112 6.1"
BAD = "bad_content_length"


def bad(name: str, *lines: bytes, body: bytes = b"hello", **why: str) -> Case:
    return no(name, INVALID, post(*lines, body=body), BAD, **why)


GOOD_LENGTHS = [
    ok("length", LENGTH, post(b"Content-Length: 5", body=b"hello")),
    ok("length of zero", LENGTH, post(b"Content-Length: 0")),
    ok("no length, no body", "RFC 9112 6.3 (7)", post()),
    ok(
        "leading zeros",
        LENGTH,
        post(b"Content-Length: 0005", body=b"hello"),
        nginx="normalizes the number",
        haproxy="normalizes the number",
    ),
    ok("length in small letters", LENGTH, post(b"content-length: 5", body=b"hello")),
    ok("length in odd letters", LENGTH, post(b"cOnTeNt-lEnGtH: 5", body=b"hello")),
    ok(
        "white space around the length",
        "RFC 9112 5",
        post(b"Content-Length: \t 5 \t", body=b"hello"),
        post(b"Content-Length: 5", body=b"hello"),
    ),
    ok(
        "no white space before the length",
        "RFC 9112 5",
        post(b"Content-Length:5", body=b"hello"),
        post(b"Content-Length: 5", body=b"hello"),
    ),
    ok("body of a GET", "RFC 9110 9.3.1", get(b"Content-Length: 5") + b"hello"),
    ok(
        "length that ends before a request",
        "RFC 9112 6.3 (6)",
        post(b"Content-Length: 5", body=b"hello") + SMUGGLED,
        post(b"Content-Length: 5", body=b"hello"),
        SMUGGLED,
    ),
    ok(
        "length that covers a request",
        "RFC 9112 6.3 (6)",
        post(b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED),
    ),
    ok(
        "body that ends in CRLF beyond its length",
        "RFC 9112 2.2",
        post(b"Content-Length: 5", body=b"hello\r\n"),
        post(b"Content-Length: 5", body=b"hello"),
    ),
    ok("Content-Length as a value", LENGTH, get(b"X: Content-Length: 5")),
    ok("a name like it", LENGTH, get(b"Content_Length: 5"), nginx="drops names with underscores"),
    ok("another name like it", LENGTH, get(b"X-Content-Length: 5")),
]

BAD_LENGTHS = [
    bad("length twice, the same", b"Content-Length: 5", b"Content-Length: 5"),
    bad("length twice, differing", b"Content-Length: 5", b"Content-Length: 6"),
    bad("length twice, apart", b"Content-Length: 5", b"X: y", b"content-length: 0"),
    bad("length as a list of equals", b"Content-Length: 5, 5"),
    bad("length as a list", b"Content-Length: 5, 6"),
    bad("length with a comma", b"Content-Length: 5,"),
    bad("length with a plus", b"Content-Length: +5"),
    bad("length with a minus", b"Content-Length: -5"),
    bad("negative zero", b"Content-Length: -0"),
    bad("length with a space within", b"Content-Length: 1 5"),
    bad("length in hexadecimal", b"Content-Length: 0x5"),
    bad("length with letters", b"Content-Length: 5a"),
    bad("length with an exponent", b"Content-Length: 1e1"),
    bad("length with an underscore", b"Content-Length: 1_0"),
    bad("length with a fraction", b"Content-Length: 5.0"),
    bad("length in quotes", b'Content-Length: "5"'),
    bad("length with a parameter", b"Content-Length: 5;x"),
    bad("length in other digits", "Content-Length: \N{FULLWIDTH DIGIT FIVE}".encode()),
    bad("length in superscript", b"Content-Length: \xb2"),
    bad("no-break space before the length", b"Content-Length: \xa05"),
    bad("empty length", b"Content-Length:"),
    bad("length of white space", b"Content-Length:  \t"),
    bad("length of 19 digits", b"Content-Length: 1000000000000000000"),
    bad("length over 64 bits", b"Content-Length: 18446744073709551621"),
    bad("length over 64 bits by far", b"Content-Length: " + b"9" * 300),
    bad("length over 32 bits, wrapped", b"Content-Length: 00000000000000000000005"),
    no(
        "length that is bad, in a GET",
        INVALID,
        get(b"Content-Length: x") + SMUGGLED,
        BAD,
    ),
    no(
        "length with NUL",
        "RFC 9110 5.5",
        post(b"Content-Length: 5\x00", body=b"hello"),
        "bad_field",
    ),
    no(
        "length with a vertical tab",
        "RFC 9110 5.5",
        post(b"Content-Length: \x0b5", body=b"hello"),
        "bad_field",
    ),
]


def both(name: str, *lines: bytes, body: bytes = b"0\r\n\r\n" + SMUGGLED, **why: str) -> Case:
    return no(name, BOTH, post(*lines, body=body), "length_and_chunked", **why)


FRAMED_TWICE = [
    both("CL.TE", b"Content-Length: 6", b"Transfer-Encoding: chunked"),
    both("TE.CL", b"Transfer-Encoding: chunked", b"Content-Length: 5"),
    both("CL of zero and TE", b"Content-Length: 0", b"Transfer-Encoding: chunked"),
    both("TE and CL in odd letters", b"tRANSFER-eNCODING: ChUnKeD", b"cONTENT-lENGTH: 5"),
    both("CL and TE, apart", b"Content-Length: 5", b"X: y", b"Transfer-Encoding: chunked"),
    no(
        "CL and an unknown TE",
        BOTH,
        post(b"Content-Length: 5", b"Transfer-Encoding: xchunked", body=b"hello"),
        "bad_transfer_encoding",
        501,
    ),
    no(
        "CL and TE: identity",
        BOTH,
        post(b"Content-Length: 5", b"Transfer-Encoding: identity", body=b"hello"),
        "bad_transfer_encoding",
        501,
    ),
    no(
        "CL and an empty TE",
        BOTH,
        post(b"Content-Length: 5", b"Transfer-Encoding:", body=b"hello"),
        "bad_transfer_encoding",
    ),
    no(
        "CL and TE named by Connection",
        BOTH,
        post(
            b"Connection: Transfer-Encoding",
            b"Content-Length: 5",
            b"Transfer-Encoding: chunked",
            body=b"0\r\n\r\n",
        ),
        "length_and_chunked",
    ),
    no(
        "CL named by Connection, and TE",
        BOTH,
        chunked(b"Connection: Content-Length", b"Content-Length: 5", body=b"0\r\n\r\n"),
        "length_and_chunked",
    ),
]

CASES = GOOD_LENGTHS + BAD_LENGTHS + FRAMED_TWICE
