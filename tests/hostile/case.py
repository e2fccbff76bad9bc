"""How the table of hostile requests is written.

A case says what a client sends, which section of which RFC rules on it, and what must come of it:

- ``Accepted``: the application gets exactly ``seen``, one item to a request;
- ``Rejected``: the client is answered ``status`` with ``reason`` and the connection is closed; of a
  request whose body broke the rules the application may have got the part ``seen``;
- ``Cut``: the client leaves in the middle; the application may have got the part ``seen``.

``nginx`` and ``haproxy`` say why these two treat the same bytes otherwise; a difference without a
reason fails the differential test.
"""

from __future__ import annotations

from typing import NamedTuple


class Accepted(NamedTuple):
    """``closes``: the router closes after the answer, so that nothing may follow."""

    seen: tuple[bytes, ...]
    closes: bool = False


class Rejected(NamedTuple):
    status: int
    reason: str
    seen: bytes = b""


class Cut(NamedTuple):
    seen: bytes = b""


class Case(NamedTuple):
    name: str
    section: str
    raw: bytes
    expected: Accepted | Rejected | Cut
    nginx: str = ""
    haproxy: str = ""


def ids(case: Case) -> str:
    return f"{case.name} ({case.section})"


def ok(
    name: str,
    section: str,
    raw: bytes,
    *seen: bytes,
    closes: bool = False,
    nginx: str = "",
    haproxy: str = "",
) -> Case:
    """Accepted; the application sees ``seen``, or, if that is not said, the same bytes."""
    return Case(name, section, raw, Accepted(seen or (raw,), closes), nginx, haproxy)


def no(
    name: str,
    section: str,
    raw: bytes,
    reason: str,
    status: int = 400,
    *,
    seen: bytes = b"",
    nginx: str = "",
    haproxy: str = "",
) -> Case:
    """Rejected."""
    return Case(name, section, raw, Rejected(status, reason, seen), nginx, haproxy)


def cut(name: str, section: str, raw: bytes, seen: bytes = b"") -> Case:
    """The client leaves here."""
    return Case(name, section, raw, Cut(seen))


def message(first: bytes, lines: tuple[bytes, ...], body: bytes) -> bytes:
    return b"\r\n".join([first, *lines, b"", body])


def get(*lines: bytes) -> bytes:
    """A GET with these further lines."""
    return message(b"GET /x HTTP/1.1", (b"Host: a", *lines), b"")


def post(*lines: bytes, body: bytes = b"") -> bytes:
    """A POST with these further lines, and what stands behind its head."""
    return message(b"POST /x HTTP/1.1", (b"Host: a", *lines), body)


def chunked(*lines: bytes, body: bytes) -> bytes:
    """A chunked POST."""
    return post(*lines, b"Transfer-Encoding: chunked", body=body)


def line(first: bytes, *lines: bytes) -> bytes:
    """A request with this request line; Host is there unless other lines are."""
    return message(first, lines or (b"Host: a",), b"")


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
"""What an attacker would like to hide in another request; alone it is a good request."""
