"""Which requests may change the protocol of their connection, and which answers do.

Theory of operation. Upgrade is a field for one hop, so what a client sends in it is never passed
on as it came. What is passed on is written anew: those protocols of the client's list that are on a
list of allowed ones, and only for a GET of HTTP/1.1 without a body whose Connection names the field
too. For any other request the field is dropped, and it is served as if it had not asked.

Some protocols are never passed on, whatever is allowed. After ``h2c`` a proxy would not see the
requests that it lets through (known as h2c smuggling), TLS would hide them, and the protocols of
the control port turn a connection into a channel or a session.

Rejected: to pass on every protocol and believe the answer (an application need not know a protocol
to be used for smuggling, it is enough if it answers 101); upgrades with a body (RFC 9110 section
7.8 has the body end before the protocol changes, and readers of it do not agree on that).

Sources: RFC 9110 section 7.8, RFC 9113 section 3.1, RFC 2817, RFC 6455 section 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from lambdadispatch.wire.control import UPGRADES as OF_CONTROL
from lambdadispatch.wire.fields import TOKEN
from lambdadispatch.wire.heads import RequestHead, ResponseHead

WEBSOCKET: Final = b"websocket"

VALUE_LIMIT: Final = 256
"""Octets of an Upgrade field; a longer list is dropped unread."""

PROTOCOL: Final = re.compile(TOKEN + rb"(?:/" + TOKEN + rb")?")

_NEVER: Final = frozenset([b"h2c", b"h2", *(word.lower() for word in OF_CONTROL.values())])
_NEVER_NAMES: Final = frozenset(
    [b"http", b"tls", *(word.lower().partition(b"/")[0] for word in OF_CONTROL.values())]
)


def is_refused(protocol: bytes) -> bool:
    """Whether this protocol is never passed on, in any version: HTTP, TLS, the control port's."""
    lower = protocol.lower()
    return lower in _NEVER or lower.partition(b"/")[0] in _NEVER_NAMES


class Upgrades:
    """The protocols that requests may ask for; ``allowed`` None for every one that is not refused
    always, which is for who gets only what another has let through.
    """

    def __init__(self, allowed: Iterable[bytes] | None) -> None:
        self._allowed: dict[bytes, bytes] | None = None
        if allowed is not None:
            self._allowed = {word.lower(): word for word in allowed if not is_refused(word)}

    def asked(self, head: RequestHead) -> tuple[bytes, ...]:
        """The protocols to ask for in the place of who sent this request, most often none."""
        fields = head.fields
        value = fields.upgrade
        if not value or head.body or not head.minor or head.method != b"GET":
            return ()
        if len(value) > VALUE_LIMIT or b"upgrade" not in fields.connection:
            return ()
        words = (word.strip(b" \t") for word in value.split(b","))
        return tuple(dict.fromkeys(known for known in map(self._known, words) if known))

    def _known(self, word: bytes) -> bytes:
        """The protocol in the spelling that is passed on; empty if it is not."""
        if self._allowed is not None:
            return self._allowed.get(word.lower(), b"")
        return b"" if is_refused(word) or not PROTOCOL.fullmatch(word) else word


NO_UPGRADES: Final = Upgrades(())
UPGRADES_OF_CHANNELS: Final = Upgrades(None)
"""What came on a channel was let through by the router."""


def upgrade_lines(protocols: Iterable[bytes]) -> bytes:
    """The field lines that ask for these protocols, or that tell of the one that was taken."""
    return b"Connection: Upgrade\r\nUpgrade: %b\r\n" % b", ".join(protocols)


def switched_to(head: ResponseHead, asked: Iterable[bytes]) -> bytes:
    """The protocol of ``asked`` that this 101 changes to; empty if it is no good answer.

    It must name one that was asked for, and name Upgrade in Connection. Content-Length and
    Transfer-Encoding have no place in it (RFC 9110 section 8.6, RFC 9112 section 6.1).
    """
    fields = head.fields
    if not head.minor or fields.chunked or fields.content_length is not None:
        return b""
    if b"upgrade" not in fields.connection:
        return b""
    named = fields.upgrade.lower()
    for protocol in asked:
        if protocol.lower() == named:
            return protocol
    return b""
