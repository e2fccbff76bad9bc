"""Host, hop-by-hop fields, Expect, upgrades, pipelines, limits, and clients that leave."""

from __future__ import annotations

from tests.hostile.case import SMUGGLED, Case, chunked, cut, get, line, message, no, ok, post

HOST = "RFC 9112 3.2"
HOP = "RFC 9110 7.6.1"
EXPECT = "RFC 9110 10.1.1"
UPGRADE = "RFC 9110 7.8"
CLOSE = "RFC 9112 9.6"
LIMIT = "RFC 6585 5"

HEAD_LIMIT, FIELDS_LIMIT = 4096, 20
"""What the head of a request may measure in these tests."""


def host(name: str, value: bytes, **why: str) -> Case:
    return ok(name, HOST, line(b"GET /x HTTP/1.1", b"Host: " + value), **why)


def bad_host(name: str, *lines: bytes, version: bytes = b"1.1", **why: str) -> Case:
    return no(name, HOST, line(b"GET /x HTTP/" + version, *lines), "bad_host", **why)


HOSTS = [
    host("host", b"www.example.com"),
    host("host and port", b"a:8080"),
    host("empty port", b"a:"),
    host("IPv4", b"127.0.0.1"),
    host("IPv6", b"[::1]"),
    host("IPv6 and port", b"[2001:db8::1]:80"),
    host("capitals", b"ExAmPlE.COM"),
    host("escapes", b"a%20b"),
    host("every character of a name", b"a-._~!$&'()*+,;=b"),
    ok("empty host", HOST, line(b"GET /x HTTP/1.1", b"Host:"), line(b"GET /x HTTP/1.1", b"Host: ")),
    bad_host("no host", b"X: y"),
    bad_host("two hosts", b"Host: a", b"Host: b"),
    bad_host("two hosts, the same", b"Host: a", b"host: a"),
    bad_host("two hosts, one empty", b"Host: a", b"Host:"),
    bad_host("two hosts in HTTP/1.0", b"Host: a", b"Host: b", version=b"1.0"),
    bad_host("two hosts in one", b"Host: a, b"),
    bad_host("a host with a space", b"Host: a b"),
    bad_host("a host with a tab", b"Host: a\tb"),
    bad_host("a host with a path", b"Host: a/b"),
    bad_host("a host with a query", b"Host: a?b"),
    bad_host("a host with a fragment", b"Host: a#b"),
    bad_host("a host with a user", b"Host: u@a"),
    bad_host("a host with a scheme", b"Host: http://a"),
    bad_host("a host with a backslash", b"Host: a\\b"),
    bad_host("a host in quotes", b'Host: "a"'),
    bad_host("a host with an octet above 127", b"Host: caf\xc3\xa9"),
    bad_host("a bad escape", b"Host: a%zz"),
    bad_host("a port that is none", b"Host: a:80b"),
    bad_host("two ports", b"Host: a:80:81"),
    bad_host("a negative port", b"Host: a:-1"),
    bad_host("a port of six digits", b"Host: a:000080"),
    bad_host("IPv6 without brackets", b"Host: ::1"),
    bad_host("IPv6 without an end", b"Host: [::1"),
    bad_host("a name in brackets", b"Host: [a.example]"),
    bad_host("a bad host in HTTP/1.0", b"Host: a/b", version=b"1.0"),
]


def dropped(name: str, *lines: bytes, kept: tuple[bytes, ...] = (), **why: str) -> Case:
    return ok(name, HOP, get(*lines), get(*kept), **why)


HOPS = [
    dropped("Connection: keep-alive", b"Connection: keep-alive"),
    dropped("Keep-Alive", b"Keep-Alive: timeout=5"),
    dropped("Proxy-Connection", b"Proxy-Connection: keep-alive"),
    dropped("TE", b"TE: trailers", b"Connection: TE"),
    dropped("TE that nobody named", b"TE: trailers, deflate;q=0.5"),
    dropped("Upgrade that nobody named", b"Upgrade: h2c"),
    dropped(
        "one that Connection names", b"Connection: X-Hop", b"X-Hop: 1", b"X: 2", kept=(b"X: 2",)
    ),
    dropped(
        "several, in two fields, in odd letters",
        b"connection: x-a ,\tX-B",
        b"X-A: 1",
        b"x-b: 2",
        b"Connection: x-C",
        b"X-c: 3",
        b"X-D: 4",
        kept=(b"X-D: 4",),
    ),
    dropped(
        "one that is named before and after it", b"X-Hop: 1", b"Connection: X-Hop", b"x-hop: 2"
    ),
    dropped("empty elements", b"Connection: ,, ,X-Hop,", b"X-Hop: 1"),
    dropped("an empty Connection", b"Connection:"),
    dropped("one that is not there", b"Connection: X-Hop"),
    dropped("Host cannot be removed", b"Connection: Host"),
    ok(
        "Content-Length cannot be removed",
        HOP,
        post(b"Connection: Content-Length", b"Content-Length: 5", body=b"hello"),
        post(b"Content-Length: 5", body=b"hello"),
    ),
    dropped(
        "credentials cannot be removed",
        b"Connection: Cookie, Authorization",
        b"Cookie: a=1",
        b"Authorization: x",
        kept=(b"Cookie: a=1", b"Authorization: x"),
    ),
    ok("Connection: close", CLOSE, get(b"Connection: close"), get(), closes=True),
    ok(
        "Connection: Close, X-Hop", CLOSE, get(b"Connection: Close, X", b"X: 1"), get(), closes=True
    ),
    ok(
        "Connection: close and keep-alive",
        CLOSE,
        get(b"Connection: keep-alive", b"Connection: close"),
        get(),
        closes=True,
    ),
    ok(
        "nothing is read behind Connection: close",
        CLOSE,
        get(b"Connection: close") + SMUGGLED,
        get(),
        closes=True,
    ),
    ok(
        "a body, then close",
        CLOSE,
        post(b"Connection: close", b"Content-Length: 5", body=b"hello" + SMUGGLED),
        post(b"Content-Length: 5", body=b"hello"),
        closes=True,
    ),
    ok("Max-Forwards is the application's", "RFC 9110 7.6.2", get(b"Max-Forwards: 10")),
    ok("Proxy-Authorization", "RFC 9110 11.7.2", get(b"Proxy-Authorization: Basic eA==")),
    ok("Via of others", "RFC 9110 7.6.3", get(b"Via: 1.1 other")),
]

EXPECTS = [
    ok(
        "Expect: 100-continue",
        EXPECT,
        post(b"Expect: 100-continue", b"Content-Length: 5", body=b"hello"),
    ),
    ok(
        "Expect in odd letters",
        EXPECT,
        post(b"expect: 100-Continue", b"Content-Length: 5", body=b"hello"),
    ),
    ok("Expect without a body", EXPECT, get(b"Expect: 100-continue")),
    ok("another expectation", EXPECT, get(b"Expect: coffee")),
    ok(
        "Expect with a chunked body",
        EXPECT,
        chunked(b"Expect: 100-continue", body=b"5\r\nhello\r\n0\r\n\r\n"),
    ),
]

UPGRADES = [
    ok(
        "h2c, and bytes of HTTP/2 behind it",
        UPGRADE,
        get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
        get(),
    ),
    ok(
        "an upgrade with a body",
        UPGRADE,
        post(
            b"Connection: Upgrade",
            b"Upgrade: h2c",
            b"Content-Length: %d" % len(SMUGGLED),
            body=SMUGGLED,
        ),
        post(b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED),
    ),
    ok(
        "an upgrade with a chunked body",
        UPGRADE,
        chunked(b"Connection: Upgrade", b"Upgrade: h2c", body=b"5\r\nhello\r\n0\r\n\r\n"),
        chunked(body=b"5\r\nhello\r\n0\r\n\r\n"),
    ),
    ok(
        "PTTH, the upgrade of the control port",
        UPGRADE,
        message(
            b"GET /v1/instances/i1-000000/channel HTTP/1.1",
            (b"Host: a", b"Connection: Upgrade", b"Upgrade: PTTH/1.0"),
            b"",
        ),
        line(b"GET /v1/instances/i1-000000/channel HTTP/1.1"),
    ),
    ok(
        "the session's upgrade",
        UPGRADE,
        message(
            b"GET /v1/instances/i1-000000/session HTTP/1.1",
            (b"Host: a", b"Connection: Upgrade", b"Upgrade: lambdadispatch-session/1"),
            b"",
        ),
        line(b"GET /v1/instances/i1-000000/session HTTP/1.1"),
    ),
]

PIPELINES = [
    ok("two requests", "RFC 9112 9.3.2", get() + SMUGGLED, get(), SMUGGLED),
    ok(
        "three requests with bodies",
        "RFC 9112 9.3.2",
        post(b"Content-Length: 5", body=b"hello")
        + chunked(body=b"2\r\nhi\r\n0\r\n\r\n")
        + post(b"Content-Length: 0"),
        post(b"Content-Length: 5", body=b"hello"),
        chunked(body=b"2\r\nhi\r\n0\r\n\r\n"),
        post(b"Content-Length: 0"),
    ),
    ok("empty lines between", "RFC 9112 2.2", get() + b"\r\n\r\n" + get(), get(), get()),
]

LIMITS = [
    ok("as many fields as are allowed", LIMIT, get(*(b"X: y",) * (FIELDS_LIMIT - 1))),
    no("one field too many", LIMIT, get(*(b"X: y",) * FIELDS_LIMIT), "too_many_fields", 431),
    ok("the largest head", LIMIT, get(b"X: " + b"y" * (HEAD_LIMIT - len(get(b"X: "))))),
    no(
        "one octet too large",
        LIMIT,
        get(b"X: " + b"y" * (HEAD_LIMIT + 1 - len(get(b"X: ")))),
        "head_too_large",
        431,
    ),
    no(
        "a target too long",
        LIMIT,
        line(b"GET /" + b"x" * 5000 + b" HTTP/1.1"),
        "head_too_large",
        431,
    ),
    no("a method too long", LIMIT, line(b"G" * 5000 + b" / HTTP/1.1"), "head_too_large", 431),
    no("a head without an end", LIMIT, b"GET /" + b"x" * 9000, "head_too_large", 431),
    no("a name too long", LIMIT, get(b"X" * 5000 + b": y"), "head_too_large", 431),
    no(
        "a bare LF in a head too large",
        LIMIT,
        get(b"X: a\nb" + b"y" * 5000),
        "bare_lf",
        haproxy="another limit on heads; a bare LF ends a line",
        nginx="another limit on heads; a bare LF ends a line",
    ),
    no("spaces without an end", LIMIT, get(b"X:" + b" " * 5000 + b"y"), "head_too_large", 431),
]

CUTS = [
    cut("within the request line", "RFC 9112 8", b"GET /x HT"),
    cut("within the fields", "RFC 9112 8", b"GET /x HTTP/1.1\r\nHost: a\r\n"),
    cut("before the last LF", "RFC 9112 8", b"GET /x HTTP/1.1\r\nHost: a\r\n\r"),
    cut("before the body", "RFC 9112 8", post(b"Content-Length: 5"), post(b"Content-Length: 5")),
    cut(
        "within the body",
        "RFC 9112 8",
        post(b"Content-Length: 5", body=b"hell"),
        post(b"Content-Length: 5", body=b"hell"),
    ),
    cut("within a chunk", "RFC 9112 8", chunked(body=b"5\r\nhel"), chunked(body=b"hel")),
    cut(
        "before the last chunk",
        "RFC 9112 8",
        chunked(body=b"5\r\nhello\r\n"),
        chunked(body=b"hello"),
    ),
    cut("within a size", "RFC 9112 8", chunked(body=b"5\r\nhello\r\n1"), chunked(body=b"hello")),
    cut(
        "after the last size",
        "RFC 9112 8",
        chunked(body=b"5\r\nhello\r\n0\r\n"),
        chunked(body=b"hello"),
    ),
    cut(
        "within the trailers",
        "RFC 9112 8",
        chunked(body=b"5\r\nhello\r\n0\r\nX: y\r\n"),
        chunked(body=b"hello"),
    ),
]

CASES = HOSTS + HOPS + EXPECTS + UPGRADES + PIPELINES + LIMITS + CUTS
