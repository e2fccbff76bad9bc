"""The control port's paths and fields, as both ends write them.

A connection is opened with ``GET /v1/instances/{instance}/channel`` or ``.../session``, asks for
the upgrade of its kind and carries its nonce and proof in fields of their own.
"""

from __future__ import annotations

from typing import Final

from lambdadispatch.wire.heads import RequestHead, request
from lambdadispatch.wire.proof import CHANNEL, SESSION, make_proof

UPGRADES: Final = {CHANNEL: b"PTTH/1.0", SESSION: b"lambdadispatch-session/1"}
"""The protocol each kind of connection changes to. PTTH/1.0 is that of the Reverse HTTP draft."""

NONCE_FIELD: Final = b"Lambda-Dispatch-Nonce"
PROOF_FIELD: Final = b"Lambda-Dispatch-Proof"

CERTIFICATE_NAME: Final = "router.lambdadispatch.internal"
"""The host name that the router's own certificate carries; who calls back asks for it."""


def upgrade_request(
    host: str, instance: str, purpose: str, secret: bytes, nonce: str
) -> RequestHead:
    """The request that opens a channel or a session (``purpose`` CHANNEL or SESSION)."""
    # An IPv6 address stands in brackets (RFC 3986 section 3.2.2), without the name of a zone, which
    # means something on this machine alone (RFC 6874 section 4).
    if host.count(":") > 1:
        host = f"[{host.partition('%')[0]}]"
    return request(
        b"GET",
        f"/v1/instances/{instance}/{purpose}".encode(),
        (
            (b"Host", host.encode()),
            (b"Connection", b"Upgrade"),
            (b"Upgrade", UPGRADES[purpose]),
            (NONCE_FIELD, nonce.encode()),
            (PROOF_FIELD, make_proof(secret, instance, purpose, nonce).encode()),
        ),
    )
