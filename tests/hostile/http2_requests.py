"""The table of hostile requests of HTTP/2, by the sections of RFC 9113."""

from __future__ import annotations

from tests.hostile.hops import FIELDS_LIMIT, HEAD_LIMIT
from tests.hostile.http2_case import (
    PSEUDO,
    STREAM,
    Case,
    Ended,
    Passed,
    Refused,
    Reset,
    asked,
    chunked,
    get,
    post,
    seen,
)
from tests.hostile.http2_frames import (
    CALM,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL,
    FRAME_SIZE,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITIZED,
    PRIORITY,
    PROTOCOL_ERROR,
    PUSH,
    RST,
    SETTINGS,
    STREAM_CLOSED,
    WINDOW,
    block,
    data,
    frame,
    headers,
)

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = seen(b"POST /x", b"Transfer-Encoding: chunked")
BAD = Refused(400, "bad_field")
BAD_OPEN = Refused(400, "bad_field", PROTOCOL_ERROR)
PSEUDO_BAD = Refused(400, "bad_pseudo")
LINE_BAD = Refused(400, "bad_request_line")
TARGET_BAD = Refused(400, "bad_target")
HOST_BAD = Refused(400, "bad_host")


def _names() -> list[Case]:
    bad = {
        "capitals": b"X-Big",
        "one capital": b"x-biG",
        "a colon at the end": b"x:",
        "a colon and a value": b"x: a\r\ny",
        "a space": b"x y",
        "a space at the end": b"content-length ",
        "a line end": b"x\r\ny",
        "a bare LF": b"x\ny",
        "a NUL": b"x\x00",
        "nothing": b"",
        "an octet above 127": b"x\xff",
        "a whole request": b"x: y\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\nz",
        "a parenthesis": b"x(",
    }
    return [
        Case(f"name with {what}", "8.2.1", get((name, b"v")), BAD) for what, name in bad.items()
    ]


def _values() -> list[Case]:
    bad = {
        "CR LF and a field": b"v\r\ntransfer-encoding: chunked",
        "CR LF and a request": b"v\r\n\r\n" + SMUGGLED,
        "a bare LF": b"v\nx: y",
        "a bare CR": b"v\rx: y",
        "a NUL": b"v\x00",
        "DEL": b"v\x7f",
        "a space before": b" v",
        "a tab behind": b"v\t",
        "a line end behind": b"v\r\n",
    }
    cases = [
        Case(f"value with {what}", "8.2.1", get((b"x", value)), BAD) for what, value in bad.items()
    ]
    return [
        *cases,
        Case("an empty value", "8.2.1", get((b"x", b"")), Passed(seen(b"GET /x", b"x: "))),
        Case(
            "octets above 127 in a value",
            "8.2.1",
            get((b"x", b"\xc3\xa4")),
            Passed(seen(b"GET /x", b"x: \xc3\xa4")),
        ),
        Case(
            "a tab within a value",
            "8.2.1",
            get((b"x", b"a\tb")),
            Passed(seen(b"GET /x", b"x: a\tb")),
        ),
    ]


def _connection_fields() -> list[Case]:
    pairs = (
        (b"connection", b"close"),
        (b"connection", b"x"),
        (b"keep-alive", b"timeout=5"),
        (b"proxy-connection", b"close"),
        (b"transfer-encoding", b"chunked"),
        (b"transfer-encoding", b"identity"),
        (b"upgrade", b"websocket"),
        (b"te", b"gzip"),
        (b"te", b"trailers, gzip"),
    )
    cases = [
        Case(f"{name.decode()}: {value.decode()}", "8.2.2", get((name, value)), BAD)
        for name, value in pairs
    ]
    return [
        *cases,
        Case("te: trailers", "8.2.2", get((b"te", b"trailers")), Passed(seen())),
        Case(
            "transfer-encoding and a chunked body",
            "8.2.2",
            post((b"transfer-encoding", b"chunked"), body=b"0\r\n\r\n" + SMUGGLED),
            BAD_OPEN,
        ),
        Case(
            "transfer-encoding beside content-length",
            "8.2.2",
            post((b"content-length", b"3"), (b"transfer-encoding", b"chunked"), body=b"abc"),
            BAD_OPEN,
        ),
        Case(
            "a name like transfer-encoding",
            "8.2.2",
            get((b"transfer_encoding", b"chunked")),
            Passed(seen(b"GET /x", b"transfer_encoding: chunked")),
        ),
    ]


def _pseudo_fields() -> list[Case]:
    plain = (b"x", b"y")
    whole = b"/x HTTP/1.1\r\nhost: a\r\n\r\n" + SMUGGLED
    return [
        Case("no :method", "8.3.1", asked(method=None), LINE_BAD),
        Case("no :scheme", "8.3.1", asked(scheme=None), PSEUDO_BAD),
        Case("no :path", "8.3.1", asked(path=None), TARGET_BAD),
        Case("an empty :path", "8.3.1", asked(path=b""), TARGET_BAD),
        Case("a second :path", "8.3", headers(STREAM, *PSEUDO, PSEUDO[3]), PSEUDO_BAD),
        Case("a second :method", "8.3", headers(STREAM, PSEUDO[0], *PSEUDO), PSEUDO_BAD),
        Case("a second :authority", "8.3", headers(STREAM, *PSEUDO, PSEUDO[2]), PSEUDO_BAD),
        Case("a pseudo-field behind a field", "8.3", headers(STREAM, plain, *PSEUDO), PSEUDO_BAD),
        Case("an unknown pseudo-field", "8.3", headers(STREAM, *PSEUDO, (b":x", b"y")), PSEUDO_BAD),
        Case("an empty pseudo-field", "8.3", headers(STREAM, *PSEUDO, (b":", b"y")), PSEUDO_BAD),
        Case(":status", "8.3", headers(STREAM, *PSEUDO, (b":status", b"200")), PSEUDO_BAD),
        Case(
            "a pseudo-field in capitals",
            "8.3",
            headers(STREAM, *PSEUDO[:3], (b":Path", b"/x")),
            PSEUDO_BAD,
        ),
        Case("another scheme", "8.3.1", asked(scheme=b"ftp"), PSEUDO_BAD),
        Case("a scheme with a line end", "8.3.1", asked(scheme=b"https\r\nx: y"), PSEUDO_BAD),
        Case("a scheme with a host", "8.3.1", asked(scheme=b"https://b/?"), PSEUDO_BAD),
        Case("http", "8.3.1", asked(scheme=b"http"), Passed(seen())),
        Case("a method with a space", "8.3.1", asked(method=b"GET /y HTTP/1.1"), LINE_BAD),
        Case("a method with a line end", "8.3.1", asked(method=SMUGGLED + b"GET"), LINE_BAD),
        Case("an empty method", "8.3.1", asked(method=b""), LINE_BAD),
        Case("a method of its own", "8.3.1", asked(method=b"x-y"), Passed(seen(b"x-y /x"))),
        Case("a path with a space", "8.3.1", asked(path=b"/x HTTP/1.1"), TARGET_BAD),
        Case("a path with a request", "8.3.1", asked(path=whole), TARGET_BAD),
        Case("a path with a tab", "8.3.1", asked(path=b"/x\ty"), TARGET_BAD),
        Case("a path with a NUL", "8.3.1", asked(path=b"/x\x00"), TARGET_BAD),
        Case("a path with a fragment", "8.3.1", asked(path=b"/x#y"), TARGET_BAD),
        Case("an absolute path", "8.3.1", asked(path=b"https://b/x"), TARGET_BAD),
        Case("a path without a slash", "8.3.1", asked(path=b"x"), TARGET_BAD),
        Case("a path of two slashes", "8.3.1", asked(path=b"//b/x"), Passed(seen(b"GET //b/x"))),
        Case("an asterisk", "8.3.1", asked(path=b"*"), TARGET_BAD),
        Case(
            "an asterisk of OPTIONS",
            "8.3.1",
            asked(method=b"OPTIONS", path=b"*"),
            Passed(seen(b"OPTIONS *")),
        ),
    ]


def _authorities() -> list[Case]:
    host = (b"host", b"a")
    without = (*PSEUDO[:2], PSEUDO[3])
    return [
        Case("no authority", "8.3.1", asked(authority=None), HOST_BAD),
        Case("an empty authority", "8.3.1", asked(authority=b""), HOST_BAD),
        Case("a host alone", "8.3.1", headers(STREAM, *without, host), Passed(seen())),
        Case("the same host", "8.3.1", get(host), Passed(seen())),
        Case("another host", "8.3.1", get((b"host", b"b")), HOST_BAD),
        Case("two hosts", "8.3.1", get(host, host), HOST_BAD),
        Case("an empty host", "8.3.1", get((b"host", b"")), HOST_BAD),
        Case("a user", "8.3.1", asked(authority=b"me@a"), HOST_BAD),
        Case("a line end", "8.3.1", asked(authority=b"a\r\nx: y"), HOST_BAD),
        Case("a space", "8.3.1", asked(authority=b"a b"), HOST_BAD),
        Case("a path", "8.3.1", asked(authority=b"a/b"), HOST_BAD),
        Case("a request", "8.3.1", asked(authority=b"a\r\n\r\n" + SMUGGLED), HOST_BAD),
    ]


def _connects() -> list[Case]:
    refused = Refused(501, "bad_target")
    connect = (b":method", b"CONNECT")
    return [
        Case("CONNECT", "8.5", headers(STREAM, connect, PSEUDO[2]), refused),
        Case(
            "CONNECT that goes on",
            "8.5",
            headers(STREAM, connect, PSEUDO[2], end=False) + data(STREAM, SMUGGLED),
            refused._replace(reset=0),
        ),
        Case("CONNECT with a path", "8.5", headers(STREAM, connect, *PSEUDO[1:]), refused),
        Case(
            "extended CONNECT",
            "RFC 8441 4",
            headers(STREAM, connect, *PSEUDO[1:], (b":protocol", b"websocket")),
            PSEUDO_BAD,
        ),
    ]


def _lengths() -> list[Case]:
    bad = Refused(400, "bad_content_length")
    broken = bad._replace(reset=PROTOCOL_ERROR)
    length = b"content-length"
    part = seen(b"POST /x", b"content-length: 5")
    cases = [
        Case(f"length {value!r}", "8.1.1", post((length, value), body=b"abc"), broken)
        for value in (b"+3", b"3,3", b"0x3", b"3.0", b"-1", b"9" * 19, b"", b"3;q=1")
    ]
    return [
        *cases,
        Case("two lengths", "8.1.1", post((length, b"3"), (length, b"3"), body=b"abc"), broken),
        Case("two that differ", "8.1.1", post((length, b"3"), (length, b"0"), body=b"abc"), broken),
        Case("a length without a body", "8.1.1", get((length, b"5")), bad),
        Case(
            "a body too short",
            "8.1.1",
            post((length, b"5"), body=b"abc"),
            bad._replace(seen=part + b"abc"),
        ),
        Case(
            "a body too long",
            "8.1.1",
            post((length, b"5"), body=b"abcde" + SMUGGLED),
            bad._replace(seen=part + b"abcde"),
        ),
        Case(
            "a body too long that goes on",
            "8.1.1",
            post((length, b"5"), body=b"abcdef", end=False),
            broken._replace(seen=part + b"abcde"),
        ),
        Case(
            "a length of nothing, and nothing",
            "8.1.1",
            post((length, b"0"), body=b""),
            Passed(seen(b"POST /x", b"content-length: 0")),
        ),
        Case(
            "a body that looks like a request",
            "8.1",
            post((length, b"%d" % len(SMUGGLED)), body=SMUGGLED),
            Passed(seen(b"POST /x", b"content-length: %d" % len(SMUGGLED), body=SMUGGLED)),
        ),
        Case(
            "a body that looks like chunks",
            "8.1",
            post(body=b"0\r\n\r\n" + SMUGGLED),
            Passed(CHUNKED + chunked(b"0\r\n\r\n" + SMUGGLED)),
        ),
        Case("a body of nothing", "8.1", post(body=b""), Passed(CHUNKED + chunked(b""))),
        Case(
            "padding",
            "6.1",
            post() + frame(DATA, PADDED | END_STREAM, STREAM, b"\x04abc" + bytes(4)),
            Passed(CHUNKED + chunked(b"abc")),
        ),
    ]


def _cookies() -> list[Case]:
    crumbs = ((b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"cookie", b"c=3"))
    return [
        Case(
            "crumbs of a cookie",
            "8.2.3",
            get(crumbs[0], (b"x", b"y"), *crumbs[1:]),
            Passed(seen(b"GET /x", b"x: y", b"cookie: a=1; b=2; c=3")),
        ),
        Case("a crumb with a line end", "8.2.3", get(crumbs[0], (b"cookie", b"b\r\nx: y")), BAD),
    ]


def _trailers() -> list[Case]:
    def trailed(*pairs: tuple[bytes, bytes]) -> bytes:
        return post(body=b"abc", end=False) + headers(STREAM, *pairs)

    part = CHUNKED + b"abc"

    def dropped(name: str, *pairs: tuple[bytes, bytes]) -> Case:
        return Case(name, "RFC 9110 6.5.1", trailed(*pairs), Passed(CHUNKED + chunked(b"abc")))

    bad = BAD._replace(seen=part)
    return [
        Case(
            "trailers",
            "8.1",
            trailed((b"x-sum", b"1")),
            Passed(CHUNKED + chunked(b"abc", b"x-sum: 1\r\n")),
        ),
        dropped("a length among trailers", (b"content-length", b"3")),
        dropped("a host among trailers", (b"host", b"b")),
        dropped("a claim among trailers", (b"x-forwarded-for", b"1.2.3.4")),
        dropped("a credential among trailers", (b"authorization", b"x")),
        Case(
            "a pseudo-field among trailers",
            "8.1",
            trailed((b":path", b"/y")),
            Refused(400, "bad_pseudo", None, part),
        ),
        Case("capitals among trailers", "8.2.1", trailed((b"X-Sum", b"1")), bad),
        Case("a line end among trailers", "8.2.1", trailed((b"x", b"1\r\n\r\n" + SMUGGLED)), bad),
        Case("connection among trailers", "8.2.2", trailed((b"connection", b"x")), bad),
        Case(
            "trailers that do not end the stream",
            "8.1",
            post(body=b"abc", end=False) + headers(STREAM, (b"x", b"y"), end=False),
            Ended(PROTOCOL_ERROR, part),
        ),
    ]


def _sizes() -> list[Case]:
    large = [(b"x%d" % each, b"y" * 100) for each in range(HEAD_LIMIT // 100)]
    many = [(b"x", b"y")] * FIELDS_LIMIT
    return [
        Case("a head too large", "10.5.1", get(*large), Refused(431, "head_too_large")),
        Case("too many fields", "10.5.1", get(*many), Refused(431, "too_many_fields")),
        Case(
            "as many fields as are allowed",
            "10.5.1",
            get(*many[1:]),
            Passed(seen(b"GET /x", *[b"x: y"] * (FIELDS_LIMIT - 1))),
        ),
        Case(
            "fields that unpack to much",
            "10.5.1",
            frame(
                HEADERS,
                END_HEADERS | END_STREAM,
                STREAM,
                b"\x40\x01x\x7f\xa1\x1e" + b"y" * 4000 + b"\xbe" * 2000,
            ),
            Ended(CALM),
        ),
        Case(
            "a block of many frames",
            "6.10",
            frame(HEADERS, END_STREAM, STREAM, block(*PSEUDO[:2]))
            + frame(CONTINUATION, 0, STREAM, block(PSEUDO[2]))
            + frame(CONTINUATION, END_HEADERS, STREAM, block(PSEUDO[3], (b"x", b"y"))),
            Passed(seen(b"GET /x", b"x: y")),
        ),
        Case(
            "a block without an end",
            "10.5.1",
            frame(HEADERS, END_STREAM, STREAM, block(*PSEUDO))
            + frame(CONTINUATION, 0, STREAM, block((b"x", b"y"))) * 100,
            Ended(PROTOCOL_ERROR),
        ),
        Case("a frame too large", "4.2", frame(DATA, 0, STREAM, bytes(16385)), Ended(FRAME_SIZE)),
    ]


def _frames() -> list[Case]:
    whole = post(body=b"abc")
    passed = CHUNKED + chunked(b"abc")
    return [
        Case("DATA on a stream that is idle", "5.1", data(STREAM, b"x"), Ended(PROTOCOL_ERROR)),
        Case("DATA on stream 0", "6.1", data(0, b"x"), Ended(PROTOCOL_ERROR)),
        Case("HEADERS on stream 0", "6.2", headers(0, *PSEUDO), Ended(PROTOCOL_ERROR)),
        Case("HEADERS on an even stream", "5.1.1", headers(2, *PSEUDO), Ended(PROTOCOL_ERROR)),
        Case(
            "DATA behind the end",
            "5.1",
            whole + data(STREAM, SMUGGLED),
            Reset(STREAM_CLOSED, passed),
        ),
        Case(
            "a request within a block",
            "6.2",
            frame(HEADERS, 0, STREAM, block(*PSEUDO)) + headers(5, *PSEUDO),
            Ended(PROTOCOL_ERROR),
        ),
        Case("CONTINUATION alone", "6.10", frame(CONTINUATION, 4, STREAM), Ended(PROTOCOL_ERROR)),
        Case("PUSH_PROMISE of a client", "8.4", frame(PUSH, 4, STREAM, bytes(4)), Ended(1)),
        Case("SETTINGS on a stream", "6.5", frame(SETTINGS, 0, STREAM), Ended(PROTOCOL_ERROR)),
        Case("SETTINGS of five octets", "6.5", frame(SETTINGS, 0, 0, bytes(5)), Ended(FRAME_SIZE)),
        Case("SETTINGS of a window too large", "6.5.2", _setting(4, 1 << 31), Ended(FLOW_CONTROL)),
        Case("SETTINGS of frames too small", "6.5.2", _setting(5, 1), Ended(PROTOCOL_ERROR)),
        Case("PING of seven octets", "6.7", frame(PING, 0, 0, bytes(7)), Ended(FRAME_SIZE)),
        Case("PING on a stream", "6.7", frame(PING, 0, STREAM, bytes(8)), Ended(PROTOCOL_ERROR)),
        Case("a window opened by nothing", "6.9", frame(WINDOW, 0, 0, bytes(4)), Ended(1)),
        Case(
            "a window opened too far",
            "6.9.1",
            frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff"),
            Ended(FLOW_CONTROL),
        ),
        Case("RST_STREAM of an idle stream", "6.4", frame(RST, 0, STREAM, bytes(4)), Ended(1)),
        Case(
            "a stream that depends on itself",
            "5.3.1",
            frame(PRIORITY, 0, STREAM, STREAM.to_bytes(4, "big") + b"\x00"),
            Ended(PROTOCOL_ERROR),
        ),
        Case(
            "HEADERS with a priority",
            "6.2",
            frame(
                HEADERS,
                END_HEADERS | END_STREAM | PRIORITIZED,
                STREAM,
                b"\x00\x00\x00\x00\x10" + block(*PSEUDO),
            ),
            Passed(seen()),
        ),
        Case(
            "more padding than payload",
            "6.1",
            post() + frame(DATA, PADDED, STREAM, b"\x08abc"),
            Ended(PROTOCOL_ERROR, CHUNKED),
        ),
        Case(
            "a block that is no HPACK",
            "4.3",
            frame(HEADERS, END_HEADERS | END_STREAM, STREAM, b"\xff\xff\xff\xff\xff\xff"),
            Ended(PROTOCOL_ERROR),
        ),
        Case("an unknown frame", "5.5", frame(0x99, 0xFF, 0, SMUGGLED) + get(), Passed(seen())),
        Case(
            "a request behind the client's GOAWAY",
            "6.8",
            post(body=b"a", end=False)
            + frame(GOAWAY, 0, 0, bytes(8))
            + headers(5, *PSEUDO)
            + data(STREAM, b"bc", end=True),
            Passed(passed),
        ),
        Case(
            "a request that is given up",
            "5.4.2",
            post(body=b"abc", end=False) + frame(RST, 0, STREAM, b"\x00\x00\x00\x08"),
            Reset(-1, CHUNKED + b"abc"),
        ),
    ]


def _setting(name: int, value: int) -> bytes:
    return frame(SETTINGS, 0, 0, name.to_bytes(2, "big") + value.to_bytes(4, "big"))


HTTP2_REQUESTS = [
    *_names(),
    *_values(),
    *_connection_fields(),
    *_pseudo_fields(),
    *_authorities(),
    *_connects(),
    *_lengths(),
    *_cookies(),
    *_trailers(),
    *_sizes(),
    *_frames(),
]
