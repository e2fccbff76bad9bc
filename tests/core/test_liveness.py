"""When a worker has been silent for too long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.workers.liveness import SILENT, STARTING, Silence

STEPS = st.lists(st.sampled_from(["began", "heard", "looked"]), max_size=200)


def looks(silence: Silence) -> int:
    """How many looks it takes from now on."""
    return next(count for count in range(1, 100) if silence.looked())


def test_one_that_was_heard_has_so_many_looks() -> None:
    silence = Silence()
    silence.began()
    silence.heard()
    assert looks(silence) == SILENT


def test_one_that_starts_has_more() -> None:
    silence = Silence()
    silence.began()
    assert looks(silence) == STARTING > SILENT


def test_each_report_begins_anew() -> None:
    silence = Silence()
    for _ in range(20):
        silence.heard()
        assert not any(silence.looked() for _ in range(SILENT - 1))


@given(STEPS)
def test_whatever_happens(steps: list[str]) -> None:
    silence = Silence()
    silence.began()
    heard, count = False, 0
    for step in steps:
        if step == "looked":
            count += 1
            assert silence.looked() == (count >= (SILENT if heard else STARTING))
        else:
            getattr(silence, step)()
            heard, count = step == "heard", 0
        assert silence.looks == count
