"""When a worker is started again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.workers.supervision import (
    ABSENT,
    MOST,
    STEADY,
    GiveUp,
    Restart,
    Supervision,
)


def run(supervision: Supervision, begin: float, seconds: float, *, up: bool = True) -> object:
    """One life of a worker; what is decided at its end."""
    supervision.started(begin)
    if up:
        supervision.came_up()
        assert supervision.up
    decision = supervision.ended(begin + seconds)
    assert not supervision.up
    return decision


def test_the_first_end_is_answered_at_once() -> None:
    for seconds in (0.0, STEADY, 3600.0):
        assert run(Supervision(), 5.0, seconds) == Restart(0.0, False)


def test_quick_ends_in_a_row_wait_longer_and_longer() -> None:
    supervision = Supervision()
    decisions = [run(supervision, 100.0, 1.0) for _ in range(8)]
    assert [each.after for each in decisions if isinstance(each, Restart)] == [
        *(0.0, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0)
    ]
    assert [each.absent for each in decisions if isinstance(each, Restart)] == [
        *(False, False, True, True, True, True, True, True)
    ]
    assert supervision.starts == 8


def test_one_that_ran_for_a_while_makes_good_what_was() -> None:
    supervision = Supervision()
    for _ in range(5):
        run(supervision, 0.0, STEADY - 0.1)
    assert run(supervision, 100.0, STEADY) == Restart(0.0, False)
    assert run(supervision, 200.0, 0.1) == Restart(0.0, False)
    assert run(supervision, 300.0, 0.1) == Restart(0.5, False)


@pytest.mark.parametrize("seconds", [0.0, 2 * STEADY])
def test_one_that_never_was_up_is_given_up(seconds: float) -> None:
    assert run(Supervision(), 0.0, seconds, up=False) == GiveUp()


def test_once_it_was_up_later_ones_may_fail_to_start() -> None:
    supervision = Supervision()
    run(supervision, 0.0, 1.0)
    assert run(supervision, 1.0, 1.0, up=False) == Restart(0.5, False)
    assert run(supervision, 3.0, 1.0, up=False) == Restart(1.0, True)


LIVES = st.lists(st.tuples(st.floats(0, 100), st.booleans()), min_size=1, max_size=30)


@given(LIVES)
def test_whatever_happens(lives: list[tuple[float, bool]]) -> None:
    supervision = Supervision()
    now, quick, ever_up = 0.0, 0, False
    for seconds, up in lives:
        begin, now = now, now + seconds
        decision = run(supervision, begin, seconds, up=up)
        ever_up = ever_up or up
        assert isinstance(decision, Restart) == ever_up
        if isinstance(decision, Restart):
            quick = 0 if now - begin >= STEADY else quick + 1
            assert 0.0 <= decision.after <= MOST
            assert (decision.after == 0.0) == (quick <= 1)
            assert decision.absent == (quick >= ABSENT)
            now += decision.after
    assert supervision.starts == len(lives)
