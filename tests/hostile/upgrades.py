"""Requests that ask for a WebSocket, or try to look like it, and answers that would be a tunnel.

The application of the request cases answers 204: none of them becomes a tunnel, and whatever a
client has sent behind one is read by nobody. What h2c and the control port's own protocols come to
is in ``hops``.
"""

from __future__ import annotations

from tests.hostile.answer_case import SMUGGLED as ANOTHER_ANSWER
from tests.hostile.answer_case import AnswerCase, Refused, answer, switch
from tests.hostile.case import SMUGGLED, Case, chunked, get, line, no, ok, post

UPGRADE = "RFC 9110 7.8"
NAMED, WEBSOCKET = b"Connection: Upgrade", b"Upgrade: websocket"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
ASKED = get(KEY, NAMED, WEBSOCKET)


def asks(name: str, *lines: bytes, behind: bytes = b"", **why: str) -> Case:
    """It is passed on as a request for a WebSocket, and nothing behind it is read."""
    return ok(name, UPGRADE, get(KEY, *lines) + behind, ASKED, closes=True, **why)


def ignored(name: str, *lines: bytes) -> Case:
    """It is passed on as if it had not asked."""
    return ok(name, UPGRADE, get(KEY, *lines), get(KEY))


CASES = [
    asks("a WebSocket that is refused", NAMED, WEBSOCKET),
    asks("a request behind it", NAMED, WEBSOCKET, behind=SMUGGLED),
    asks("two requests behind it", NAMED, WEBSOCKET, behind=SMUGGLED * 2),
    asks("frames behind it", NAMED, WEBSOCKET, behind=b"\x81\x85abcdefghi"),
    asks("the head of a request behind it", NAMED, WEBSOCKET, behind=b"POST / HTTP/1.1\r\n"),
    asks("another WebSocket behind it", NAMED, WEBSOCKET, behind=ASKED),
    asks("the fields the other way round", WEBSOCKET, NAMED),
    asks("in odd letters", b"connection:UPGRADE", b"uPGRADE:\tWebSocket "),
    asks("among other options", b"Connection: keep-alive, Upgrade, X", b"X: 1", WEBSOCKET),
    asks("and close", b"Connection: close, Upgrade", WEBSOCKET),
    ok(
        "with an empty body",
        UPGRADE,
        get(NAMED, WEBSOCKET, b"Content-Length: 0") + SMUGGLED,
        get(b"Content-Length: 0", NAMED, WEBSOCKET),
        closes=True,
    ),
    asks("twice", NAMED, WEBSOCKET, WEBSOCKET),
    asks("after h2c", NAMED, b"Upgrade: h2c, websocket"),
    asks(
        "before h2c",
        b"Connection: Upgrade, HTTP2-Settings",
        b"Upgrade: websocket, h2c",
        b"HTTP2-Settings: AAMAAABk",
    ),
    asks("beside PTTH", NAMED, b"Upgrade: PTTH/1.0", WEBSOCKET, b"Upgrade: TLS/1.0"),
    asks("empty elements", NAMED, b"Upgrade: ,, websocket,"),
    ignored("a WebSocket that Connection does not name", WEBSOCKET),
    ignored("only named", NAMED),
    ignored("an empty list", NAMED, b"Upgrade:"),
    ignored("a version of it", NAMED, b"Upgrade: websocket/13"),
    ignored("in quotes", NAMED, b'Upgrade: "websocket"'),
    ignored("with a parameter", NAMED, b"Upgrade: websocket;x=y"),
    ignored("without a comma", NAMED, b"Upgrade: websocket h2c"),
    ignored("a part of its name", NAMED, b"Upgrade: websockets"),
    ignored("a list without an end", NAMED, b"Upgrade: " + b"x," * 200 + b"websocket"),
    ignored("TLS", NAMED, b"Upgrade: TLS/1.0"),
    ignored("HTTP/2.0", NAMED, b"Upgrade: HTTP/2.0"),
    ignored("PTTH in odd letters", NAMED, b"Upgrade: ptth/1.0"),
    ignored("settings of h2c that nobody named", b"HTTP2-Settings: AAMAAABk"),
    ok(
        "a WebSocket of HTTP/1.0",
        UPGRADE,
        line(b"GET /x HTTP/1.0", b"Host: a", NAMED, WEBSOCKET),
        get(),
        closes=True,
    ),
    ok(
        "a WebSocket by POST",
        UPGRADE,
        post(NAMED, WEBSOCKET, b"Content-Length: 0"),
        post(b"Content-Length: 0"),
    ),
    ok(
        "a WebSocket with a body",
        UPGRADE,
        get(NAMED, WEBSOCKET, b"Content-Length: %d" % len(SMUGGLED)) + SMUGGLED,
        get(b"Content-Length: %d" % len(SMUGGLED)) + SMUGGLED,
    ),
    ok(
        "a WebSocket with a chunked body",
        UPGRADE,
        chunked(NAMED, WEBSOCKET, body=b"5\r\nhello\r\n0\r\n\r\n"),
        chunked(body=b"5\r\nhello\r\n0\r\n\r\n"),
    ),
    no(
        "a WebSocket by CONNECT",
        UPGRADE,
        line(b"CONNECT a:80 HTTP/1.1", b"Host: a:80", NAMED, WEBSOCKET),
        "bad_target",
        501,
    ),
    no(
        "a WebSocket with two lengths",
        UPGRADE,
        get(NAMED, WEBSOCKET, b"Content-Length: 0", b"Content-Length: 5"),
        "bad_content_length",
    ),
]

SWITCHES = [
    switch("101 to another protocol", NAMED, b"Upgrade: chat"),
    switch("101 to h2c", NAMED, b"Upgrade: h2c"),
    switch("101 to a channel", NAMED, b"Upgrade: PTTH/1.0"),
    switch("101 to two protocols", NAMED, b"Upgrade: websocket, chat"),
    switch("101 to one protocol twice", NAMED, WEBSOCKET, WEBSOCKET),
    switch("101 to a version", NAMED, b"Upgrade: websocket/13"),
    switch("101 to nothing", NAMED, b"Upgrade:"),
    switch("101 without Upgrade", NAMED),
    switch("101 whose Connection does not name it", WEBSOCKET),
    switch("101 and close", b"Connection: close", WEBSOCKET),
    switch("101 with no length", NAMED, WEBSOCKET, b"Content-Length: 0"),
    switch("101 with a length", NAMED, WEBSOCKET, b"Content-Length: 5"),
    switch("101 with a coding", NAMED, WEBSOCKET, b"Transfer-Encoding: chunked"),
    switch("101 with a bad field", NAMED, WEBSOCKET, b"X : y"),
    switch(
        "101 to a WebSocket with an answer behind it", NAMED, b"Upgrade: x", behind=ANOTHER_ANSWER
    ),
    switch("empty 101 to a WebSocket", behind=b""),
    AnswerCase(
        "101 of HTTP/1.0",
        UPGRADE,
        answer(NAMED, WEBSOCKET, first=b"HTTP/1.0 101 X"),
        Refused(),
        upgrades=True,
    ),
]
