from __future__ import annotations

import itertools

import pytest

from lambdadispatch.wire.errors import LocalProtocolError
from lambdadispatch.wire.exchange_state import TABLE, State, Step, after

ALLOWED = {
    (State.IDLE, Step.REQUEST_BEGUN): State.OPEN,
    (State.IDLE, Step.REQUEST_WHOLE): State.ANSWERING,
    (State.OPEN, Step.REQUEST_ENDED): State.ANSWERING,
    (State.OPEN, Step.RESPONSE_ENDED): State.UPLOADING,
    (State.ANSWERING, Step.RESPONSE_ENDED): State.IDLE,
    (State.UPLOADING, Step.REQUEST_ENDED): State.IDLE,
    (State.ANSWERING, Step.SWITCHED): State.TUNNELLED,
} | {(state, Step.LOST): State.CLOSED for state in State}


@pytest.mark.parametrize(("state", "step"), list(itertools.product(State, Step)))
def test_every_step_in_every_state(state: State, step: Step) -> None:
    if (state, step) in ALLOWED:
        assert after(state, step) is ALLOWED[state, step]
        return
    with pytest.raises(LocalProtocolError) as error:
        after(state, step)
    assert error.value.reason == "bad_step"
    assert error.value.detail == f"{step} cannot happen while {state}"


def test_the_table_has_nothing_else() -> None:
    assert TABLE == ALLOWED


@pytest.mark.parametrize(
    "order", list(itertools.permutations([Step.REQUEST_ENDED, Step.RESPONSE_ENDED]))
)
def test_an_exchange_ends_when_both_directions_have_in_either_order(order: tuple[Step]) -> None:
    state = after(State.IDLE, Step.REQUEST_BEGUN)
    for step in order:
        assert state is not State.IDLE
        state = after(state, step)
    assert state is State.IDLE


def test_a_tunnel_ends_with_its_connection_only() -> None:
    assert {step for state, step in TABLE if state is State.TUNNELLED} == {Step.LOST}


def test_nothing_leaves_closed() -> None:
    reached = {to for (state, _), to in TABLE.items() if state is State.CLOSED}
    assert reached == {State.CLOSED}
