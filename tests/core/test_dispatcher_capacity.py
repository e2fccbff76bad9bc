"""The dispatcher's decisions about how many instances there are, case by case."""

from __future__ import annotations

import pytest

from lambdadispatch.core.actions import Action, Assign, Close, Invoke, Refuse, Retire
from lambdadispatch.core.breaker import Breaker
from lambdadispatch.core.bucket import TokenBucket
from lambdadispatch.core.budget import Budget
from lambdadispatch.core.dispatcher import Dispatcher, PoolLimits
from lambdadispatch.core.outcomes import STATUS, RequestOutcome, StartFailure
from lambdadispatch.core.scaling import ALGORITHMS, Simple
from lambdadispatch.core.starts import StartGate

REFUSED, ENDED = StartFailure.REFUSED, StartFailure.ENDED
Gates = TokenBucket | Breaker | Budget


def pool(
    bucket: TokenBucket | None = None,
    breaker: Breaker | None = None,
    budget: Budget | None = None,
    algorithm: str = "simple",
    **changes: float,
) -> Dispatcher:
    """A pool of instances that run 2 requests at once and should run 2."""
    limits = {
        "max_concurrent": 2,
        "multiplier": 1,
        "max_instances": 10,
        "queue_limit": 1000,
        "queue_timeout": 30.0,
        "start_timeout": 60.0,
        "idle_window": 0.25,
    }
    gate = StartGate(1.0, 60.0, lambda: 0.5, bucket=bucket, breaker=breaker, budget=budget)
    return Dispatcher(PoolLimits(**(limits | changes)), ALGORITHMS[algorithm], gate)


def open_instances(dispatcher: Dispatcher, starts: list[Action], now: float = 0.0) -> None:
    """Every start becomes an instance with two channels: start 3 is ``i3`` with i3a and i3b."""
    for action in starts:
        assert isinstance(action, Invoke)
        name = f"i{action.start}"
        dispatcher.instance_opened(action.start, name, now)
        for channel in "ab":
            dispatcher.channel_idle(name + channel, name, now)


def invokes(actions: list[Action]) -> int:
    return len([action for action in actions if isinstance(action, Invoke)])


def retired(actions: list[Action]) -> list[tuple[str, str]]:
    return [(each.instance, each.reason) for each in actions if isinstance(each, Retire)]


# -- the minimum


def test_the_minimum_is_started_without_any_demand() -> None:
    dispatcher = pool(min_instances=3)
    assert invokes(dispatcher.tick(0.1)) == 3
    assert dispatcher.tick(0.2) == []
    assert dispatcher.capacity_state(0.2)["desired"] == 3


def test_an_idle_instance_may_not_leave_below_the_minimum() -> None:
    dispatcher = pool(min_instances=2)
    open_instances(dispatcher, dispatcher.tick(0.0))
    open_instances(dispatcher, dispatcher.submit("r", 0.0) and dispatcher.warm_up(0.0))
    assert dispatcher.instance_idle("i1", 100.0) == []
    assert dispatcher.open_instances == 2


def test_who_leaves_is_replaced_through_the_gate() -> None:
    dispatcher = pool(min_instances=2, bucket=TokenBucket(1, 3))
    open_instances(dispatcher, dispatcher.tick(0.0))
    assert invokes(dispatcher.instance_leaving("i1", "deadline", 0.5)) == 1
    assert invokes(dispatcher.instance_lost("i2", 0.5)) == 0
    assert dispatcher.capacity_state(0.5)["brake"] == "start_rate"
    assert invokes(dispatcher.tick(1.0)) == 1


def test_a_minimum_that_is_lowered_lets_instances_go() -> None:
    dispatcher = pool(min_instances=2)
    open_instances(dispatcher, dispatcher.tick(0.0))
    dispatcher.keep(0)
    dispatcher.tick(1.0)
    dispatcher.tick(2.0)
    assert retired(dispatcher.instance_idle("i1", 3.0)) == [("i1", "idle")]


def test_a_minimum_that_is_raised_starts_instances_but_not_above_the_maximum() -> None:
    dispatcher = pool(max_instances=4)
    dispatcher.keep(9)
    assert invokes(dispatcher.tick(0.1)) == 4
    assert dispatcher.capacity_state(0.1)["brake"] == "max_instances"


def test_nothing_is_kept_while_draining() -> None:
    dispatcher = pool(min_instances=2)
    open_instances(dispatcher, dispatcher.tick(0.0))
    dispatcher.drain(1.0)
    assert dispatcher.tick(2.0) == []
    assert dispatcher.open_instances == 0


# -- what a good start is


def test_to_call_back_is_not_yet_a_good_start() -> None:
    dispatcher = pool(max_concurrent=1)
    started = sum(invokes(dispatcher.submit(name, 0.0)) for name in "rstu")
    assert started == 3
    for start in (1, 2):
        dispatcher.start_failed(start, ENDED, 0.0)
    assert dispatcher.tick(10.0) == []  # one is under way, and after a failure one is enough
    dispatcher.instance_opened(3, "a", 11.0)
    assert dispatcher.tick(20.0) == []
    assert invokes(dispatcher.channel_idle("a1", "a", 21.0)) > 0


def test_an_instance_lost_before_it_offered_a_channel_is_a_failed_start() -> None:
    dispatcher = pool()
    dispatcher.submit("r", 0.0)
    for start in (1, 2, 3):
        now = start * 5.0
        assert invokes(dispatcher.tick(now)) == (start > 1)
        dispatcher.instance_opened(start, f"i{start}", now)
        actions = dispatcher.instance_lost(f"i{start}", now)
        assert dispatcher.capacity_state(0.0)["failed_starts"] == start
    assert actions == [Refuse("r", RequestOutcome.START_FAILED)]


def test_an_instance_that_leaves_before_it_offered_a_channel_is_a_failed_start() -> None:
    dispatcher = pool()
    dispatcher.submit("r", 0.0)
    dispatcher.instance_opened(1, "a", 0.0)
    assert dispatcher.instance_leaving("a", "deadline", 0.0) == [Retire("a", "deadline")]
    assert dispatcher.tick(0.4) == []
    assert dispatcher.tick(0.5) == [Invoke(2)]


def test_an_instance_that_never_offers_a_channel_is_given_up() -> None:
    dispatcher = pool(queue_timeout=900.0)
    dispatcher.submit("r", 0.0)
    dispatcher.instance_opened(1, "a", 5.0)
    assert dispatcher.tick(59.9) == []
    assert dispatcher.tick(60.0) == [Retire("a", "given_up")]
    assert dispatcher.channel_idle("a1", "a", 60.1) == [Close("a1")]
    assert dispatcher.tick(60.5) == [Invoke(2)]
    assert dispatcher.capacity_state(61.0)["failed_starts"] == 1


# -- breaker


def broken(**changes: float) -> Dispatcher:
    """Five instances that took nothing have been lost at 0 s."""
    dispatcher = pool(breaker=Breaker(), **changes)
    open_instances(dispatcher, [action for _ in range(5) for action in crash(dispatcher)])
    return dispatcher


def crash(dispatcher: Dispatcher, now: float = 0.0) -> list[Action]:
    """An instance is started, opens, and is gone."""
    starts = dispatcher.warm_up(now)
    open_instances(dispatcher, starts, now)
    for action in starts:
        assert isinstance(action, Invoke)
        assert dispatcher.instance_lost(f"i{action.start}", now) == []
    return []


def test_after_five_bad_exits_newcomers_are_told_and_nothing_is_started() -> None:
    dispatcher = broken()
    assert dispatcher.why_not_ready(0.1) == "breaker_open"
    assert dispatcher.submit("r", 0.1) == [Refuse("r", RequestOutcome.BREAKER_OPEN)]
    assert dispatcher.why_not_ready(0.1) == "breaker_open"
    # A balancer that sends nothing until it is told otherwise would wait for ever.
    assert dispatcher.why_not_ready(20.0) is None
    assert dispatcher.waiting == 0
    state = dispatcher.capacity_state(4.1)
    assert (state["brake"], state["brake_seconds"]) == ("breaker_open", 4.0)


def test_a_probe_is_made_for_who_comes_ten_seconds_later() -> None:
    dispatcher = broken()
    assert dispatcher.submit("r", 9.9) == [Refuse("r", RequestOutcome.BREAKER_OPEN)]
    assert dispatcher.submit("s", 10.0) == [Invoke(6)]
    assert dispatcher.submit("t", 10.1) == []
    dispatcher.instance_opened(6, "i6", 11.0)
    assert dispatcher.instance_lost("i6", 11.0) == [
        Refuse("s", RequestOutcome.BREAKER_OPEN),
        Refuse("t", RequestOutcome.BREAKER_OPEN),
    ]
    assert dispatcher.submit("u", 19.9) == [Refuse("u", RequestOutcome.BREAKER_OPEN)]
    assert dispatcher.submit("v", 20.0) == [Invoke(7)]


@pytest.mark.parametrize("way", ["exchange", "finished"])
def test_a_served_request_closes_it(way: str) -> None:
    dispatcher = broken()
    open_instances(dispatcher, dispatcher.submit("r", 10.0), 11.0)
    assert dispatcher.capacity_state(11.0)["breaker_open"]
    for number in range(20):
        assert invokes(dispatcher.submit(number, 11.0)) == 0
    if way == "exchange":
        actions = dispatcher.exchange_ended("r", "i6a", "i6", 12.0)
    else:
        actions = dispatcher.finished("r", 12.0, served=True)
    assert invokes(actions) > 2
    assert not dispatcher.capacity_state(12.0)["breaker_open"]


def test_a_request_that_was_not_served_does_not_close_it() -> None:
    dispatcher = broken()
    open_instances(dispatcher, dispatcher.submit("r", 10.0), 11.0)
    dispatcher.finished("r", 12.0)
    assert dispatcher.capacity_state(12.0)["breaker_open"]


def test_who_was_told_to_go_or_said_so_is_no_bad_exit() -> None:
    dispatcher = pool(breaker=Breaker())
    for _ in range(6):
        starts = dispatcher.warm_up(0.0)
        open_instances(dispatcher, starts)
        name = f"i{starts[0].start}"  # type: ignore[union-attr]
        dispatcher.instance_leaving(name, "deadline", 0.0)
        dispatcher.instance_lost(name, 0.0)
    assert not dispatcher.capacity_state(0.0)["breaker_open"]


def test_who_waits_goes_on_waiting_while_an_instance_is_open() -> None:
    dispatcher = broken()
    open_instances(dispatcher, dispatcher.submit("r", 10.0), 11.0)
    assert dispatcher.submit(0, 11.0) == [Assign(0, "i6b")]
    assert all(dispatcher.submit(number, 11.0) == [] for number in range(1, 8))
    assert dispatcher.waiting == 7


# -- budget, rate and maximum


def test_a_spent_budget_is_told_when_nothing_is_open_or_starting() -> None:
    dispatcher = pool(budget=Budget(2, None, 0.0))
    open_instances(dispatcher, [*dispatcher.warm_up(0.0)])
    dispatcher.instance_lost("i1", 0.0)
    open_instances(dispatcher, [*dispatcher.warm_up(0.0)])
    for number in range(5):
        assert dispatcher.submit(number, 1.0)[1:] == []
    assert dispatcher.waiting == 3  # an instance is open
    assert dispatcher.capacity_state(1.0)["brake"] == "budget_invocations"
    actions = dispatcher.instance_lost("i2", 2.0)
    assert actions == [Refuse(number, RequestOutcome.BUDGET_SPENT) for number in (2, 3, 4)]
    assert dispatcher.submit("s", 59.0) == [Refuse("s", RequestOutcome.BUDGET_SPENT)]
    assert dispatcher.why_not_ready(59.0) == "budget_spent"
    assert dispatcher.submit("t", 60.0) == [Invoke(3)]


def test_gb_seconds_are_spent_until_the_invoke_call_has_come_back() -> None:
    dispatcher = pool(budget=Budget(None, 60, 1.0))
    open_instances(dispatcher, dispatcher.warm_up(0.0))
    dispatcher.instance_lost("i1", 10.0)
    assert dispatcher.capacity_state(20.0)["gb_seconds_last_hour"] == 20.0
    assert dispatcher.invocation_ended(1, 30.0) == []
    assert dispatcher.capacity_state(90.0)["gb_seconds_last_hour"] == 30.0
    assert dispatcher.submit("r", 90.0) == [Invoke(2)]
    dispatcher.start_failed(2, ENDED, 120.0)
    assert dispatcher.tick(120.5)[-1:] == [Refuse("r", RequestOutcome.START_FAILED)]
    assert dispatcher.submit("s", 121.0) == [Refuse("s", RequestOutcome.BUDGET_SPENT)]


def test_the_start_rate_keeps_who_waits_waiting() -> None:
    dispatcher = pool(max_concurrent=1, bucket=TokenBucket(2, 3))
    started = sum(invokes(dispatcher.submit(number, 0.0)) for number in range(20))
    assert (started, dispatcher.waiting) == (3, 20)
    assert dispatcher.capacity_state(0.0)["brake"] == "start_rate"
    assert [invokes(dispatcher.tick(second / 2)) for second in range(1, 8)] == [1] * 7
    assert dispatcher.capacity_state(3.5)["brake"] == "max_instances"


def test_a_brake_is_gone_when_nothing_more_is_wanted() -> None:
    dispatcher = pool(max_concurrent=1, max_instances=1)
    dispatcher.submit("r", 0.0)
    dispatcher.submit("s", 0.0)
    assert dispatcher.capacity_state(0.0)["brake"] == "max_instances"
    dispatcher.cancel("s", 1.0)
    dispatcher.cancel("r", 1.0)
    dispatcher.tick(1.1)
    assert dispatcher.capacity_state(1.1)["brake"] is None


def test_who_has_waited_too_long_for_starts_that_fail_is_told_so() -> None:
    dispatcher = pool(queue_timeout=30.0)
    dispatcher.submit("r", 0.0)
    assert dispatcher.tick(30.0) == [Refuse("r", RequestOutcome.QUEUE_TIMEOUT)]
    dispatcher.submit("s", 31.0)
    dispatcher.start_failed(1, ENDED, 32.0)
    dispatcher.tick(40.0)
    assert dispatcher.tick(61.0) == [Refuse("s", RequestOutcome.START_FAILED)]


# -- scale-in


def crowd(**changes: float) -> Dispatcher:
    """Four instances; on each of three of them one request runs for ever, two on ``i4``."""
    dispatcher = pool(scale_in_delay=10.0, min_instances=4, **changes)
    open_instances(dispatcher, dispatcher.tick(0.0))
    for number in range(5):
        dispatcher.submit(number, 0.0)
    dispatcher.keep(0)
    return dispatcher


def ticks(dispatcher: Dispatcher, begin: float, end: float) -> list[tuple[float, Action]]:
    found: list[tuple[float, Action]] = []
    for tick in range(round(begin * 10), round(end * 10) + 1):
        found += [(tick / 10, action) for action in dispatcher.tick(tick / 10)]
    return found


def test_the_least_busy_is_drained_when_fewer_have_been_enough_for_long() -> None:
    dispatcher = crowd()
    dispatcher.finished(1, 0.0)
    dispatcher.finished(2, 0.0)
    assert dispatcher.running == 3
    found = ticks(dispatcher, 0.1, 30.0)
    assert len(retired([action for _, action in found])) == 2
    assert 10.0 <= found[0][0] <= 11.0
    assert dispatcher.open_instances == 2
    assert dispatcher.running == 3


def test_an_instance_that_runs_something_finishes_it() -> None:
    dispatcher = crowd()
    [(_, first), *_] = ticks(dispatcher, 0.1, 15.0)
    assert isinstance(first, Retire)
    assert (dispatcher.open_instances, dispatcher.draining_instances) == (3, 1)
    assert dispatcher.running == 5


def test_a_peak_within_the_delay_puts_it_off() -> None:
    dispatcher = crowd()
    ticks(dispatcher, 0.1, 9.0)
    for number in range(5, 8):
        assert isinstance(dispatcher.submit(number, 9.0)[0], Assign)
    for number in range(5, 8):
        dispatcher.finished(number, 9.05)
        instance = number - 4
        dispatcher.channel_idle(f"new{number}", f"i{instance}", 9.05)
    found = ticks(dispatcher, 9.1, 25.0)
    assert found[0][0] >= 19.0


def test_no_more_leave_than_what_runs_and_waits_can_do_without() -> None:
    dispatcher = crowd(multiplier=1, max_instances=4)
    ticks(dispatcher, 0.1, 300.0)
    assert dispatcher.open_instances == 3  # 5 requests, 2 an instance


def test_unready_instances_are_not_counted_on() -> None:
    dispatcher = pool(scale_in_delay=0.0, min_instances=2, start_timeout=900.0)
    starts = dispatcher.tick(0.0)
    open_instances(dispatcher, starts[:1])
    dispatcher.instance_opened(2, "i2", 0.0)
    dispatcher.submit("r", 0.0)
    dispatcher.keep(0)
    assert ticks(dispatcher, 0.1, 20.0) == []


@pytest.mark.parametrize("algorithm", ["windows", "ewma"])
def test_every_algorithm_starts_serves_and_lets_go(algorithm: str) -> None:
    dispatcher = pool(algorithm=algorithm, scale_in_delay=5.0)
    starts = [action for number in range(8) for action in dispatcher.submit(number, 0.0)]
    assert 2 <= len(starts) <= 4
    open_instances(dispatcher, starts, 1.0)
    found = ticks(dispatcher, 1.0, 20.0)
    open_instances(dispatcher, [a for _, a in found if isinstance(a, Invoke)], 20.0)
    assert dispatcher.running == 8
    assert 4 <= dispatcher.open_instances <= 5
    for number in range(8):
        dispatcher.finished(number, 20.0)
    ticks(dispatcher, 20.1, 220.0)
    for number in range(1, 6):
        dispatcher.instance_idle(f"i{number}", 220.0)
    assert dispatcher.open_instances == 0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_burst_of_100_from_zero_needs_at_most_12_starts(algorithm: str) -> None:
    """10 requests an instance, multiplier 1; starts take 2 s, requests 1 s."""
    dispatcher = pool(algorithm=algorithm, max_concurrent=10, max_instances=1000)
    due: list[tuple[float, str, tuple[object, ...]]] = []
    started = served = 0

    def carry_out(actions: list[Action], now: float) -> None:
        nonlocal started
        for action in actions:
            if isinstance(action, Invoke):
                started += 1
                due.append((now + 2.0, "open", (action.start,)))
            elif isinstance(action, Assign):
                due.append((now + 1.0, "end", (action.request, action.channel)))

    for tick in range(300):
        now = tick / 10
        if tick == 10:
            for number in range(100):
                carry_out(dispatcher.submit(number, now), now)
        for entry in [entry for entry in due if entry[0] <= now]:
            due.remove(entry)
            if entry[1] == "open":
                name = f"i{entry[2][0]}"
                carry_out(dispatcher.instance_opened(int(name[1:]), name, now), now)
                for channel in range(20):
                    carry_out(dispatcher.channel_idle((name, channel), name, now), now)
            else:
                request, channel = entry[2]
                served += 1
                assert isinstance(channel, tuple)
                carry_out(dispatcher.exchange_ended(request, channel, channel[0], now), now)
        carry_out(dispatcher.tick(now), now)
    assert served == 100
    assert 5 <= started <= 12


def test_the_cheap_algorithm_is_the_plain_formula() -> None:
    assert ALGORITHMS["simple"] is Simple
    assert Simple(10, 2).desired(100, 2, 99, 0.0) == 7


def test_every_new_outcome_has_its_status() -> None:
    assert STATUS[RequestOutcome.BREAKER_OPEN] == STATUS[RequestOutcome.BUDGET_SPENT] == 503
