from __future__ import annotations

import hashlib
import hmac

import pytest

from lambdadispatch.wire.control import (
    NONCE_FIELD,
    PROOF_FIELD,
    UPGRADES,
    upgrade_request,
)
from lambdadispatch.wire.heads import RequestHead, render_own
from lambdadispatch.wire.proof import CHANNEL, NONCE, SESSION, make_proof, proof_holds
from lambdadispatch.wire.request_reader import RequestReader
from tests.wire.reading import first_head

SECRET = b"s" * 32
NONCE_OF_TEST = "0123456789abcdef" * 2


def test_the_proof_is_hmac_sha256_over_what_it_is_for() -> None:
    """RFC 2104."""
    message = b"lambdadispatch/1\nn1\nchannel\n" + NONCE_OF_TEST.encode()
    expected = hmac.new(SECRET, message, hashlib.sha256).hexdigest()
    assert make_proof(SECRET, "n1", CHANNEL, NONCE_OF_TEST) == expected
    assert proof_holds(SECRET, "n1", CHANNEL, NONCE_OF_TEST, expected)


@pytest.mark.parametrize(
    ("secret", "instance", "purpose", "nonce"),
    [
        (b"t" * 32, "n1", CHANNEL, NONCE_OF_TEST),
        (SECRET, "n2", CHANNEL, NONCE_OF_TEST),
        (SECRET, "n1", SESSION, NONCE_OF_TEST),
        (SECRET, "n1", CHANNEL, "f" * 32),
    ],
)
def test_a_proof_holds_for_nothing_else(
    secret: bytes, instance: str, purpose: str, nonce: str
) -> None:
    proof = make_proof(SECRET, "n1", CHANNEL, NONCE_OF_TEST)
    assert not proof_holds(secret, instance, purpose, nonce, proof)


@pytest.mark.parametrize("proof", ["", "0" * 64, "é" * 64, "\udc80", "\ufffd", "a" * 10_000])
def test_wrong_proofs_of_any_kind(proof: str) -> None:
    assert not proof_holds(SECRET, "n1", CHANNEL, NONCE_OF_TEST, proof)
    right = make_proof(SECRET, "n1", CHANNEL, NONCE_OF_TEST)
    assert not proof_holds(SECRET, "n1", CHANNEL, NONCE_OF_TEST, right.upper())
    assert not proof_holds(SECRET, "n1", CHANNEL, NONCE_OF_TEST, right[:-1])


def test_what_a_nonce_looks_like() -> None:
    assert NONCE.fullmatch(NONCE_OF_TEST)
    for wrong in ("", NONCE_OF_TEST[:-1], NONCE_OF_TEST + "0", NONCE_OF_TEST.upper(), "g" * 32):
        assert NONCE.fullmatch(wrong) is None


@pytest.mark.parametrize("purpose", [CHANNEL, SESSION])
def test_the_request_that_opens_a_connection_carries_nonce_and_proof(purpose: str) -> None:
    sent = upgrade_request("router:5003", "n1", purpose, SECRET, NONCE_OF_TEST)
    head = first_head(RequestReader(), render_own(sent))
    assert isinstance(head, RequestHead)
    assert (head.method, head.body) == (b"GET", 0)
    assert head.target == b"/v1/instances/n1/" + purpose.encode()
    fields = head.fields
    assert fields.hosts == (b"router:5003",)
    assert fields.connection == {b"upgrade"}
    assert fields.upgrade == UPGRADES[purpose]
    nonce = (fields.get(NONCE_FIELD.lower()) or b"").decode()
    proof = (fields.get(PROOF_FIELD.lower()) or b"").decode()
    assert nonce == NONCE_OF_TEST
    assert proof_holds(SECRET, "n1", purpose, nonce, proof)
    assert SECRET not in render_own(sent)
