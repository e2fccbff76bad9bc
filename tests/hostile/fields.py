"""Field syntax: names, values, line ends, folding."""

from __future__ import annotations

from tests.hostile.case import SMUGGLED, Case, get, line, message, no, ok

NAMES = "RFC 9110 5.1"
VALUES = "RFC 9110 5.5"
COLON = "RFC 9112 5.1"
FOLDING = "RFC 9112 5.2"
LINES = "RFC 9112 2.2"
UNDERSCORE = "drops names with underscores"


def bad(name: str, section: str, *lines: bytes, reason: str = "bad_field", **why: str) -> Case:
    return no(name, section, get(*lines), reason, **why)


GOOD = [
    ok("field", NAMES, get(b"X: y")),
    ok("every character of a token", NAMES, get(b"!#$%&'*+-.^`|~09Az: y")),
    ok("name with an underscore", NAMES, get(b"X_Y: z"), nginx=UNDERSCORE),
    ok("one field many times", "RFC 9110 5.3", get(b"X: 1", b"Y: 2", b"x: 3", b"X: 1")),
    ok("order and letters are kept", "RFC 9110 5.3", get(b"b: 1", b"A: 2", b"b: 3", b"aBc: 4")),
    ok("empty value", VALUES, get(b"X:"), get(b"X: ")),
    ok("value of white space", VALUES, get(b"X: \t "), get(b"X: ")),
    ok("no white space before the value", COLON, get(b"X:y"), get(b"X: y")),
    ok("white space around the value", COLON, get(b"X:\t  y \t"), get(b"X: y")),
    ok("white space within the value", VALUES, get(b"X: a \t b")),
    ok("tab within the value", VALUES, get(b"X: a\tb")),
    ok("octets above 127 in a value", VALUES, get(b"X: \x80\xff\xc3\xa9")),
    ok("colons in a value", VALUES, get(b"X: a:b: c")),
    ok("a value that looks like a request", VALUES, get(b"X: GET /smuggled HTTP/1.1")),
    ok("a value with escapes", VALUES, get(b"X: a\\r\\nY: %0d%0aZ: b")),
    ok("quotes in a value", VALUES, get(b'X: "a" \'b')),
    ok("cookies in two fields", "RFC 9110 5.3", get(b"Cookie: a=1", b"Cookie: b=2")),
    ok(
        "proof fields of the control port",
        NAMES,
        get(b"Lambda-Dispatch-Nonce: " + b"0" * 32, b"Lambda-Dispatch-Proof: " + b"0" * 64),
    ),
    ok("one empty line before", LINES, b"\r\n" + get(), get()),
    ok("several empty lines before", LINES, b"\r\n\r\n\r\n" + get(), get()),
]

BAD = [
    bad("space before a colon", COLON, b"X : y"),
    bad("tab before the colon", COLON, b"X\t: y"),
    bad("space before the colon of Content-Length", COLON, b"Content-Length : 5"),
    bad("space before the colon of Host", COLON, b"Host : b"),
    bad("space before a name", FOLDING, b" X: y"),
    bad("space before the second field", FOLDING, b"A: b", b" X: y"),
    bad("space within a name", NAMES, b"X Y: z"),
    bad("folded line", FOLDING, b"X: y", b" z"),
    bad("folded with a tab", FOLDING, b"X: y", b"\tz"),
    bad("folded to a framing field", FOLDING, b"X: y", b" Content-Length: 5"),
    bad("folded to nothing", FOLDING, b"X: y", b" "),
    bad("no colon", NAMES, b"X"),
    bad("no name", NAMES, b": y"),
    bad("colon alone", NAMES, b":"),
    bad("bare CR in a value", LINES, b"X: a\rb"),
    bad("bare CR that hides a field", LINES, b"X: a\rContent-Length: 5"),
    bad("bare CR in a name", LINES, b"X\rY: z"),
    bad("CR CR LF", LINES, b"X: a\r"),
    bad("bare CR before a name", LINES, b"\rX: a"),
    bad("bare LF after a field", LINES, b"X: a\nY: b", reason="bare_lf"),
    bad("bare LF in a name", LINES, b"X\nY: b", reason="bare_lf"),
    bad("bare LF before a name", LINES, b"\nX: a", reason="bare_lf"),
    bad("LF CR", LINES, b"X: a\n\rY: b", reason="bare_lf"),
    bad("NUL in a value", VALUES, b"X: a\x00b"),
    bad("NUL in a name", NAMES, b"X\x00: b"),
    bad("NUL alone", NAMES, b"\x00"),
    *(
        bad(f"control {number:#04x} in a value", VALUES, b"X: a%cb" % number)
        for number in (0x01, 0x08, 0x0B, 0x0C, 0x0E, 0x1B, 0x1F, 0x7F)
    ),
    *(
        bad(f"{char!r} in a name", NAMES, b"X%bY: z" % char.encode())
        for char in '()/<>@[\\]{}",;=?'
    ),
    bad("octet above 127 in a name", NAMES, b"X\xe9: y"),
    bad("no-break space after Content-Length", NAMES, b"Content-Length\xa0: 5"),
    no("bare LF after the request line", LINES, b"GET /x HTTP/1.1\nHost: a\r\n\r\n", "bare_lf"),
    no(
        "bare LF for the empty line",
        LINES,
        b"GET /x HTTP/1.1\r\nHost: a\r\n\n" + SMUGGLED,
        "bare_lf",
    ),
    no("bare LF everywhere", LINES, b"GET /x HTTP/1.1\nHost: a\n\n", "bare_lf"),
    no("bare LF before the request", LINES, b"\n" + get(), "bare_lf"),
    no("bare LF after an empty line", LINES, b"\r\n\n" + get(), "bare_lf"),
    no(
        "bare CR after the request line",
        LINES,
        b"GET /x HTTP/1.1\rHost: a\r\n\r\n",
        "bad_request_line",
    ),
    no("bare CR before the request", LINES, b"\r" + get(), "bad_request_line"),
    no(
        "white space between request line and fields",
        LINES,
        message(b"GET /x HTTP/1.1", (b" X: y", b"Host: a"), b""),
        "bad_field",
    ),
    no(
        "tab between request line and fields",
        LINES,
        line(b"GET /x HTTP/1.1", b"\tHost: a"),
        "bad_field",
    ),
]

CASES = GOOD + BAD
