"""Whatever happens to a relay, in whatever order: see ``tests.http11.histories``."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http11.histories import ACTIONS, LARGE, SMALL, Action, Plan, World, plans
from tests.http11.stage import failures_logged


def play(requests: list[list[Plan]], actions: list[Action], chunk: int | None) -> None:
    with failures_logged() as failures:
        world = World(requests, chunk)
        world.play(actions)
        world.finish()
        world.check()
        world.check_reuse()
    assert failures == []


@settings(max_examples=100)
@given(plans(SMALL | LARGE), ACTIONS, st.sampled_from([None, 999]))
def test_any_history_ends_well(
    requests: list[list[Plan]], actions: list[Action], chunk: int | None
) -> None:
    play(requests, actions, chunk)


@settings(max_examples=60)
@given(plans(SMALL), ACTIONS)
def test_any_history_ends_well_byte_by_byte(
    requests: list[list[Plan]], actions: list[Action]
) -> None:
    play(requests, actions, 1)
