from __future__ import annotations

from lambdadispatch.core.actions import Action, Assign, Close, Invoke, Retire
from lambdadispatch.core.dispatcher import Dispatcher, PoolLimits
from lambdadispatch.core.lifetimes import Lifetimes
from lambdadispatch.core.outcomes import InstanceFailure
from lambdadispatch.core.roster import Instance
from lambdadispatch.core.scaling import Simple
from lambdadispatch.core.starts import StartGate

ONE, OTHER = Instance("one", 1), Instance("other", 1)


def expires_after(leaves_in: float, start_time: float) -> float:
    """Seconds until an instance that leaves in so many expires."""
    lifetimes = Lifetimes()
    lifetimes.note(ONE, leaves_in, start_time, 100.0)
    for tenth in range(round(leaves_in * 10) + 1):
        lifetimes.passed(100.0 + tenth / 10)
        if lifetimes.expiring:
            return tenth / 10
    raise AssertionError("it never expired")


def test_the_lead() -> None:
    assert expires_after(885.0, 3.0) == 879.0
    assert expires_after(885.0, 0.1) == 884.0, "at least a second"
    assert expires_after(885.0, 50.0) == 825.0, "at most a minute"
    assert expires_after(10.0, 8.0) == 5.0, "at most half of its time"


def test_they_expire_in_order_and_once() -> None:
    lifetimes = Lifetimes()
    lifetimes.note(ONE, 30.0, 1.0, 0.0)
    lifetimes.note(OTHER, 20.0, 1.0, 0.0)
    lifetimes.note(OTHER, 500.0, 1.0, 0.0)
    lifetimes.passed(18.0)
    assert list(lifetimes.expiring) == [OTHER]
    lifetimes.passed(40.0)
    assert list(lifetimes.expiring) == [OTHER, ONE]
    lifetimes.forget(OTHER)
    lifetimes.passed(1000.0)
    assert list(lifetimes.expiring) == [ONE]


def test_who_has_gone_does_not_expire() -> None:
    lifetimes = Lifetimes()
    lifetimes.note(ONE, 30.0, 1.0, 0.0)
    lifetimes.forget(ONE)
    lifetimes.passed(100.0)
    assert not lifetimes.expiring


# -- what the dispatcher makes of it


def serving(instances: int, max_instances: int) -> Dispatcher:
    """A pool in which each instance runs a request and will leave at 100 s; starts take 2 s."""
    limits = PoolLimits(1, 1, max_instances, 100, 1000.0, 1000.0, 0.25)
    pool = Dispatcher(limits, Simple, StartGate(1.0, 60.0, lambda: 0.5))
    for number in range(instances):
        pool.submit(f"r{number}", 0.0)
    for number in range(1, instances + 1):
        opened(pool, number, 2.0)
        pool.leave_planned(f"i{number}", 98.0, 2.0)
    return pool


def opened(pool: Dispatcher, number: int, now: float) -> list[Action]:
    actions = pool.instance_opened(number, f"i{number}", now)
    actions += pool.channel_idle(f"c{number}", f"i{number}", now)
    return actions + pool.channel_idle(f"d{number}", f"i{number}", now)


def test_one_starts_for_each_that_expires_over_the_largest_size() -> None:
    pool = serving(2, max_instances=2)
    assert pool.tick(95.9) == []
    assert pool.tick(96.0) == [Invoke(3), Invoke(4)]
    assert pool.tick(97.0) == []
    assert (pool.expiring_instances, pool.open_instances, pool.starting) == (2, 2, 2)


def test_who_is_replaced_still_serves() -> None:
    pool = serving(1, max_instances=1)
    pool.tick(96.0)
    pool.submit("late", 96.5)
    assert pool.exchange_ended("r0", "c1", "i1", 97.0) == [Assign("late", "c1")]


def test_each_that_opens_lets_one_leave() -> None:
    pool = serving(2, max_instances=2)
    pool.tick(96.0)
    opened(pool, 3, 98.0)
    assert pool.tick(98.1) == [Retire("i1", "replaced"), Close("d1")]
    assert pool.tick(98.2) == []
    opened(pool, 4, 98.5)
    assert pool.tick(98.6) == [Retire("i2", "replaced"), Close("d2")]
    assert (pool.open_instances, pool.draining_instances) == (2, 2)


def test_an_instance_without_a_channel_replaces_nobody() -> None:
    pool = serving(1, max_instances=1)
    pool.tick(96.0)
    pool.instance_opened(2, "i2", 98.0)
    assert pool.tick(98.1) == []
    pool.channel_idle("c2", "i2", 98.2)
    assert pool.tick(98.3) == [Retire("i1", "replaced"), Close("d1")]


def test_an_instance_that_expires_and_rests_lets_nobody_leave() -> None:
    pool = serving(2, max_instances=2)
    pool.tick(96.0)
    opened(pool, 3, 98.0)
    assert pool.request_failed("r1", InstanceFailure.LOST, 98.1) == []
    again = pool.returned("r1", "again", 98.1, anew=True)
    assert again == [Assign("again", "d3")]
    assert pool.tick(98.2) == [Retire("i2", "replaced"), Close("d2")], "it rests, not the first"
    assert pool.tick(99.0) == []
    assert (pool.open_instances, pool.running) == (2, 2)


def test_two_that_expire_and_rest_let_nobody_leave() -> None:
    pool = serving(3, max_instances=3)
    pool.tick(96.0)
    opened(pool, 4, 98.0)
    pool.request_failed("r1", InstanceFailure.LOST, 98.1)
    pool.request_failed("r2", InstanceFailure.LOST, 98.1)
    assert pool.tick(98.2) == [], "two can serve, and three are wanted"
    assert pool.tick(98.4)[0] == Retire("i1", "replaced"), "they have rested"


def test_who_is_idle_leaves_only_if_those_that_are_open_are_enough() -> None:
    pool = serving(2, max_instances=2)
    pool.tick(96.0)
    pool.exchange_ended("r0", "c1", "i1", 96.5)
    assert pool.starting == 2
    assert pool.instance_idle("i1", 97.0) == [], "the two that start are not there yet"
    pool.exchange_ended("r1", "c2", "i2", 97.1)
    assert pool.instance_idle("i1", 98.0)[0] == Retire("i1", "idle")


def test_those_that_nobody_needs_are_not_replaced() -> None:
    pool = serving(2, max_instances=2)
    for number in (0, 1):
        pool.finished(f"r{number}", 50.0)
    assert pool.tick(96.0) == []
    assert (pool.expiring_instances, pool.starting) == (2, 0)
    assert pool.instance_leaving("i1", "deadline", 100.0)[0] == Retire("i1", "deadline")
