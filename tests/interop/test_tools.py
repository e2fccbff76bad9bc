"""That the comparisons of this folder find what is wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.autobahn import counts, differences
from tests.interop.clients import CLIENTS
from tests.interop.plan import STEPS, plan, sha256
from tests.interop.slow import Round, numbers, table
from tests.interop.steps import check_answer

STEP = next(step for step in STEPS if step.name == "head")
GOOD: dict[str, Any] = {
    "name": "head",
    "status": 200,
    "length": 0,
    "sha256": sha256(b""),
    "fields": {"content-length": "12345", "x-request-id": "1"},
}


def test_a_right_answer_passes() -> None:
    check_answer(STEP, GOOD)


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": 502},
        {"length": 1},
        {"sha256": sha256(b"x")},
        {"fields": {"content-length": "12344", "x-request-id": "1"}},
        {"fields": {"content-length": "12345"}},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_wrong_answer_does_not(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_answer(STEP, GOOD | wrong)


def test_every_step_is_taken_by_some_client_and_most_by_all() -> None:
    taken = [{step.name for step in plan(client.able)} for client in CLIENTS]
    assert set.union(*taken) == {step.name for step in STEPS}
    assert len(set.intersection(*taken)) >= 17


def verdicts(change: Callable[[dict[str, Any]], None] = lambda _: None) -> dict[str, Any]:
    found = {
        "1.1.1": {"behavior": "OK", "behaviorClose": "OK", "remoteCloseCode": 1000, "duration": 1},
        "7.1.1": {"behavior": "FAILED", "behaviorClose": "OK", "remoteCloseCode": None},
    }
    change(found)
    return found


def test_verdicts_that_are_the_same() -> None:
    slower = verdicts(lambda found: found["1.1.1"].update(duration=9))
    assert differences({"direct": verdicts(), "router": slower}) == []
    assert counts(verdicts()) == "FAILED 1, OK 1"


def test_verdicts_that_differ() -> None:
    cut = verdicts(lambda found: found["1.1.1"].update(remoteCloseCode=1006))
    assert differences({"direct": verdicts(), "router": cut}) == [
        "1.1.1: directly ['OK', 'OK', 1000], through the router ['OK', 'OK', 1006]"
    ]


def test_a_case_that_was_left_out_is_no_agreement() -> None:
    with pytest.raises(AssertionError):
        differences({"direct": verdicts(), "router": {}})


def test_numbers_of_slowhttptest() -> None:
    printed = "status on 0th second:\n\nconnected:   7\nclosed:      0\n\nconnected:   10\n"
    assert numbers(printed, "connected") == [7, 10]
    assert numbers(printed, "pending") == []


def test_the_table_of_rounds() -> None:
    done = Round("slow", 1, 10, 3, {"200": 5}, 0.25, 1024, 3072, 2048, {"head_timeout": 3})
    assert table([done]).splitlines()[-1] == (
        "| slow | 1 | 10 | 3 | 5 x 200 | 250 | 1.0 | 3.0 | 2.0 | head_timeout 3 |"
    )
