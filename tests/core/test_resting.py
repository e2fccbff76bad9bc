from __future__ import annotations

from lambdadispatch.core.resting import FAILURES, QUARANTINE, REST, WITHIN, Resting
from lambdadispatch.core.roster import Instance

ONE, OTHER = Instance("one", 1), Instance("other", 1)


def failing(resting: Resting, instance: Instance, times: int, now: float, of: int = 5) -> None:
    for _ in range(times):
        resting.failed(instance, rests=False, now=now, open_instances=of)


def test_one_loss_is_a_short_rest() -> None:
    resting = Resting()
    assert resting.failed(ONE, rests=True, now=1.0, open_instances=1)
    assert (len(resting), list(resting.quarantined)) == (1, [])
    assert resting.over(1.0 + REST - 0.01) == []
    assert resting.over(1.0 + REST) == [ONE]
    assert len(resting) == 0


def test_one_slow_answer_is_none() -> None:
    resting = Resting()
    assert not resting.failed(ONE, rests=False, now=1.0, open_instances=5)
    assert len(resting) == 0


def test_three_failures_are_a_quarantine_that_ends() -> None:
    resting = Resting()
    failing(resting, ONE, FAILURES - 1, 0.0)
    assert list(resting.quarantined) == []
    failing(resting, ONE, 1, WITHIN)
    assert list(resting.quarantined) == [ONE]
    assert resting.over(WITHIN + QUARANTINE - 0.1) == []
    assert resting.over(WITHIN + QUARANTINE) == [ONE]
    assert list(resting.quarantined) == []
    failing(resting, ONE, FAILURES - 1, 30.0)
    assert list(resting.quarantined) == [], "it is tried again with a clean slate"


def test_failures_that_are_further_apart_are_none() -> None:
    resting = Resting()
    failing(resting, ONE, FAILURES - 1, 0.0)
    failing(resting, ONE, 1, WITHIN + 0.1)
    assert list(resting.quarantined) == []


def test_no_more_than_a_fifth_of_the_pool() -> None:
    for of, allowed in ((1, 0), (4, 0), (5, 1), (9, 1), (10, 2)):
        resting = Resting()
        failing(resting, ONE, 5, 0.0, of)
        failing(resting, OTHER, 5, 0.0, of)
        assert len(resting.quarantined) == allowed


def test_a_further_loss_does_not_shorten_a_quarantine() -> None:
    resting = Resting()
    failing(resting, ONE, FAILURES, 0.0)
    assert resting.failed(ONE, rests=True, now=1.0, open_instances=5)
    assert resting.over(2.0) == []


def test_who_has_left_is_forgotten() -> None:
    resting = Resting()
    failing(resting, ONE, FAILURES, 0.0)
    resting.forget(ONE)
    assert (len(resting), list(resting.quarantined)) == (0, [])
    assert resting.over(100.0) == []
