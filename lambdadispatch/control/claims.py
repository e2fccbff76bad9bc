"""What each invocation may do at the control port.

A claim is made before the Invoke call is sent, carries the invocation's one-time secret, and ends
with the invocation. A connection is admitted if it names a live claim and holds its proof, with a
nonce that was not used before. Should the end of an invocation never be heard of, its claim
expires.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from lambdadispatch.wire.proof import CHANNEL, NONCE, SECRET_OCTETS, SESSION, proof_holds

NONCES_REMEMBERED = 100_000


class Denial(StrEnum):
    """Why a connection was not admitted."""

    UNKNOWN_INSTANCE = "unknown_instance"
    CLOSING_INSTANCE = "closing_instance"
    EXPIRED = "expired"
    BAD_PROOF = "bad_proof"
    NONCE_USED = "nonce_used"
    TOO_MANY = "too_many"
    NO_SESSION = "no_session"


DENIAL_STATUS = {
    Denial.UNKNOWN_INSTANCE: 409,
    Denial.EXPIRED: 403,
    Denial.CLOSING_INSTANCE: 409,
    Denial.NO_SESSION: 409,
    Denial.BAD_PROOF: 403,
    Denial.NONCE_USED: 403,
    Denial.TOO_MANY: 429,
}
"""The status each denial is told with."""


@dataclass(eq=False)
class Claim:
    """One invocation's right to call back, and what came of it.

    What is admitted under it belongs to its ``pool`` and to no other: a peer has no say in that.
    ``channels_allowed`` bounds its open channels; ``requests`` were sent through them. After
    ``expires``, in seconds of the clock of Claims, nothing is admitted any more.
    """

    instance: str
    channels_allowed: int
    secret: bytes = field(repr=False, default_factory=lambda: secrets.token_bytes(SECRET_OCTETS))
    expires: float = math.inf
    pool: str = ""
    closing: bool = False
    session_open: bool = False
    channels_open: int = 0
    channels_made: int = 0
    requests: int = 0
    nonces: set[str] = field(repr=False, default_factory=set)


class Claims:
    """All live claims by instance. ``now`` gives the time in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._claims: dict[str, Claim] = {}

    def __len__(self) -> int:
        return len(self._claims)

    def add(self, claim: Claim) -> None:
        """An invocation is about to be started."""
        self._claims[claim.instance] = claim

    def end(self, instance: str) -> None:
        """The invocation has ended: its secret is worth nothing any more."""
        self._claims.pop(instance, None)

    def get(self, instance: str) -> Claim | None:
        """The live claim of this instance."""
        return self._claims.get(instance)

    def admit(self, instance: str, purpose: str, nonce: str, proof: str) -> Claim | Denial:
        """The claim under which a connection for ``purpose`` (CHANNEL, SESSION) is admitted.

        An unknown instance is told before any proof is looked at: its name is no secret, and it
        must learn that it should leave. All else is told only to who holds the secret: the proof
        of one instance shown in the name of another is a wrong proof.
        """
        claim = self._claims.get(instance)
        if claim is None:
            return Denial.UNKNOWN_INSTANCE
        if not NONCE.fullmatch(nonce):
            return Denial.BAD_PROOF
        if not proof_holds(claim.secret, instance, purpose, nonce, proof):
            return Denial.BAD_PROOF
        if self._now() > claim.expires:
            return Denial.EXPIRED
        if nonce in claim.nonces or len(claim.nonces) >= NONCES_REMEMBERED:
            return Denial.NONCE_USED
        claim.nonces.add(nonce)
        return self._room(claim, purpose)

    @staticmethod
    def _room(claim: Claim, purpose: str) -> Claim | Denial:
        if claim.closing:
            return Denial.CLOSING_INSTANCE
        if purpose == SESSION and claim.session_open:
            return Denial.TOO_MANY
        if purpose == CHANNEL and not claim.session_open:
            return Denial.NO_SESSION
        if purpose == CHANNEL and claim.channels_open >= claim.channels_allowed:
            return Denial.TOO_MANY
        return claim
