"""What a strict reader of requests refuses, and which reader does.

Each input is read differently by different programs, which is how a part of one request passes for
another one (request smuggling). A few of them RFC 9112 lets a recipient mend instead (folded
fields, lines that end in LF, Content-Length beside Transfer-Encoding). Sources: RFC 9112
sections 2.2, 3, 5, 6.1, 6.3, 7.1 and 11.2; RFC 9110 section 7.2.
"""

from __future__ import annotations

from typing import NamedTuple

from bench.readers import READERS, Count
from bench.table import markdown_table


class Input(NamedTuple):
    """``data`` should be refused; or, with ``most``, not give more requests than that."""

    what: str
    data: bytes
    most: int = 0


def _post(fields: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return b"POST / %b\r\nHost: a\r\n%b\r\n%b" % (version, fields, body)


_CHUNKED = b"Transfer-Encoding: chunked\r\n"

INPUTS = (
    Input(
        "Content-Length beside Transfer-Encoding",
        _post(b"Content-Length: 5\r\n" + _CHUNKED, b"0\r\n\r\n"),
    ),
    Input("two Content-Lengths", _post(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"12345")),
    Input("Content-Length +5", _post(b"Content-Length: +5\r\n", b"12345")),
    Input("a coding after chunked", _post(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n")),
    Input("Transfer-Encoding xchunked", _post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n")),
    Input("chunked in HTTP/1.0", _post(_CHUNKED, b"0\r\n\r\n", b"HTTP/1.0")),
    Input("space before a colon", _post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n")),
    Input("folded field", _post(b"X: a\r\n b\r\n")),
    Input("lines that end in LF", b"GET / HTTP/1.1\nHost: a\n\n"),
    Input("CR within a value", _post(b"X: a\rb\r\n")),
    Input("NUL within a value", _post(b"X: a\x00b\r\n")),
    Input("space in the target", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    Input("no Host", b"GET / HTTP/1.1\r\n\r\n"),
    Input("two Hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    Input("chunk size 0x5", _post(_CHUNKED, b"0x5\r\n12345\r\n0\r\n\r\n")),
    Input("chunk longer than its size", _post(_CHUNKED, b"3\r\n12345\r\n0\r\n\r\n")),
    Input("size line that ends in LF", _post(_CHUNKED, b"5\n12345\r\n0\r\n\r\n")),
    Input("LF within a chunk extension", _post(_CHUNKED, b"5;a\nb\r\n12345\r\n0\r\n\r\n")),
    Input(
        "body of an Upgrade that passes for a request",
        _post(
            b"Connection: Upgrade\r\nUpgrade: x\r\nContent-Length: 33\r\n",
            b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        most=1,
    ),
)


def is_fooled(count: Count, bad: Input) -> bool:
    """Whether this reader takes the input for what it should not."""
    found = count(bad.data)
    return found is not None and found > bad.most


def fooled(name: str) -> int:
    """By how many inputs this reader is."""
    return sum(is_fooled(READERS[name].count, bad) for bad in INPUTS)


def page() -> str:
    """A table: a row for each input, a column for each reader."""
    rows = [
        [bad.what, *("taken" if is_fooled(READERS[name].count, bad) else "-" for name in READERS)]
        for bad in INPUTS
    ]
    return markdown_table([f"{len(INPUTS)} bad inputs", *READERS], rows)
