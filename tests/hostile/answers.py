"""The table of answers."""

from __future__ import annotations

from tests.hostile.answer_case import (
    CHUNKED_HEAD,
    CHUNKED_HI,
    CHUNKS,
    CLOSE,
    CODING,
    END,
    HI,
    HOP,
    INTERIM,
    LENGTH,
    LINES,
    SMUGGLED,
    STATUS,
    SYNTAX,
    UPGRADE,
    AnswerCase,
    answer,
    broken,
    first,
    lines,
    no,
    ok,
)
from tests.hostile.hops import FIELDS_LIMIT, HEAD_LIMIT
from tests.hostile.upgrades import SWITCHES

FRAMED = [
    ok("declared length", LENGTH, HI),
    ok("empty body", LENGTH, answer(b"Content-Length: 0")),
    ok("chunked", CODING, CHUNKED_HI),
    ok("chunked, empty", CODING, answer(b"Transfer-Encoding: chunked", body=END)),
    ok(
        "several chunks",
        CHUNKS,
        answer(b"Transfer-Encoding: chunked", body=b"1\r\nh\r\n1\r\ni\r\n" + END),
        CHUNKED_HI,
    ),
    ok(
        "chunk extensions",
        CHUNKS,
        answer(b"Transfer-Encoding: chunked", body=b"2;a=b\r\nhi\r\n0;c\r\n\r\n"),
        CHUNKED_HI,
    ),
    ok("to the end of the connection", LENGTH, answer(body=b"hi"), CHUNKED_HI, ends=True),
    ok(
        "empty to the end of the connection",
        LENGTH,
        answer(),
        answer(b"Transfer-Encoding: chunked", body=END),
        ends=True,
    ),
    ok(
        "HTTP/1.0",
        STATUS,
        answer(b"Content-Length: 2", body=b"hi", first=b"HTTP/1.0 200 OK"),
        HI,
        keeps=False,
    ),
    ok(
        "HTTP/1.0 to the end",
        STATUS,
        answer(body=b"hi", first=b"HTTP/1.0 200 OK"),
        CHUNKED_HI,
        ends=True,
    ),
    ok(
        "HTTP/1.0 kept",
        STATUS,
        answer(
            b"Connection: keep-alive", b"Content-Length: 2", body=b"hi", first=b"HTTP/1.0 200 OK"
        ),
        HI,
    ),
    ok("204", LENGTH, answer(first=b"HTTP/1.1 204 No Content")),
    ok(
        "204 with a length",
        "RFC 9110 8.6",
        answer(b"Content-Length: 2", first=b"HTTP/1.1 204 No Content"),
        answer(first=b"HTTP/1.1 204 No Content"),
    ),
    ok(
        "204 with a coding",
        CODING,
        answer(b"Transfer-Encoding: chunked", first=b"HTTP/1.1 204 No Content"),
        answer(first=b"HTTP/1.1 204 No Content"),
    ),
    ok(
        "204 with a body",
        LENGTH,
        answer(b"Content-Length: 2", body=b"hi", first=b"HTTP/1.1 204 No Content"),
        answer(first=b"HTTP/1.1 204 No Content"),
        keeps=False,
    ),
    ok(
        "304 with a length",
        "RFC 9110 8.6",
        answer(b"Content-Length: 99", first=b"HTTP/1.1 304 Not Modified"),
    ),
    ok(
        "304 with a coding",
        CODING,
        answer(b"Transfer-Encoding: chunked", first=b"HTTP/1.1 304 Not Modified"),
        answer(first=b"HTTP/1.1 304 Not Modified"),
    ),
    ok("HEAD with a length", "RFC 9110 9.3.2", answer(b"Content-Length: 99"), method=b"HEAD"),
    ok(
        "HEAD with a coding",
        "RFC 9110 9.3.2",
        answer(b"Transfer-Encoding: chunked"),
        answer(),
        method=b"HEAD",
    ),
    ok("HEAD without a length", "RFC 9110 9.3.2", answer(b"X: y"), method=b"HEAD"),
    ok(
        "HEAD with a body",
        "RFC 9110 9.3.2",
        HI,
        answer(b"Content-Length: 2"),
        method=b"HEAD",
        keeps=False,
    ),
    ok("body longer than declared", LENGTH, HI + b"more", HI, keeps=False),
    ok("an answer behind the answer", LENGTH, HI + SMUGGLED, HI, keeps=False),
    ok("an answer behind the last chunk", CHUNKS, CHUNKED_HI + SMUGGLED, CHUNKED_HI, keeps=False),
    ok("CRLF behind the answer", LINES, HI + b"\r\n", HI, keeps=False),
    ok(
        "an answer as the body",
        LENGTH,
        answer(b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED),
    ),
    ok(
        "Connection: close",
        CLOSE,
        answer(b"Connection: close", b"Content-Length: 2", body=b"hi"),
        HI,
        keeps=False,
    ),
]

HEADS = [
    ok("no reason", STATUS, answer(b"Content-Length: 0", first=b"HTTP/1.1 200 ")),
    ok(
        "no reason and no space",
        STATUS,
        answer(b"Content-Length: 0", first=b"HTTP/1.1 200"),
        answer(b"Content-Length: 0", first=b"HTTP/1.1 200 "),
    ),
    ok("another reason", STATUS, answer(b"Content-Length: 0", first=b"HTTP/1.1 200 Tr\xe8s bien")),
    *(
        ok(
            f"status {number}",
            STATUS,
            answer(b"Content-Length: 0", first=b"HTTP/1.1 %d X" % number),
        )
        for number in (201, 226, 299, 300, 399, 418, 499, 500, 599)
    ),
    ok(
        "order and letters are kept",
        SYNTAX,
        answer(b"b: 1", b"A: 2", b"B: 3", b"Content-Length: 0"),
    ),
    ok(
        "several cookies",
        "RFC 9110 5.3",
        answer(b"Set-Cookie: a=1", b"Set-Cookie: b=2, c", b"Content-Length: 0"),
    ),
    ok("octets above 127", SYNTAX, answer(b"X: \xff\x80", b"Content-Length: 0")),
    ok(
        "fields of the hop",
        HOP,
        answer(
            b"Keep-Alive: timeout=5",
            b"Proxy-Connection: x",
            b"TE: x",
            b"Upgrade: h2c",
            b"X: y",
            b"Content-Length: 0",
        ),
        answer(b"X: y", b"Content-Length: 0"),
    ),
    ok(
        "fields that Connection names",
        HOP,
        answer(b"Connection: X-Hop, x-b", b"x-hop: 1", b"X-B: 2", b"X: y", b"Content-Length: 0"),
        answer(b"X: y", b"Content-Length: 0"),
    ),
    ok(
        "framing and cookies cannot be removed",
        HOP,
        answer(
            b"Connection: Content-Length, Set-Cookie",
            b"Set-Cookie: a=1",
            b"Content-Length: 2",
            body=b"hi",
        ),
        answer(b"Set-Cookie: a=1", b"Content-Length: 2", body=b"hi"),
    ),
    ok(
        "trailers",
        "RFC 9110 6.5",
        answer(b"Trailer: X-Sum", b"Transfer-Encoding: chunked", body=b"0\r\nX-Sum: 1\r\n\r\n"),
    ),
    ok(
        "trailers that are not allowed",
        "RFC 9110 6.5.1",
        answer(
            b"Transfer-Encoding: chunked",
            body=b"0\r\nContent-Length: 5\r\nSet-Cookie: a\r\nA: 1\r\nLocation: x\r\n\r\n",
        ),
        answer(b"Transfer-Encoding: chunked", body=b"0\r\nA: 1\r\n\r\n"),
    ),
    ok(
        "trailers that Connection names",
        HOP,
        answer(
            b"Connection: X-Hop",
            b"Transfer-Encoding: chunked",
            body=b"0\r\nX-Hop: 1\r\nA: 1\r\n\r\n",
        ),
        answer(b"Transfer-Encoding: chunked", body=b"0\r\nA: 1\r\n\r\n"),
    ),
    ok(
        "the largest number of fields",
        "RFC 6585 5",
        answer(*(b"X: y",) * (FIELDS_LIMIT - 1), b"Content-Length: 0"),
    ),
]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
INTERIMS = [
    ok("100", INTERIM, CONTINUE + HI),
    ok(
        "102 and 103",
        INTERIM,
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + HI,
    ),
    ok("many 100", INTERIM, CONTINUE * 20 + HI),
    ok(
        "100 with a length",
        CODING,
        b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n" + HI,
        CONTINUE + HI,
    ),
    ok(
        "100 with a coding",
        CODING,
        b"HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n" + HI,
        CONTINUE + HI,
    ),
    ok(
        "103 with fields of the hop",
        HOP,
        b"HTTP/1.1 103 Early Hints\r\nConnection: X\r\nX: y\r\nLink: x\r\n\r\n" + HI,
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + HI,
    ),
    no(
        "101 that nobody asked for",
        "RFC 9110 15.2.2",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nbytes",
    ),
    no("101 with an answer behind it", "RFC 9110 15.2.2", b"HTTP/1.1 101 X\r\n\r\n" + HI),
    no(
        "101 to a WebSocket that nobody asked for",
        UPGRADE,
        b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + HI,
    ),
]

STATUS_LINES = [
    first("HTTP/2", b"HTTP/2 200 OK"),
    first("HTTP/2.0", b"HTTP/2.0 200 OK"),
    first("HTTP/0.9", b"HTTP/0.9 200 OK"),
    first("HTTP/1.2", b"HTTP/1.2 200 OK"),
    first("small letters", b"http/1.1 200 OK"),
    first("another protocol", b"ICY 200 OK"),
    first("no version", b"200 OK"),
    first("two spaces", b"HTTP/1.1  200 OK"),
    first("a tab", b"HTTP/1.1\t200 OK"),
    first("a space before", b" HTTP/1.1 200 OK"),
    first("two digits", b"HTTP/1.1 20 OK"),
    first("four digits", b"HTTP/1.1 2000 OK"),
    first("letters", b"HTTP/1.1 2OO OK"),
    first("a plus", b"HTTP/1.1 +20 OK"),
    first("status 0", b"HTTP/1.1 000 OK"),
    first("status 99", b"HTTP/1.1 099 OK"),
    first("status 600", b"HTTP/1.1 600 OK"),
    first("status 999", b"HTTP/1.1 999 OK"),
    first("NUL in the reason", b"HTTP/1.1 200 O\x00K"),
    first("bare CR in the reason", b"HTTP/1.1 200 O\rK"),
    first("DEL in the reason", b"HTTP/1.1 200 \x7f"),
    first("a request", b"GET / HTTP/1.1"),
    first("a web page", b"<html>"),
    no("an empty line before", LINES, b"\r\n" + HI),
]

BAD = [
    lines("length twice, the same", LENGTH, b"Content-Length: 2"),
    lines("length twice, differing", LENGTH, b"Content-Length: 3"),
    no("length as a list", LENGTH, answer(b"Content-Length: 2, 2", body=b"hi")),
    no("negative length", LENGTH, answer(b"Content-Length: -2", body=b"hi")),
    no("length in hexadecimal", LENGTH, answer(b"Content-Length: 0x2", body=b"hi")),
    no("empty length", LENGTH, answer(b"Content-Length:", body=b"hi")),
    no("bad length of a 204", LENGTH, answer(b"Content-Length: x", first=b"HTTP/1.1 204 X")),
    no("bad length of a 100", LENGTH, answer(b"Content-Length: x", first=b"HTTP/1.1 100 X")),
    lines("length and chunked", CODING, b"Transfer-Encoding: chunked"),
    lines("length and gzip", CODING, b"Transfer-Encoding: gzip"),
    no("gzip", CODING, answer(b"Transfer-Encoding: gzip", body=b"hi"), ends=True),
    no("gzip, chunked", CODING, answer(b"Transfer-Encoding: gzip, chunked", body=END)),
    no("identity", CODING, answer(b"Transfer-Encoding: identity", body=b"hi"), ends=True),
    no("chunked twice", CODING, answer(b"Transfer-Encoding: chunked, chunked", body=END)),
    no(
        "chunked in two fields",
        CODING,
        answer(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=END),
    ),
    no("almost chunked", CODING, answer(b"Transfer-Encoding: xchunked", body=END)),
    no(
        "chunked in HTTP/1.0",
        CODING,
        answer(b"Transfer-Encoding: chunked", body=END, first=b"HTTP/1.0 200 OK"),
    ),
    lines("space before the colon", SYNTAX, b"X : y"),
    lines("space before a name", SYNTAX, b" X: y"),
    lines("folded line", "RFC 9112 5.2", b"X: y", b" z"),
    lines("folded with a tab", "RFC 9112 5.2", b"X: y", b"\tz"),
    lines("no colon", SYNTAX, b"X"),
    lines("no name", SYNTAX, b": y"),
    lines("a name that is no token", SYNTAX, b"X/Y: z"),
    lines("octet above 127 in a name", SYNTAX, b"\xe9: y"),
    lines("bare CR in a value", LINES, b"X: a\rSet-Cookie: b"),
    lines("bare LF in a value", LINES, b"X: a\nSet-Cookie: b"),
    lines("CR CR LF", LINES, b"X: a\r"),
    lines("NUL in a value", SYNTAX, b"X: a\x00"),
    lines("vertical tab in a value", SYNTAX, b"X: a\x0bb"),
    lines("DEL in a value", SYNTAX, b"X: a\x7f"),
    no("bare LF everywhere", LINES, b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi"),
    no("too many fields", "RFC 6585 5", answer(*(b"X: y",) * FIELDS_LIMIT, b"Content-Length: 0")),
    no("a head too large", "RFC 6585 5", answer(b"X: " + b"y" * HEAD_LIMIT, b"Content-Length: 0")),
    no("a head without an end", "RFC 6585 5", b"HTTP/1.1 200 " + b"x" * HEAD_LIMIT * 2),
    no("a bad head behind a 100", INTERIM, CONTINUE + answer(b"X : y", b"Content-Length: 0")),
    no(
        "the end within the head",
        "RFC 9112 8",
        b"HTTP/1.1 200 OK\r\nContent-",
        "answer_lost",
        ends=True,
    ),
    no("the end at once", "RFC 9112 8", b"", "answer_lost", ends=True),
    no("the end behind a 100", "RFC 9112 8", CONTINUE, "answer_lost", ends=True),
]


def bad_chunk(name: str, body: bytes, data: bytes = b"") -> AnswerCase:
    return broken(
        name, CHUNKS, answer(b"Transfer-Encoding: chunked", body=body), CHUNKED_HEAD + data
    )


BODIES = [
    broken(
        "the end within the body",
        "RFC 9112 8",
        answer(b"Content-Length: 9", body=b"hi"),
        answer(b"Content-Length: 9", body=b"hi"),
        ends=True,
    ),
    broken(
        "the end within a chunk",
        "RFC 9112 8",
        answer(b"Transfer-Encoding: chunked", body=b"9\r\nhi"),
        CHUNKED_HEAD + b"hi",
        ends=True,
    ),
    broken(
        "the end before the last chunk",
        "RFC 9112 8",
        answer(b"Transfer-Encoding: chunked", body=b"2\r\nhi\r\n"),
        CHUNKED_HEAD + b"hi",
        ends=True,
    ),
    broken(
        "the end within the trailers",
        "RFC 9112 8",
        answer(b"Transfer-Encoding: chunked", body=b"2\r\nhi\r\n0\r\nX: y\r\n"),
        CHUNKED_HEAD + b"hi",
        ends=True,
    ),
    bad_chunk("size with 0x", b"0x2\r\nhi\r\n" + END),
    bad_chunk("size with a minus", b"-2\r\nhi\r\n" + END),
    bad_chunk("size with a space", b"2 \r\nhi\r\n" + END),
    bad_chunk("size over 64 bits", b"10000000000000002\r\nhi\r\n" + END),
    bad_chunk("bare LF after a size", b"2\nhi\r\n" + END),
    bad_chunk("bare LF after the data", b"2\r\nhi\n" + END, b"hi"),
    bad_chunk("data longer than its size", b"1\r\nhi\r\n" + END, b"h"),
    bad_chunk("no chunks at all", b"hi there\r\n"),
    bad_chunk("an answer in place of a chunk", SMUGGLED),
    bad_chunk("a bad trailer", b"2\r\nhi\r\n0\r\nX : y\r\n\r\n", b"hi"),
    bad_chunk("a folded trailer", b"2\r\nhi\r\n0\r\nX: y\r\n z\r\n\r\n", b"hi"),
]

ANSWERS = FRAMED + HEADS + INTERIMS + SWITCHES + STATUS_LINES + BAD + BODIES
