"""Instances that live and have no channel left."""

from __future__ import annotations

from typing import Any

from lambdadispatch.core.actions import Action, Assign, Close, Invoke, Retire
from lambdadispatch.core.channelless import TIME
from lambdadispatch.core.dispatcher import Dispatcher, PoolLimits
from lambdadispatch.core.outcomes import InstanceFailure
from lambdadispatch.core.scaling import Simple
from lambdadispatch.core.starts import StartGate


def pool(**limits: Any) -> Dispatcher:
    """One with an open instance, i, and its channels a and b."""
    given: dict[str, Any] = {
        **{"max_concurrent": 2, "multiplier": 1, "max_instances": 1, "start_timeout": 60.0},
        **{"queue_limit": None, "queue_timeout": 100.0, "idle_window": 1.0},
        **limits,
    }
    dispatcher = Dispatcher(PoolLimits(**given), Simple, StartGate(0.1, 1.0, lambda: 0.5))
    dispatcher.warm_up(0.0)
    dispatcher.instance_opened(1, "i", 0.0)
    for channel in "ab":
        dispatcher.channel_idle(channel, "i", 0.0)
    return dispatcher


def retired(actions: list[Action]) -> list[str]:
    return [each.reason for each in actions if isinstance(each, Retire)]


def test_it_is_told_to_leave_and_replaced() -> None:
    dispatcher = pool()
    dispatcher.channel_lost("a", 1.0)
    assert dispatcher.tick(1.0 + 2 * TIME) == []
    dispatcher.channel_lost("b", 20.0)
    dispatcher.submit("x", 21.0)
    assert dispatcher.tick(20.0 + TIME - 0.1) == []
    actions = dispatcher.tick(20.0 + TIME)
    assert actions == [Retire("i", "no_channel"), Invoke(2)]
    assert dispatcher.tick(20.0 + 2 * TIME - 1) == []


def test_a_new_channel_makes_it_good() -> None:
    dispatcher = pool()
    for channel in "ab":
        dispatcher.channel_lost(channel, 1.0)
    dispatcher.channel_idle("c", "i", TIME)
    assert dispatcher.tick(1.0 + TIME) == []
    assert dispatcher.submit("x", 2 * TIME) == [Assign("x", "c")]


def test_its_time_begins_when_the_last_one_is_lost() -> None:
    dispatcher = pool()
    for channel in "ab":
        dispatcher.channel_lost(channel, 1.0)
    dispatcher.channel_idle("c", "i", TIME)
    dispatcher.channel_lost("c", TIME)
    assert retired(dispatcher.tick(2 * TIME - 0.1)) == []
    assert retired(dispatcher.tick(2 * TIME)) == ["no_channel"]


def test_while_a_request_runs_there_is_a_channel() -> None:
    dispatcher = pool()
    [assigned] = dispatcher.submit("x", 1.0)
    assert isinstance(assigned, Assign)
    [other] = {"a", "b"} - {assigned.channel}
    dispatcher.channel_lost(other, 1.0)
    assert retired(dispatcher.tick(5 * TIME)) == []
    dispatcher.finished("x", 5 * TIME)
    assert retired(dispatcher.tick(6 * TIME - 0.1)) == []
    assert retired(dispatcher.tick(6 * TIME)) == ["no_channel"]


def test_a_request_that_was_lost_with_the_channel_waits_for_another() -> None:
    dispatcher = pool()
    [assigned] = dispatcher.submit("x", 1.0)
    assert isinstance(assigned, Assign)
    dispatcher.channel_lost(({"a", "b"} - {assigned.channel}).pop(), 1.0)
    dispatcher.channel_lost(assigned.channel, 1.0)
    dispatcher.request_failed("x", InstanceFailure.LOST, 1.0)
    dispatcher.returned("x", "x", 1.0, anew=True)
    assert retired(dispatcher.tick(1.0 + TIME)) == ["no_channel"]


def test_one_that_never_had_any_has_its_time_to_start() -> None:
    dispatcher = pool(max_instances=2, min_instances=2)
    dispatcher.tick(0.0)
    dispatcher.instance_opened(2, "j", 0.0)
    assert retired(dispatcher.tick(59.0)) == []
    assert retired(dispatcher.tick(60.0)) == ["given_up"]


def test_one_that_is_gone_or_leaves_is_forgotten() -> None:
    for end in ("lost", "leaving"):
        dispatcher = pool()
        [assigned] = dispatcher.submit("x", 1.0)
        assert isinstance(assigned, Assign)
        dispatcher.channel_lost(({"a", "b"} - {assigned.channel}).pop(), 1.0)
        if end == "lost":
            dispatcher.instance_lost("i", 1.0)
        else:
            dispatcher.instance_leaving("i", "deadline", 1.0)
        dispatcher.finished("x", 1.0)
        assert retired(dispatcher.tick(1.0 + TIME)) == []
        assert dispatcher.draining_instances == (end == "leaving")
        assert dispatcher.channel_idle("late", "i", 2.0 + TIME)[0] == Close("late")
