"""The Forwarded field: reading and writing.

A proxy that adds an element to a field it cannot read may end up within a quoted string that
somebody left open, so what came is read first, and dropped if it breaks the grammar.

Source: RFC 7239 sections 4 (grammar), 5 (parameters) and 6 (nodes).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.fields import TOKEN

Element: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""What one proxy says: (parameter in lower case, value without quotes), in order."""

UNKNOWN: Final = b"unknown"
"""The node whose address is not known (RFC 7239 section 6.2)."""

FOUR: Final = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port")

_TOKEN = re.compile(TOKEN)
_QUOTED = rb'"((?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+)"'
_PAIR = re.compile(rb"(" + TOKEN + rb")=(?:(" + TOKEN + rb")|" + _QUOTED + rb")")
_SEPARATOR = re.compile(rb";|[ \t]*+,[ \t]*+|[ \t]*+\Z")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(rb'(["\\])')


def parse_forwarded(value: bytes) -> list[Element]:
    """The elements of a Forwarded field, the first proxy's first; empty ones are left out.

    Raises RemoteProtocolError ``bad_forwarded`` for what breaks the grammar, and for a parameter
    that an element has twice.
    """
    elements: list[Element] = []
    pairs: list[tuple[bytes, bytes]] = []
    position = 0
    while position < len(value):
        match = _PAIR.match(value, position)
        if match is not None:
            pairs.append((match[1].lower(), _plain(match)))
            position = match.end()
        separator = _SEPARATOR.match(value, position)
        if separator is None:
            raise RemoteProtocolError("bad_forwarded", f"Forwarded {value[:80]!r} cannot be read")
        position = separator.end()
        if separator[0] != b";" or position == len(value):
            _close_element(elements, pairs)
            pairs = []
    return elements


def _plain(match: re.Match[bytes]) -> bytes:
    if match[2] is not None:
        return match[2]
    return _ESCAPED.sub(rb"\1", match[3])


def _close_element(elements: list[Element], pairs: list[tuple[bytes, bytes]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise RemoteProtocolError("bad_forwarded", "an element of Forwarded has a parameter twice")
    if pairs:
        elements.append(tuple(pairs))


def render_forwarded(elements: Iterable[Element]) -> bytes:
    """The value of a Forwarded field."""
    return b", ".join(
        b";".join(b"%b=%b" % (name, quoted(value)) for name, value in element)
        for element in elements
    )


def quoted(value: bytes) -> bytes:
    """``value`` as a token if it is one, else as a quoted string (RFC 7239 section 4)."""
    if _TOKEN.fullmatch(value):
        return value
    return b'"%b"' % _TO_ESCAPE.sub(rb"\\\1", value)


def node(host: str | None) -> bytes:
    """A node's name without quotes: an IPv6 address stands in brackets (RFC 7239 section 6)."""
    if host is None:
        return UNKNOWN
    return b"[%b]" % host.encode() if ":" in host else host.encode()
