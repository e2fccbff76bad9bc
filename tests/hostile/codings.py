"""Transfer-Encoding: one spelling is taken, all else is refused."""

from __future__ import annotations

from tests.hostile.case import SMUGGLED, Case, chunked, line, no, ok, post

SECTION = "RFC 9112 6.1"
BAD = "bad_transfer_encoding"
END = b"0\r\n\r\n"
PASSED = chunked(body=END)


def bad(name: str, *lines: bytes, status: int = 400, **why: str) -> Case:
    return no(name, SECTION, post(*lines, body=END + SMUGGLED), BAD, status, **why)


CASES = [
    ok("chunked", SECTION, chunked(body=b"5\r\nhello\r\n0\r\n\r\n")),
    ok("chunked, empty", SECTION, PASSED),
    ok(
        "chunked in capitals",
        "RFC 9112 7",
        post(b"TRANSFER-ENCODING: CHUNKED", body=END),
        PASSED,
    ),
    ok(
        "white space around chunked",
        "RFC 9112 5",
        post(b"Transfer-Encoding: \t chunked \t", body=END),
        PASSED,
    ),
    ok(
        "chunked named by Connection",
        "RFC 9110 7.6.1",
        post(b"Connection: transfer-encoding", b"Transfer-Encoding: chunked", body=END),
        PASSED,
    ),
    ok(
        "chunked, and a request behind it",
        SECTION,
        PASSED + SMUGGLED,
        PASSED,
        SMUGGLED,
    ),
    ok(
        "a name like it",
        SECTION,
        post(b"Transfer_Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"),
        nginx="drops names with underscores",
    ),
    ok(
        "another name like it",
        SECTION,
        post(b"X-Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"),
    ),
    bad("chunked twice", b"Transfer-Encoding: chunked, chunked"),
    bad("chunked in two fields", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    bad("gzip before chunked", b"Transfer-Encoding: gzip, chunked"),
    bad("identity before chunked", b"Transfer-Encoding: identity, chunked"),
    bad("chunked not last", b"Transfer-Encoding: chunked, identity"),
    bad(
        "chunked, then gzip, in two",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip",
        status=501,
    ),
    bad("chunked with a parameter", b"Transfer-Encoding: chunked;x=y"),
    bad("chunked with an empty parameter", b"Transfer-Encoding: chunked;"),
    bad("chunked in quotes", b'Transfer-Encoding: "chunked"'),
    bad("chunked in single quotes", b"Transfer-Encoding: 'chunked'", status=501),
    bad("chunked in parentheses", b"Transfer-Encoding: (x) chunked"),
    bad("empty coding", b"Transfer-Encoding:"),
    bad("coding of white space", b"Transfer-Encoding: \t"),
    bad("empty element before chunked", b"Transfer-Encoding: ,chunked"),
    bad("empty element after chunked", b"Transfer-Encoding: chunked,"),
    bad("a word before chunked", b"Transfer-Encoding: x chunked"),
    bad("a word after chunked", b"Transfer-Encoding: chunked x"),
    bad("no-break space before chunked", b"Transfer-Encoding: \xa0chunked"),
    bad("no-break space after chunked", b"Transfer-Encoding: chunked\xa0"),
    bad("next-line after chunked", b"Transfer-Encoding: chunked\x85"),
    bad("long s in chunked", "Transfer-Encoding: chun\N{KELVIN SIGN}ed".encode()),
    bad("gzip alone", b"Transfer-Encoding: gzip", status=501),
    bad("identity", b"Transfer-Encoding: identity", status=501),
    bad("cow", b"Transfer-Encoding: cow", status=501),
    bad("almost chunked", b"Transfer-Encoding: xchunked", status=501),
    bad("chunked with one letter more", b"Transfer-Encoding: chunkedx", status=501),
    bad("chunk", b"Transfer-Encoding: chunk", status=501),
    bad(
        "identity, then chunked, in two",
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding: chunked",
        status=501,
    ),
    no(
        "chunked in HTTP/1.0",
        SECTION,
        line(b"POST /x HTTP/1.0", b"Host: a", b"Transfer-Encoding: chunked") + END,
        BAD,
    ),
    no(
        "chunked in HTTP/1.0 with keep-alive",
        SECTION,
        line(
            b"POST /x HTTP/1.0",
            b"Host: a",
            b"Connection: keep-alive",
            b"Transfer-Encoding: chunked",
        )
        + END,
        BAD,
    ),
    no(
        "length and chunked in HTTP/1.0",
        SECTION,
        line(b"POST /x HTTP/1.0", b"Host: a", b"Content-Length: 5", b"Transfer-Encoding: chunked")
        + END,
        "length_and_chunked",
    ),
    no(
        "NUL before chunked",
        "RFC 9110 5.5",
        post(b"Transfer-Encoding: \x00chunked", body=END),
        "bad_field",
    ),
    no(
        "vertical tab before chunked",
        "RFC 9110 5.5",
        post(b"Transfer-Encoding:\x0bchunked", body=END),
        "bad_field",
    ),
    no(
        "form feed after chunked",
        "RFC 9110 5.5",
        post(b"Transfer-Encoding: chunked\x0c", body=END),
        "bad_field",
    ),
    no(
        "space before the colon",
        "RFC 9112 5.1",
        post(b"Transfer-Encoding : chunked", body=END),
        "bad_field",
    ),
    no(
        "chunked on a folded line",
        "RFC 9112 5.2",
        post(b"Transfer-Encoding:", b" chunked", body=END),
        "bad_field",
    ),
    no(
        "chunked behind a bare CR",
        "RFC 9112 2.2",
        post(b"X: y\rTransfer-Encoding: chunked", body=END),
        "bad_field",
    ),
    no(
        "chunked behind a bare LF",
        "RFC 9112 2.2",
        post(b"X: y\nTransfer-Encoding: chunked", body=END),
        "bare_lf",
    ),
]
