from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdadispatch.core.waiting import Place, WaitingLine


def line_of(*requests: str) -> WaitingLine:
    line = WaitingLine()
    for second, request in enumerate(requests):
        line.join(request, float(second))
    return line


def test_first_in_first_out() -> None:
    line = line_of("a", "b", "c")
    assert [line.take_first()[0] for _ in range(3)] == ["a", "b", "c"]
    assert len(line) == 0


def test_nobody_to_take() -> None:
    with pytest.raises(KeyError):
        WaitingLine().take_first()


def test_leaving() -> None:
    line = line_of("a", "b")
    assert line.leave("a")
    assert not line.leave("a")
    assert ("a" in line, "b" in line, len(line)) == (False, True, 1)


def test_everybody_who_waits() -> None:
    line = line_of("a", "b", "c", "d")
    first = line.take_first()
    line.take_first()
    line.rejoin(*first)
    line.leave("c")
    assert sorted(map(str, line.everybody())) == ["a", "d"]


def test_who_returns_stands_where_they_stood() -> None:
    line = line_of("a", "b", "c", "d")
    places = dict(line.take_first() for _ in range(3))
    assert places == {"a": Place(1, 0.0), "b": Place(2, 1.0), "c": Place(3, 2.0)}
    for request in ("c", "a"):
        line.rejoin(request, places[request])
    assert len(line) == 3
    assert [line.take_first()[0] for _ in range(3)] == ["a", "c", "d"]


def test_who_returned_can_leave() -> None:
    line = line_of("a", "b")
    line.rejoin(*line.take_first())
    assert line.leave("a")
    assert line.take_first()[0] == "b"


def test_nobody_waits_twice() -> None:
    line = line_of("a", "b")
    request, place = line.take_first()
    line.rejoin(request, place)
    for again in (lambda: line.join("a", 9.0), lambda: line.rejoin("b", place)):
        with pytest.raises(ValueError, match="is already waiting"):
            again()


def test_taking_by_time() -> None:
    line = line_of("a", "b", "c", "d")
    line.rejoin(*line.take_first())
    assert line.take_since(-1.0) == []
    assert line.take_since(1.0) == ["a", "b"]
    assert line.take_since(float("inf")) == ["c", "d"]
    assert line.take_since(float("inf")) == []


STEPS = st.lists(
    st.tuples(st.sampled_from(["join", "take", "return", "leave", "late"]), st.integers(0, 50))
)


@given(STEPS)
@settings(deadline=None)
def test_it_does_what_a_sorted_list_does(steps: list[tuple[str, int]]) -> None:
    line = WaitingLine()
    expected: list[int] = []
    taken: list[tuple[int, Place]] = []
    arrivals = 0
    for step, pick in steps:
        if step == "join":
            line.join(arrivals, float(arrivals))
            expected.append(arrivals)
            arrivals += 1
        elif step == "take" and expected:
            taken.append(line.take_first())
            assert taken[-1][0] == expected.pop(0)
        elif step == "return" and taken:
            request, place = taken.pop(pick % len(taken))
            line.rejoin(request, place)
            expected = sorted([*expected, request])
        elif step == "leave":
            assert line.leave(pick) == (pick in expected)
            expected = [request for request in expected if request != pick]
        elif step == "late":
            assert line.take_since(pick - 30.0) == [each for each in expected if each <= pick - 30]
            expected = [request for request in expected if request > pick - 30]
        assert len(line) == len(expected)
        assert [request for request in range(arrivals) if request in line] == expected
