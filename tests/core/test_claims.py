"""Who may open a connection to the control port."""

from __future__ import annotations

import pytest

from lambdadispatch.control.claims import (
    DENIAL_STATUS,
    NONCES_REMEMBERED,
    Claim,
    Claims,
    Denial,
)
from lambdadispatch.wire.proof import CHANNEL, SECRET_OCTETS, SESSION, make_proof


class Door:
    """Claims with one claim for two channels, and callers that count their nonces."""

    def __init__(self) -> None:
        self.claims = Claims(lambda: 0.0)
        self.claim = Claim("i1", channels_allowed=2)
        self.claims.add(self.claim)
        self.nonces = 0

    def ask(
        self, purpose: str, *, nonce: str | None = None, secret: bytes | None = None
    ) -> Claim | Denial:
        self.nonces += 1
        nonce = nonce or f"{self.nonces:032x}"
        proof = make_proof(secret or self.claim.secret, "i1", purpose, nonce)
        return self.claims.admit("i1", purpose, nonce, proof)


@pytest.fixture
def door() -> Door:
    return Door()


def test_the_right_proof_opens_a_session_and_then_channels(door: Door) -> None:
    assert door.ask(SESSION) is door.claim
    door.claim.session_open = True
    assert door.ask(CHANNEL) is door.claim


def test_each_claim_has_a_secret_of_its_own() -> None:
    secrets = {Claim("i1", 1).secret for _ in range(100)}
    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {SECRET_OCTETS}


def test_an_unknown_instance_is_told_without_a_proof(door: Door) -> None:
    assert door.claims.admit("i2", SESSION, "", "") is Denial.UNKNOWN_INSTANCE


def test_an_ended_claim_is_unknown(door: Door) -> None:
    assert (len(door.claims), door.claims.get("i1")) == (1, door.claim)
    door.claims.end("i1")
    door.claims.end("i1")
    assert (len(door.claims), door.claims.get("i1")) == (0, None)
    assert door.ask(SESSION) is Denial.UNKNOWN_INSTANCE


@pytest.mark.parametrize(
    "nonce", ["0" * 31, "0" * 33, "G" * 32, "A" * 32, "0" * 32 + "\n", "é" * 32]
)
def test_a_nonce_is_32_small_hexadecimal_digits(door: Door, nonce: str) -> None:
    assert door.ask(SESSION, nonce=nonce) is Denial.BAD_PROOF


@pytest.mark.parametrize("proof", ["", "0" * 64, "é", "\udcff"])
def test_a_wrong_proof(door: Door, proof: str) -> None:
    assert door.claims.admit("i1", SESSION, "0" * 32, proof) is Denial.BAD_PROOF


def test_a_proof_is_for_one_purpose_one_instance_and_one_nonce(door: Door) -> None:
    secret, nonce = door.claim.secret, "0" * 32
    for wrong in (
        make_proof(secret, "i1", CHANNEL, nonce),
        make_proof(secret, "i2", SESSION, nonce),
        make_proof(secret, "i1", SESSION, "1" * 32),
        make_proof(b"x" * 32, "i1", SESSION, nonce),
    ):
        assert door.claims.admit("i1", SESSION, nonce, wrong) is Denial.BAD_PROOF
    right = make_proof(secret, "i1", SESSION, nonce)
    assert door.claims.admit("i1", SESSION, nonce, right) is door.claim


def test_a_nonce_is_taken_once_whatever_became_of_it(door: Door) -> None:
    assert door.ask(CHANNEL, nonce="a" * 32) is Denial.NO_SESSION
    door.claim.session_open = True
    assert door.ask(CHANNEL, nonce="a" * 32) is Denial.NONCE_USED


def test_a_wrong_proof_does_not_use_the_nonce_up(door: Door) -> None:
    assert door.ask(SESSION, nonce="a" * 32, secret=b"x" * 32) is Denial.BAD_PROOF
    assert door.ask(SESSION, nonce="a" * 32) is door.claim


def test_who_has_used_too_many_nonces_is_shut_out(door: Door) -> None:
    door.claim.nonces.update(str(number) for number in range(NONCES_REMEMBERED))
    assert door.ask(SESSION) is Denial.NONCE_USED


def test_one_session(door: Door) -> None:
    door.claim.session_open = True
    assert door.ask(SESSION) is Denial.TOO_MANY


def test_so_many_channels(door: Door) -> None:
    door.claim.session_open = True
    door.claim.channels_open = 1
    assert door.ask(CHANNEL) is door.claim
    door.claim.channels_open = 2
    assert door.ask(CHANNEL) is Denial.TOO_MANY


def test_nothing_for_an_instance_that_is_to_leave(door: Door) -> None:
    door.claim.closing = True
    for purpose in (SESSION, CHANNEL):
        assert door.ask(purpose) is Denial.CLOSING_INSTANCE


def test_every_denial_has_a_status() -> None:
    assert set(DENIAL_STATUS) == set(Denial)
    assert set(DENIAL_STATUS.values()) == {403, 409, 429}
