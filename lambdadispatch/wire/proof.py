"""How a connection proves that it belongs to an invocation, without showing the secret.

The invoke payload carries a secret made for that invocation alone. Each connection sends a
nonce of its own and HMAC-SHA256 (RFC 2104) over what it is for, under the secret. Who reads the
connection learns nothing that opens another one: the router takes each nonce once.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

SECRET_OCTETS: Final = 32
NONCE: Final = re.compile(r"[0-9a-f]{32}")

SESSION: Final = "session"
CHANNEL: Final = "channel"


def make_proof(secret: bytes, instance: str, purpose: str, nonce: str) -> str:
    """The proof as 64 hexadecimal digits. ``purpose`` is SESSION or CHANNEL."""
    message = "\n".join(("lambdadispatch/1", instance, purpose, nonce))
    return hmac.new(secret, message.encode(), hashlib.sha256).hexdigest()


def proof_holds(secret: bytes, instance: str, purpose: str, nonce: str, proof: str) -> bool:
    """Whether ``proof`` is the right one, compared in constant time."""
    expected = make_proof(secret, instance, purpose, nonce)
    return hmac.compare_digest(expected.encode(), proof.encode("utf-8", "surrogateescape"))
