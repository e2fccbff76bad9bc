from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.core.classes import ClassedLine
from lambdadispatch.core.waiting import Place
from lambdadispatch.front.priority import Priorities
from lambdadispatch.wire.heads import request

STEPS = st.lists(
    st.tuples(st.sampled_from(["join", "take", "return", "leave", "late"]), st.integers(0, 50))
)


@given(STEPS)
def test_it_does_what_a_sorted_list_does(steps: list[tuple[str, int]]) -> None:
    line = ClassedLine(3)
    expected: list[tuple[int, int]] = []
    taken: list[tuple[int, Place]] = []
    arrivals = 0
    for step, pick in steps:
        if step == "join":
            line.join(arrivals, float(arrivals), arrivals, pick % 3)
            expected = sorted([*expected, (pick % 3, arrivals)])
            arrivals += 1
        elif step == "take" and expected:
            taken.append(line.take_first())
            assert taken[-1][0] == expected.pop(0)[1]
        elif step == "return" and taken:
            each, place = taken.pop(pick % len(taken))
            line.rejoin(each, place)
            expected = sorted([*expected, (place.rank, each)])
        elif step == "leave":
            assert line.leave(pick) == (pick in [each for _, each in expected])
            expected = [entry for entry in expected if entry[1] != pick]
        elif step == "late":
            late = [each for _, each in expected if each <= pick - 30]
            assert line.take_since(pick - 30.0) == late
            expected = [entry for entry in expected if entry[1] not in late]
        assert len(line) == len(expected)
        assert sorted(line.everybody()) == sorted(each for _, each in expected)
        assert line.octets == sum(each for _, each in expected)


def test_nobody() -> None:
    line = ClassedLine(2)
    with pytest.raises(KeyError):
        line.take_first()
    line.join("a", 0.0, rank=1)
    with pytest.raises(ValueError, match="already waiting"):
        line.join("a", 0.0, rank=0)


def test_who_passes_through_may_return_to_its_class() -> None:
    line = ClassedLine(2)
    line.join("low", 0.0, rank=1)
    line.rejoin("high", line.pass_through(1.0, 0))
    assert [line.take_first()[0] for _ in range(2)] == ["high", "low"]


def test_the_class_that_a_field_names() -> None:
    priorities = Priorities("X-Class", ("high", "normal", "low"))
    for value, rank in ((b"high", 0), (b"normal", 1), (b"low", 2), (b"HIGH", 2), (b"other", 2)):
        head = request(b"GET", b"/", [(b"Host", b"a"), (b"x-CLASS", value)])
        assert priorities.rank(head) == rank
    assert priorities.rank(request(b"GET", b"/")) == 2
