"""The dispatcher's decisions, case by case."""

from __future__ import annotations

import pytest

from lambdadispatch.core.actions import Action, Assign, Close, Invoke, Refuse, Retire
from lambdadispatch.core.dispatcher import Dispatcher, PoolLimits
from lambdadispatch.core.outcomes import STATUS, RequestOutcome, StartFailure
from lambdadispatch.core.scaling import Simple
from lambdadispatch.core.starts import StartGate

REFUSED, ENDED = StartFailure.REFUSED, StartFailure.ENDED


def pool(**changes: float) -> Dispatcher:
    """A pool of instances that run 2 requests at once and should run 2."""
    limits = {
        "max_concurrent": 2,
        "multiplier": 1,
        "max_instances": 10,
        "queue_limit": 100,
        "queue_timeout": 30.0,
        "start_timeout": 60.0,
        "idle_window": 0.25,
    }
    return Dispatcher(PoolLimits(**(limits | changes)), Simple, StartGate(1.0, 60.0, lambda: 0.5))


def with_instance(channels: int = 2, **changes: float) -> Dispatcher:
    """A pool in which instance ``a`` has called back and offers channels ``a1``, ``a2``..."""
    dispatcher = pool(**changes)
    dispatcher.warm_up(0.0)
    dispatcher.instance_opened(1, "a", 0.0)
    for number in range(1, channels + 1):
        dispatcher.channel_idle(f"a{number}", "a", 0.0)
    return dispatcher


def assigned(actions: list[Action]) -> list[object]:
    return [action.request for action in actions if isinstance(action, Assign)]


# -- requests


def test_a_first_request_starts_an_instance_and_waits() -> None:
    dispatcher = pool()
    assert dispatcher.submit("r", 0.0) == [Invoke(1)]
    assert (dispatcher.waiting, dispatcher.starting, dispatcher.running) == (1, 1, 0)


def test_a_free_slot_takes_a_request_at_once() -> None:
    dispatcher = with_instance()
    assert dispatcher.submit("r", 0.0) == [Assign("r", "a2")]
    assert (dispatcher.waiting, dispatcher.running, dispatcher.idle_channels) == (0, 1, 1)


def test_an_opened_channel_takes_who_came_first() -> None:
    dispatcher = pool(max_concurrent=10)
    for name in ("r", "s"):
        dispatcher.submit(name, 0.0)
    dispatcher.instance_opened(1, "a", 1.0)
    assert dispatcher.channel_idle("a1", "a", 1.0) == [Assign("r", "a1")]
    assert dispatcher.channel_idle("a2", "a", 1.0) == [Assign("s", "a2")]


def test_spare_channels_do_not_raise_the_concurrency() -> None:
    dispatcher = with_instance(channels=4)
    found = [assigned(dispatcher.submit(name, 0.0)) for name in "rstu"]
    assert found == [["r"], ["s"], [], []]
    assert (dispatcher.waiting, dispatcher.idle_channels) == (2, 2)


def test_a_finished_request_lets_the_next_in_before_its_channel_is_idle() -> None:
    dispatcher = with_instance(channels=3)
    for name in "rst":
        dispatcher.submit(name, 0.0)
    assert dispatcher.finished("r", 1.0) == [Assign("t", "a1")]


def test_a_channel_that_is_idle_before_its_request_is_finished_waits_for_that() -> None:
    dispatcher = with_instance(channels=2)
    for name in "rst":
        dispatcher.submit(name, 0.0)
    assert dispatcher.channel_idle("a2", "a", 1.0) == []
    assert dispatcher.finished("r", 1.0) == [Assign("t", "a2")]


def test_a_request_and_its_channel_end_as_one_event() -> None:
    dispatcher = with_instance(channels=2)
    for name in "rst":
        dispatcher.submit(name, 0.0)
    assert dispatcher.exchange_ended("r", "a2", "a", 1.0) == [Assign("t", "a2")]
    assert dispatcher.exchange_ended("s", "a1", "a", 1.0) == []
    assert (dispatcher.running, dispatcher.idle_channels) == (1, 1)


def test_the_least_busy_instance_is_given_the_next_request() -> None:
    dispatcher = with_instance(channels=2)
    dispatcher.submit("r", 0.0)
    dispatcher.submit("s", 0.0)
    dispatcher.submit("t", 0.0)
    dispatcher.instance_opened(2, "b", 1.0)
    dispatcher.channel_idle("b1", "b", 1.0)
    dispatcher.channel_idle("b2", "b", 1.0)
    dispatcher.finished("r", 2.0)
    dispatcher.finished("s", 2.0)
    dispatcher.channel_idle("a1", "a", 2.0)
    assert dispatcher.submit("u", 2.0)[0] == Assign("u", "a1")


def test_a_client_that_leaves_frees_its_place() -> None:
    dispatcher = pool(queue_limit=2)
    for name in "rs":
        dispatcher.submit(name, 0.0)
    assert dispatcher.cancel("r", 0.0) == []
    assert Refuse("t", RequestOutcome.QUEUE_FULL) not in dispatcher.submit("t", 0.0)
    dispatcher.instance_opened(1, "a", 0.0)
    assert assigned(dispatcher.channel_idle("a1", "a", 0.0)) == ["s"]


def test_cancelling_who_does_not_wait_changes_nothing() -> None:
    dispatcher = with_instance()
    dispatcher.submit("r", 0.0)
    assert dispatcher.cancel("r", 0.0) == dispatcher.cancel("unknown", 0.0) == []
    assert dispatcher.running == 1


def test_a_full_line_refuses_the_newcomer() -> None:
    dispatcher = pool(queue_limit=2)
    dispatcher.submit("r", 0.0)
    dispatcher.submit("s", 0.0)
    assert dispatcher.submit("t", 0.0) == [Refuse("t", RequestOutcome.QUEUE_FULL)]
    assert dispatcher.waiting == 2


def test_the_same_request_cannot_wait_twice() -> None:
    dispatcher = pool()
    dispatcher.submit("r", 0.0)
    with pytest.raises(ValueError, match="'r' is already waiting"):
        dispatcher.submit("r", 0.0)


def test_who_waits_too_long_is_refused_and_nobody_else() -> None:
    dispatcher = pool(queue_timeout=30.0, start_timeout=900.0)
    dispatcher.submit("r", 0.0)
    dispatcher.submit("s", 0.5)
    assert dispatcher.tick(29.9) == []
    assert dispatcher.tick(30.0) == [Refuse("r", RequestOutcome.QUEUE_TIMEOUT)]
    assert dispatcher.waiting == 1


# -- assignments that fail


def test_a_failed_assignment_gives_the_old_place_back() -> None:
    dispatcher = with_instance(channels=2)
    for name in "rstu":
        dispatcher.submit(name, 0.0)
    dispatcher.channel_lost("a1", 1.0)
    dispatcher.channel_lost("a2", 1.0)
    dispatcher.assignment_failed("s", 1.0)
    dispatcher.assignment_failed("r", 1.0)
    taken = [assigned(dispatcher.channel_idle(f"a{n}", "a", 1.0)) for n in (3, 4)]
    taken += [assigned(dispatcher.finished(name, 2.0)) for name in "rs"]
    taken += [assigned(dispatcher.channel_idle(f"a{n}", "a", 2.0)) for n in (5, 6)]
    assert [name for names in taken for name in names] == ["r", "s", "t", "u"]


def test_a_failed_assignment_keeps_the_time_since_which_it_waits() -> None:
    dispatcher = with_instance(channels=1)
    dispatcher.submit("r", 0.0)
    dispatcher.channel_lost("a1", 29.0)
    dispatcher.assignment_failed("r", 29.0)
    assert dispatcher.tick(30.0)[0] == Refuse("r", RequestOutcome.QUEUE_TIMEOUT)


def test_a_request_that_is_not_running_cannot_fail_to_be_assigned() -> None:
    dispatcher = with_instance()
    assert dispatcher.assignment_failed("unknown", 0.0) == []
    assert dispatcher.finished("unknown", 0.0) == []


def test_a_failed_assignment_while_draining_is_refused() -> None:
    dispatcher = with_instance()
    dispatcher.submit("r", 0.0)
    dispatcher.drain(0.0)
    assert dispatcher.assignment_failed("r", 0.0) == [Refuse("r", RequestOutcome.DRAINING)]
    assert (dispatcher.waiting, dispatcher.running) == (0, 0)


# -- instances


def test_as_many_instances_are_started_as_the_formula_wants_and_no_more() -> None:
    dispatcher = pool(max_concurrent=1, max_instances=3)
    actions = [action for name in "rstuvwxyz" for action in dispatcher.submit(name, 0.0)]
    assert actions == [Invoke(1), Invoke(2), Invoke(3)]


def test_an_instance_without_work_may_leave_once_an_idle_window_did_not_need_it() -> None:
    dispatcher = with_instance()
    dispatcher.submit("r", 0.9)
    dispatcher.finished("r", 1.0)
    dispatcher.channel_idle("a2", "a", 1.0)
    assert dispatcher.instance_idle("a", 1.1) == []
    dispatcher.tick(1.3)
    assert dispatcher.instance_idle("a", 1.6) == [Retire("a", "idle"), Close("a1"), Close("a2")]
    assert (dispatcher.open_instances, dispatcher.draining_instances) == (0, 1)
    assert dispatcher.idle_channels == 0


def test_an_instance_that_is_wanted_or_works_may_not_leave() -> None:
    dispatcher = with_instance(channels=2)
    dispatcher.submit("r", 0.0)
    assert dispatcher.instance_idle("a", 100.0) == []
    dispatcher.submit("s", 100.0)
    dispatcher.submit("t", 100.0)
    dispatcher.instance_opened(2, "b", 100.0)
    assert dispatcher.instance_idle("b", 200.0) == []
    assert dispatcher.instance_idle("unknown", 200.0) == []


def test_an_instance_that_leaves_is_replaced_at_once_if_wanted() -> None:
    dispatcher = with_instance(channels=2)
    dispatcher.submit("r", 0.0)
    assert dispatcher.instance_leaving("a", "deadline", 1.0) == [
        Retire("a", "deadline"),
        Close("a1"),
        Invoke(2),
    ]
    assert dispatcher.instance_leaving("a", "deadline", 1.0) == []
    assert dispatcher.running == 1
    assert dispatcher.channel_idle("a2", "a", 2.0) == [Close("a2")]
    assert dispatcher.finished("r", 2.0) == []


def test_a_lost_instance_is_replaced_at_once_if_wanted() -> None:
    dispatcher = with_instance(channels=1)
    dispatcher.submit("r", 0.0)
    dispatcher.submit("s", 0.0)
    assert dispatcher.instance_lost("a", 1.0) == [Invoke(2)]
    assert (dispatcher.waiting, dispatcher.running, dispatcher.open_instances) == (1, 1, 0)
    assert dispatcher.finished("r", 1.0) == []
    assert (dispatcher.waiting, dispatcher.running) == (1, 0)


def test_what_ran_on_a_lost_instance_starts_no_other() -> None:
    dispatcher = with_instance(channels=2)
    for name in "rs":
        dispatcher.submit(name, 0.0)
    assert dispatcher.instance_lost("a", 1.0) == []
    assert dispatcher.finished("r", 1.0) == dispatcher.finished("s", 1.0) == []


def test_an_assignment_to_a_lost_instance_that_fails_takes_its_old_place() -> None:
    dispatcher = with_instance(channels=1)
    for name in "rs":
        dispatcher.submit(name, 0.0)
    dispatcher.instance_lost("a", 1.0)
    dispatcher.assignment_failed("r", 1.0)
    dispatcher.instance_opened(2, "b", 2.0)
    assert assigned(dispatcher.channel_idle("b1", "b", 2.0)) == ["r"]


def test_an_idle_channel_of_a_lost_instance_is_gone() -> None:
    dispatcher = with_instance(channels=2)
    dispatcher.instance_lost("a", 1.0)
    assert dispatcher.idle_channels == 0
    assert dispatcher.channel_lost("a1", 1.0) == []
    assert dispatcher.submit("r", 1.0) == [Invoke(2)]
    assert dispatcher.channel_idle("a3", "a", 1.0) == [Close("a3")]


# -- starts


def test_after_a_failure_the_next_start_waits_for_a_part_of_the_window() -> None:
    dispatcher = pool()
    dispatcher.submit("r", 0.0)
    dispatcher.start_failed(1, ENDED, 10.0)
    assert dispatcher.tick(10.49) == []
    assert dispatcher.tick(10.5) == [Invoke(2)]
    dispatcher.start_failed(2, ENDED, 11.0)
    assert dispatcher.tick(11.99) == []
    assert dispatcher.tick(12.0) == [Invoke(3)]


def test_after_a_failure_starts_come_one_at_a_time_until_one_succeeds() -> None:
    dispatcher = pool(max_concurrent=1)
    for name in "rstu":
        dispatcher.submit(name, 0.0)
    started = dispatcher.starting
    for start in range(1, started):
        dispatcher.start_failed(start, ENDED, 0.0)
    assert dispatcher.tick(20.0) == []
    dispatcher.start_failed(started, ENDED, 20.0)
    assert dispatcher.waiting == 0
    for name in "vwxyz":
        dispatcher.submit(name, 60.0)
    assert dispatcher.starting == 1
    assert dispatcher.instance_opened(started + 1, "a", 61.0) == []
    more = dispatcher.channel_idle("a1", "a", 62.0)
    assert len([action for action in more if isinstance(action, Invoke)]) >= 2


@pytest.mark.parametrize(
    ("failure", "times", "outcome"),
    [
        (REFUSED, 1, RequestOutcome.INVOKE_REFUSED),
        (ENDED, 3, RequestOutcome.START_FAILED),
    ],
)
def test_those_who_wait_are_told_when_nothing_else_runs_or_starts(
    failure: StartFailure, times: int, outcome: RequestOutcome
) -> None:
    dispatcher = pool()
    dispatcher.submit("r", 0.0)
    actions: list[Action] = []
    for start in range(1, times + 1):
        assert actions == []
        dispatcher.tick(start * 5.0)
        actions = dispatcher.start_failed(start, failure, start * 5.0)
    assert actions == [Refuse("r", outcome)]
    assert dispatcher.why_not_ready(times * 5.0) == "start_failed"


def test_those_who_wait_go_on_waiting_while_an_instance_is_open() -> None:
    dispatcher = with_instance(channels=1)
    dispatcher.submit("r", 0.0)
    assert dispatcher.submit("s", 0.0) == []
    assert dispatcher.submit("t", 0.0) == [Invoke(2)]
    assert dispatcher.start_failed(2, REFUSED, 0.0) == []
    assert dispatcher.waiting == 2


def test_a_start_that_does_not_call_back_is_given_up_and_told_to_go_when_it_does() -> None:
    dispatcher = pool(start_timeout=5.0)
    dispatcher.submit("r", 0.0)
    assert dispatcher.tick(4.9) == []
    dispatcher.tick(5.0)
    assert dispatcher.starting == 0
    assert dispatcher.tick(5.5) == [Invoke(2)]
    assert dispatcher.instance_opened(1, "late", 6.0) == [Retire("late", "given_up")]
    assert dispatcher.channel_idle("late1", "late", 6.0) == [Close("late1")]
    assert dispatcher.start_failed(1, ENDED, 7.0) == []
    assert dispatcher.open_instances == 0


# -- warm-up, drain


def test_warming_up_starts_one_instance_if_there_is_none() -> None:
    dispatcher = pool()
    assert dispatcher.warm_up(0.0) == [Invoke(1)]
    assert dispatcher.warm_up(0.0) == []
    dispatcher.start_failed(1, ENDED, 0.0)
    assert dispatcher.warm_up(0.1) == []
    assert dispatcher.warm_up(0.5) == [Invoke(2)]


def test_draining_refuses_retires_and_starts_nothing() -> None:
    dispatcher = with_instance(channels=2)
    for name in "rst":
        dispatcher.submit(name, 0.0)
    actions = dispatcher.drain(1.0)
    assert actions == [Refuse("t", RequestOutcome.DRAINING), Retire("a", "drain")]
    assert dispatcher.submit("u", 1.0) == [Refuse("u", RequestOutcome.DRAINING)]
    assert dispatcher.finished("r", 1.0) == dispatcher.tick(2.0) == dispatcher.warm_up(2.0) == []
    assert dispatcher.why_not_ready(2.0) == "draining"


def test_an_instance_that_calls_back_while_draining_is_retired() -> None:
    dispatcher = pool()
    dispatcher.submit("r", 0.0)
    dispatcher.drain(0.0)
    assert dispatcher.instance_opened(1, "a", 1.0) == [Retire("a", "drain")]
    assert (dispatcher.open_instances, dispatcher.draining_instances) == (0, 1)


# -- outcomes


def test_every_outcome_of_the_dispatcher_has_a_status() -> None:
    for outcome in (
        RequestOutcome.QUEUE_TIMEOUT,
        RequestOutcome.QUEUE_FULL,
        RequestOutcome.INVOKE_REFUSED,
        RequestOutcome.START_FAILED,
        RequestOutcome.DRAINING,
    ):
        assert STATUS[outcome] in {503, 504}
