"""Header and trailer fields: reading, checking, and what a proxy may pass on.

A whole block of fields is checked and split by one regular expression, and the result is
remembered: a client on a kept-alive connection sends the same block with every request, so in
the common case reading a head costs one look-up.

Sources: RFC 9110 section 5 (fields), 7.6.1 (Connection), 8.6 (Content-Length); RFC 9112
section 5 (field syntax), 6.1 (Transfer-Encoding), 6.3 (message body length).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

from lambdadispatch.wire.errors import LocalProtocolError, RemoteProtocolError

Pairs: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Fields in order, as (name, value), names in the sender's own case."""

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
TEXT = rb"[^\x00-\x08\x0a-\x1f\x7f]*+"
"""Possessive, as is the white space before it: a run of spaces must not be tried in every split."""

_TOKEN = re.compile(TOKEN)
_TEXT = re.compile(TEXT)
_LINE = re.compile(rb"^(" + TOKEN + rb"):[ \t]*+(" + TEXT + rb")\r\n", re.MULTILINE)
_DIGITS = re.compile(rb"[0-9]{1,18}")

HOP_BY_HOP = frozenset(
    b"connection http2-settings keep-alive proxy-connection te transfer-encoding upgrade".split()
)
"""Fields that speak to the next hop alone (RFC 9110 section 7.6.1)."""

_NEVER_NAMED = frozenset([b"host", b"content-length", b"authorization", b"cookie", b"set-cookie"])
"""Fields that Connection may not make disappear: dropping one changes what a message means."""

_NOT_IN_TRAILERS = HOP_BY_HOP | frozenset(
    b"age authorization cache-control content-encoding content-length content-range content-type "
    b"cookie date expect expires host if-match if-modified-since if-none-match if-range "
    b"if-unmodified-since location max-forwards proxy-authenticate proxy-authorization range "
    b"retry-after set-cookie trailer vary warning www-authenticate".split()
)
"""Fields that must not be taken from a trailer section (RFC 9110 section 6.5.1), beside ``CLAIMS``:
framing, routing, credentials, conditions, control of the response, form of the content. An
application that puts trailers among its header fields would believe them.
"""

REMEMBERED_BLOCKS = 2048
REMEMBERED_BYTES = 2048
REMEMBERED_NAME = 64


class NameSet:
    """A set of field names, given in lower case, and of beginnings of names.

    A name is in it in any case, and with ``_`` for ``-``: CGI, WSGI and what grew from them see no
    difference between the two.
    """

    def __init__(self, names: Iterable[bytes], beginnings: tuple[bytes, ...] = ()) -> None:
        self.names = frozenset(names)
        self.beginnings = beginnings
        self._known: dict[bytes, bool] = {}

    def __contains__(self, name: bytes) -> bool:
        known = self._known.get(name)
        if known is None:
            plain = name.lower().replace(b"_", b"-")
            known = plain in self.names or plain.startswith(self.beginnings)
            if len(name) <= REMEMBERED_NAME and len(self._known) < REMEMBERED_BLOCKS:
                self._known[name] = known
        return known

    def __or__(self, other: NameSet) -> NameSet:
        return NameSet(self.names | other.names, self.beginnings + other.beginnings)


CLAIMS = NameSet(
    b"forwarded client-ip front-end-https true-client-ip x-client-ip x-cluster-client-ip "
    b"x-original-forwarded-for x-real-ip x-scheme x-url-scheme".split(),
    (b"x-forwarded-",),
)
"""Fields by which proxies tell who a client is and how it came: worth nothing from a client."""


class Fields:
    """The fields of one head, immutable, with what framing and routing need already read.

    ``content_length`` is the declared length in octets or None; ``chunked`` tells that the one
    transfer coding is chunked; ``connection`` holds the lower-cased options of Connection;
    ``hosts`` all values of Host; ``upgrade`` the protocols of Upgrade as sent. ``longer`` is for
    readers: the last line that came after just these fields, and the fields with it.
    """

    __slots__ = (
        "_block",
        "_kept",
        "_passed_over",
        "chunked",
        "connection",
        "content_length",
        "expects_continue",
        "hosts",
        "longer",
        "pairs",
        "upgrade",
    )

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs
        self.content_length: int | None = None
        self.chunked = False
        self.connection: frozenset[bytes] = frozenset()
        self.hosts: tuple[bytes, ...] = ()
        self.upgrade = b""
        self.expects_continue = False
        self._block: bytes | None = None
        self._passed_over: NameSet | None = None
        self._kept: Fields | None = None
        self.longer: tuple[bytes, Fields] | None = None
        for name, value in pairs:
            read = _READ.get(name.lower())
            if read is not None:
                read(self, value)
        _check_framing(self)

    @classmethod
    def of(cls, pairs: Iterable[tuple[bytes, bytes]]) -> Fields:
        """Fields made on this side; a name or value that HTTP does not allow is refused."""
        checked = tuple(pairs)
        for name, value in checked:
            if not _TOKEN.fullmatch(name):
                raise LocalProtocolError("bad_field_name", f"field name {name!r} is not a token")
            if not _TEXT.fullmatch(value):
                raise LocalProtocolError(
                    "bad_field_value", f"value of {name!r} has a control character: {value!r}"
                )
        try:
            return cls(checked)
        except RemoteProtocolError as error:
            raise LocalProtocolError(error.reason, error.detail) from error

    def get(self, name: bytes) -> bytes | None:
        """The last value of ``name`` (given in lower case), or None."""
        found = None
        for each, value in self.pairs:
            if each.lower() == name:
                found = value
        return found

    def get_all(self, name: bytes) -> list[bytes]:
        """All values of ``name`` (given in lower case), in order."""
        return [value for each, value in self.pairs if each.lower() == name]

    def without(self, names: frozenset[bytes]) -> Pairs:
        """The fields whose lower-cased name is not among ``names``."""
        return tuple(pair for pair in self.pairs if pair[0].lower() not in names)

    def passing_over(self, names: NameSet) -> Fields:
        """The fields whose name is not in ``names``: this object itself if it has none of them.

        The last answer is remembered, for heads are remembered and asked again.
        """
        if self._passed_over is names:
            return self._kept or self
        kept = tuple(pair for pair in self.pairs if pair[0] not in names)
        self._kept = None if len(kept) == len(self.pairs) else Fields(kept)
        self._passed_over = names
        return self._kept or self

    def followed_by(self, name: bytes, value: bytes) -> Fields | None:
        """These fields and one more; None if that would change anything but ``pairs``."""
        lower = name.lower()
        if lower in _READ or lower in self.hop_by_hop:
            return None
        longer = Fields(())
        longer.pairs = (*self.pairs, (name, value))
        longer.content_length = self.content_length
        longer.chunked = self.chunked
        longer.connection = self.connection
        longer.hosts = self.hosts
        longer.upgrade = self.upgrade
        longer.expects_continue = self.expects_continue
        longer._block = self.end_to_end_block + b"%b: %b\r\n" % (name, value)
        return longer

    @property
    def hop_by_hop(self) -> frozenset[bytes]:
        """Lower-cased names a proxy removes: the fixed ones and those Connection names."""
        if not self.connection:
            return HOP_BY_HOP
        return HOP_BY_HOP | (self.connection - _NEVER_NAMED)

    @property
    def end_to_end(self) -> Pairs:
        """The fields a proxy passes on, in order."""
        return self.without(self.hop_by_hop)

    @property
    def end_to_end_block(self) -> bytes:
        """``end_to_end`` as it stands on the wire, each line with its CRLF; made once."""
        block = self._block
        if block is None:
            # Not cached_property: a compiled class has no place for what that keeps.
            block = self._block = render_fields(self.end_to_end)
        return block


def _check_framing(fields: Fields) -> None:
    # Not within __init__: there mypyc takes what was assigned first for what is, and drops this.
    if fields.chunked and fields.content_length is not None:
        raise RemoteProtocolError(
            "length_and_chunked", "a message has both Content-Length and Transfer-Encoding"
        )


def _read_content_length(fields: Fields, value: bytes) -> None:
    if fields.content_length is not None or not _DIGITS.fullmatch(value):
        raise RemoteProtocolError(
            "bad_content_length",
            f"Content-Length {value[:40]!r} is not one decimal number given once",
        )
    fields.content_length = int(value)


def _read_transfer_encoding(fields: Fields, value: bytes) -> None:
    if fields.chunked or value.lower() != b"chunked":
        raise RemoteProtocolError(
            "bad_transfer_encoding",
            f"Transfer-Encoding {value[:40]!r} is not the one coding spoken here, chunked",
            status=501 if _TOKEN.fullmatch(value) and value.lower() != b"chunked" else 400,
        )
    fields.chunked = True


def _read_connection(fields: Fields, value: bytes) -> None:
    options = (option.strip(b" \t").lower() for option in value.split(b","))
    fields.connection |= frozenset(option for option in options if option)


def _read_host(fields: Fields, value: bytes) -> None:
    fields.hosts += (value,)


def _read_upgrade(fields: Fields, value: bytes) -> None:
    fields.upgrade = fields.upgrade + b", " + value if fields.upgrade else value


def _read_expect(fields: Fields, value: bytes) -> None:
    fields.expects_continue = value.lower() == b"100-continue"


_READ = {
    b"content-length": _read_content_length,
    b"transfer-encoding": _read_transfer_encoding,
    b"connection": _read_connection,
    b"host": _read_host,
    b"upgrade": _read_upgrade,
    b"expect": _read_expect,
}

NO_FIELDS = Fields(())


def parse_fields(block: bytes, most: int) -> Fields:
    """Read a block of field lines, each ending in CRLF, without the empty line after them.

    Raises RemoteProtocolError: ``too_many_fields`` (431) over ``most`` lines; ``bad_field`` for
    a line that is not ``token ":" OWS text OWS CRLF`` (so also for folded lines, bare CR or LF,
    NUL, and white space before the colon); and what the framing fields themselves break.
    """
    if len(block) <= REMEMBERED_BYTES:
        return _parse_remembered(block, most)
    return _parse(block, most)


def _parse(block: bytes, most: int) -> Fields:
    lines = block.count(b"\n")
    if lines > most:
        raise RemoteProtocolError(
            "too_many_fields", f"{lines} header fields, {most} are allowed", status=431
        )
    found = _LINE.findall(block)
    if len(found) != lines:
        raise RemoteProtocolError("bad_field", _first_bad_line(block))
    if b" \r" in block or b"\t\r" in block:
        found = [(name, value.rstrip(b" \t")) for name, value in found]
    return Fields(tuple(found))


_parse_remembered = lru_cache(maxsize=REMEMBERED_BLOCKS)(_parse)


def _first_bad_line(block: bytes) -> str:
    for line in block.split(b"\n"):
        if line and not _LINE.fullmatch(line + b"\n"):
            return f"header line {line[:80]!r} is not a name, a colon and a value"
    return "a header line is not a name, a colon and a value"


def trailer_pairs(fields: Fields, hop_by_hop: frozenset[bytes] = HOP_BY_HOP) -> Pairs:
    """What may be taken from a trailer section: also no claims about where a request is from.

    ``hop_by_hop`` are those of its message's head: what Connection names there goes from the
    trailers too (RFC 9110 section 7.6.1).
    """
    return fields.passing_over(CLAIMS).without(_NOT_IN_TRAILERS | hop_by_hop)


def render_fields(pairs: Pairs) -> bytes:
    """Field lines as bytes; the pairs are trusted to come from ``parse_fields`` or ``of``."""
    return b"".join([b"%b: %b\r\n" % pair for pair in pairs])
