"""How the table of hostile requests of HTTP/2 is written.

A case is frames after the preface and an empty SETTINGS, its request on stream 3, and what must
come of it:

- ``Passed``: the application gets exactly ``seen``, and the client 204;
- ``Refused``: the stream is answered ``status`` with ``reason``, and then reset with ``reset`` if
  the request had not ended; of it the application may have got the part ``seen``, and the other
  streams go on;
- ``Reset``: the stream is reset with ``code`` (-1: by the client), and the other streams go on;
- ``Ended``: the connection ends with a GOAWAY of ``code``.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.hostile.http2_frames import data, headers


class Passed(NamedTuple):
    seen: bytes


class Refused(NamedTuple):
    status: int
    reason: str
    reset: int | None = None
    seen: bytes = b""


class Reset(NamedTuple):
    code: int
    seen: bytes = b""


class Ended(NamedTuple):
    code: int
    seen: bytes = b""


Expected = Passed | Refused | Reset | Ended


class Case(NamedTuple):
    name: str
    section: str
    raw: bytes
    expected: Expected


def ids(case: Case) -> str:
    return f"{case.name} ({case.section})"


STREAM = 3
PSEUDO = (
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"a"),
    (b":path", b"/x"),
)
POST = ((b":method", b"POST"), *PSEUDO[1:])


def get(*fields: tuple[bytes, bytes]) -> bytes:
    """A GET with these further fields."""
    return headers(STREAM, *PSEUDO, *fields)


def post(*fields: tuple[bytes, bytes], body: bytes | None = None, end: bool = True) -> bytes:
    """A POST whose body, if there is one, comes in one DATA."""
    head = headers(STREAM, *POST, *fields, end=False)
    return head if body is None else head + data(STREAM, body, end=end)


def asked(**changed: bytes | None) -> bytes:
    """A GET with other pseudo-fields; one that is None is left out."""
    pairs = [(name, changed.get(name[1:].decode(), value)) for name, value in PSEUDO]
    return headers(STREAM, *[(name, value) for name, value in pairs if value is not None])


def seen(first: bytes = b"GET /x", *lines: bytes, body: bytes = b"") -> bytes:
    """What the application should see, of fields that follow the Host."""
    return b"\r\n".join([first + b" HTTP/1.1", b"host: a", *lines, b"", body])


def chunked(body: bytes, trailers: bytes = b"") -> bytes:
    """A body of one chunk, as the splitter of the tests writes it."""
    return (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n" + trailers + b"\r\n"
