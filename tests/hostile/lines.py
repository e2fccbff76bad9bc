"""The request line: methods, forms of the target, versions; CONNECT and OPTIONS *."""

from __future__ import annotations

from tests.hostile.case import SMUGGLED, Case, line, no, ok, post

LINE = "RFC 9112 3"
METHOD = "RFC 9110 9.1"
TARGET = "RFC 9112 3.2"
ORIGIN = "RFC 9112 3.2.1"
ABSOLUTE = "RFC 9112 3.2.2"
ASTERISK = "RFC 9112 3.2.4"
CONNECT = "RFC 9110 9.3.6"
VERSION = "RFC 9110 2.5"


def bad(name: str, first: bytes, section: str = LINE, **why: str) -> Case:
    return no(name, section, line(first), "bad_request_line", **why)


def bad_target(name: str, target: bytes, section: str = TARGET, **why: str) -> Case:
    return no(name, section, line(b"GET %b HTTP/1.1" % target), "bad_target", **why)


def same(name: str, target: bytes, section: str = ORIGIN, **why: str) -> Case:
    """A target that the application gets as it stands."""
    return ok(name, section, line(b"GET %b HTTP/1.1" % target), **why)


METHODS = [
    *(
        ok(f"method {name}", METHOD, line(b"%b /x HTTP/1.1" % name.encode()))
        for name in ("GET", "HEAD", "OPTIONS", "DELETE", "PATCH", "PROPFIND", "MKCOL", "QUERY")
    ),
    ok("a method nobody knows", METHOD, line(b"FROBNICATE /x HTTP/1.1")),
    ok("a method in small letters is another one", METHOD, line(b"get /x HTTP/1.1")),
    ok("a method of other characters", METHOD, line(b"M-SEARCH /x HTTP/1.1")),
    ok("every character of a method", METHOD, line(b"!#$%&'*+-.^_`|~09 /x HTTP/1.1")),
    ok("TRACE is the application's", "RFC 9110 9.3.8", line(b"TRACE /x HTTP/1.1")),
    bad("no method", b" /x HTTP/1.1"),
    bad("a method that is no token", b"G@T /x HTTP/1.1"),
    bad("a method with a colon", b"GET: /x HTTP/1.1"),
    bad("a method in quotes", b'"GET" /x HTTP/1.1'),
    bad("NUL in the method", b"G\x00T /x HTTP/1.1"),
    bad("octet above 127 in the method", b"G\xe9T /x HTTP/1.1"),
    bad("a field for a request line", b"Host: b"),
    bad("a response", b"HTTP/1.1 200 OK"),
]

SPACES = [
    bad("two spaces before the target", b"GET  /x HTTP/1.1"),
    bad("two spaces before the version", b"GET /x  HTTP/1.1"),
    bad("a tab before the target", b"GET\t/x HTTP/1.1"),
    bad("a tab before the version", b"GET /x\tHTTP/1.1"),
    bad("a vertical tab before the version", b"GET /x\x0bHTTP/1.1"),
    bad("a bare CR for a space", b"GET\r/x HTTP/1.1"),
    bad("a space at the start", b" GET /x HTTP/1.1"),
    bad("a space at the end", b"GET /x HTTP/1.1 "),
    bad("a tab at the end", b"GET /x HTTP/1.1\t"),
    bad("a space in the target", b"GET /x y HTTP/1.1"),
    bad("a version in the target", b"GET /x HTTP/1.1 HTTP/1.1"),
    bad("no target", b"GET HTTP/1.1"),
    bad("an empty target", b"GET  HTTP/1.1"),
    bad("a word behind the version", b"GET /x HTTP/1.1 x"),
]

TARGETS = [
    same("path", b"/"),
    same("path and query", b"/a/b?c=d&e=f?g"),
    same("two slashes", b"//b/c", nginx="merges slashes where a location has a path"),
    same("dots", b"/a/../../b/./c"),
    same("escaped dots and slashes", b"/a/%2e%2e%2fb%00%0d%0a"),
    same("bad escapes", b"/a%zz%2"),
    same("backslashes", b"/a\\..\\b"),
    same("what browsers leave as it is", b"/a?b=|{}^`'\"<>[]"),
    same("octets above 127", b"/caf\xc3\xa9", haproxy="refuses octets above 127 in a target"),
    same("an absolute target as a query", b"/?http://b/"),
    same("control paths are paths", b"/v1/instances/i1-000000/channel"),
    bad_target("no slash", b"x"),
    bad_target("a query alone", b"?x"),
    bad_target("a fragment", b"/x#y"),
    bad_target("a fragment of a query", b"/x?y#z"),
    bad_target("a fragment alone", b"#x"),
    bad("NUL in the target", b"GET /x\x00 HTTP/1.1"),
    bad("DEL in the target", b"GET /x\x7f HTTP/1.1"),
    bad("ESC in the target", b"GET /x\x1b HTTP/1.1"),
    bad("bare CR in the target", b"GET /x\ry HTTP/1.1"),
]


def absolute(name: str, target: bytes, host: bytes, path: bytes, **why: str) -> Case:
    return ok(
        name,
        ABSOLUTE,
        line(b"GET %b HTTP/1.1" % target, b"Host: " + host),
        line(b"GET %b HTTP/1.1" % path, b"Host: " + host),
        **why,
    )


def bad_absolute(name: str, target: bytes, *lines: bytes, **why: str) -> Case:
    return no(name, ABSOLUTE, line(b"GET %b HTTP/1.1" % target, *lines), "bad_host", **why)


ABSOLUTES = [
    absolute("absolute form", b"http://a/x", b"a", b"/x"),
    absolute("absolute form without a path", b"http://a", b"a", b"/"),
    absolute("absolute form with a query alone", b"http://a?x", b"a", b"/?x"),
    absolute("absolute form with a port", b"http://a:81/x", b"a:81", b"/x"),
    absolute("absolute form in other letters", b"HTTP://A/X", b"a", b"/X"),
    absolute("absolute form of https", b"https://a/x", b"a", b"/x"),
    ok(
        "absolute form in HTTP/1.0 names the host",
        ABSOLUTE,
        line(b"GET http://b:81/x HTTP/1.0", b"X: y"),
        line(b"GET /x HTTP/1.1", b"Host: b:81", b"X: y"),
        closes=True,
    ),
    bad_absolute("another host in the target", b"http://b/x", b"Host: a"),
    bad_absolute("another port in the target", b"http://a:81/x", b"Host: a"),
    bad_absolute("a port only in Host", b"http://a/x", b"Host: a:81"),
    bad_absolute("a user in the target", b"http://u@a/x", b"Host: a"),
    bad_absolute("Host as the user of the target", b"http://a@b/x", b"Host: a"),
    bad_absolute("a host only in the target", b"http://a/x", b"X: y"),
    bad_absolute("an empty Host", b"http://a/x", b"Host:"),
    no(
        "a user in the target of HTTP/1.0",
        ABSOLUTE,
        line(b"GET http://u@a/x HTTP/1.0", b"X: y"),
        "bad_host",
    ),
    no(
        "a bad host in the target of HTTP/1.0",
        ABSOLUTE,
        line(b"GET http://a\\b/x HTTP/1.0", b"X: y"),
        "bad_host",
    ),
    bad_target("absolute form with a fragment", b"http://a/x#y", ABSOLUTE),
    bad_target("absolute form without a host", b"http:///x", ABSOLUTE),
    bad_target("another scheme", b"ftp://a/x", ABSOLUTE),
    bad_target("a scheme of a script", b"javascript:x", ABSOLUTE),
    bad_target("an authority without CONNECT", b"a:80", "RFC 9112 3.2.3"),
]

OTHERS = [
    ok("OPTIONS *", ASTERISK, line(b"OPTIONS * HTTP/1.1")),
    ok(
        "OPTIONS in absolute form without a path",
        ASTERISK,
        line(b"OPTIONS http://a HTTP/1.1"),
        line(b"OPTIONS * HTTP/1.1"),
    ),
    ok(
        "OPTIONS in absolute form with a path",
        ASTERISK,
        line(b"OPTIONS http://a/ HTTP/1.1"),
        line(b"OPTIONS / HTTP/1.1"),
    ),
    bad_target("* of a GET", b"*", ASTERISK),
    bad_target("* and more", b"*/x", ASTERISK),
    *(
        no(name, CONNECT, line(first) + SMUGGLED, "bad_target", 501)
        for name, first in (
            ("CONNECT", b"CONNECT a:80 HTTP/1.1"),
            ("CONNECT with a path", b"CONNECT /x HTTP/1.1"),
            ("CONNECT in absolute form", b"CONNECT http://a/ HTTP/1.1"),
            ("CONNECT in HTTP/1.0", b"CONNECT a:80 HTTP/1.0"),
            ("CONNECT *", b"CONNECT * HTTP/1.1"),
        )
    ),
]

VERSIONS = [
    ok(
        "HTTP/1.0",
        VERSION,
        line(b"GET /x HTTP/1.0"),
        line(b"GET /x HTTP/1.1"),
        closes=True,
    ),
    ok(
        "HTTP/1.0 without a host",
        "RFC 9112 3.2",
        line(b"GET /x HTTP/1.0", b"X: y"),
        line(b"GET /x HTTP/1.1", b"X: y", b"Host: "),
        closes=True,
    ),
    ok(
        "HTTP/1.0 that is kept",
        "RFC 9112 9.3",
        line(b"GET /x HTTP/1.0", b"Host: a", b"Connection: keep-alive"),
        line(b"GET /x HTTP/1.1", b"Host: a"),
    ),
    ok(
        "HTTP/1.0 that is kept and closed",
        "RFC 9112 9.3",
        line(b"GET /x HTTP/1.0", b"Host: a", b"Connection: keep-alive, close"),
        line(b"GET /x HTTP/1.1", b"Host: a"),
        closes=True,
    ),
    ok(
        "body in HTTP/1.0",
        "RFC 9112 6.3",
        line(b"POST /x HTTP/1.0", b"Host: a", b"Content-Length: 5") + b"hello",
        post(b"Content-Length: 5", body=b"hello"),
        closes=True,
    ),
    bad("HTTP/0.9", b"GET /x", VERSION),
    bad("version in small letters", b"GET /x http/1.1", VERSION),
    bad("version with a letter", b"GET /x HTTP/1.x", VERSION),
    bad("version of two digits", b"GET /x HTTP/1.10", VERSION),
    bad("version with a space", b"GET /x HTTP/ 1.1", VERSION),
    bad("version with a comma", b"GET /x HTTP/1,1", VERSION),
    bad("version not defined yet", b"GET /x HTTP/1.2", VERSION),
    bad("another protocol", b"GET /x HTTPS/1.1", VERSION),
    bad("version of NUL", b"GET /x HTTP/1.1\x00", VERSION),
    *(
        no(
            f"HTTP/{number}",
            "RFC 9110 15.6.6",
            line(b"GET /x HTTP/%b" % number.encode()),
            "bad_version",
            505,
        )
        for number in ("2.0", "2", "3", "0.9", "9.9", "11.1", "1", "01.1")
    ),
    no(
        "the preface of HTTP/2",
        "RFC 9113 3.4",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        "bad_version",
        505,
    ),
    no(
        "a TLS hello",
        LINE,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        "bad_request_line",
    ),
    no("a PROXY line", LINE, b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + SMUGGLED, "bad_request_line"),
]

CASES = METHODS + SPACES + TARGETS + ABSOLUTES + OTHERS + VERSIONS
