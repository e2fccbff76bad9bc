"""How the table of answers is written: what an application says, and what becomes of it.

- ``Passed``: the client gets exactly ``seen`` (chunked bodies as one chunk);
- ``Refused``: the client is answered 502 with ``reason`` and gets nothing of it;
- ``Broken``: the client got at most ``seen`` and then its connection was cut, so that the part
  cannot pass for the whole.
"""

from __future__ import annotations

from typing import NamedTuple

STATUS = "RFC 9112 4"
LENGTH = "RFC 9112 6.3"
CODING = "RFC 9112 6.1"
CHUNKS = "RFC 9112 7.1"
HOP = "RFC 9110 7.6.1"
INTERIM = "RFC 9110 15.2"
SYNTAX = "RFC 9112 5"
LINES = "RFC 9112 2.2"
CLOSE = "RFC 9112 9.6"
UPGRADE = "RFC 9110 7.8"
END = b"0\r\n\r\n"
SMUGGLED = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled"
"""An answer that nobody asked for."""


class Passed(NamedTuple):
    seen: bytes
    keeps: bool = True
    """Whether the channel goes on after it."""


class Refused(NamedTuple):
    reason: str = "bad_answer"


class Broken(NamedTuple):
    seen: bytes


class AnswerCase(NamedTuple):
    """``ends``: the application closes behind ``raw``; ``method`` is that of the request, and
    ``upgrades`` whether that asks for a WebSocket.
    """

    name: str
    section: str
    raw: bytes
    expected: Passed | Refused | Broken
    method: bytes = b"GET"
    ends: bool = False
    upgrades: bool = False


def answer(*lines: bytes, body: bytes = b"", first: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join([first, *lines, b"", body])


HI = answer(b"Content-Length: 2", body=b"hi")
CHUNKED_HI = answer(b"Transfer-Encoding: chunked", body=b"2\r\nhi\r\n" + END)
CHUNKED_HEAD = answer(b"Transfer-Encoding: chunked")


def ok(
    name: str,
    section: str,
    raw: bytes,
    seen: bytes | None = None,
    *,
    method: bytes = b"GET",
    ends: bool = False,
    keeps: bool = True,
) -> AnswerCase:
    seen = raw if seen is None else seen
    return AnswerCase(name, section, raw, Passed(seen, keeps and not ends), method, ends)


def no(
    name: str, section: str, raw: bytes, reason: str = "bad_answer", *, ends: bool = False
) -> AnswerCase:
    return AnswerCase(name, section, raw, Refused(reason), ends=ends)


def switch(name: str, *extra: bytes, behind: bytes = b"bytes") -> AnswerCase:
    """A 101 that is bad by these lines, to a request that asked for a WebSocket."""
    raw = answer(*extra, body=behind, first=b"HTTP/1.1 101 Switching Protocols")
    return AnswerCase(name, UPGRADE, raw, Refused(), upgrades=True)


def lines(name: str, section: str, *extra: bytes) -> AnswerCase:
    """An answer that is bad by these lines."""
    return no(name, section, answer(*extra, b"Content-Length: 2", body=b"hi"))


def first(name: str, line: bytes) -> AnswerCase:
    return no(name, STATUS, answer(b"Content-Length: 2", body=b"hi", first=line))


def broken(name: str, section: str, raw: bytes, seen: bytes, *, ends: bool = False) -> AnswerCase:
    return AnswerCase(name, section, raw, Broken(seen), ends=ends)
