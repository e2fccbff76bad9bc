"""Pools that have nothing to do: nothing is done for them, and nothing is missed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from lambdadispatch.invoker.outcomes import Outcome
from lambdadispatch.router.compose import Chances, Parts, compose
from lambdadispatch.router.service import TICK
from tests.memory.network import MemoryNetwork
from tests.memory.stage_host import StageHost
from tests.memory.system import BEGINNING, MemoryLambda, get, make_settings
from tests.memory.system_case import refused
from tests.memory.test_system_pools import PoolsCase, asked_of


class CountingClock(Clock):
    """A clock that counts how often it is looked at: whatever is done for a pool needs the time."""

    looks = 0

    def seconds(self) -> float:
        self.looks += 1
        return super().seconds()


class ManyPoolsTests(SynchronousTestCase):
    def build(self, count: int, **settings: Any) -> Parts:
        self.clock = CountingClock()
        network = MemoryNetwork(self.clock)
        self.aws = MemoryLambda(self.clock, network, StageHost(self.clock))
        routes = ",".join(f"h{number}=f{number}" for number in range(count))
        chosen = make_settings(routes=routes, function_name=None, **settings)
        return compose(
            chosen,
            self.clock,
            self.aws.starter_of,
            self.clock.callLater,
            Chances(lambda: 0.5, lambda: "000000", lambda bits: bits),
            lambda: BEGINNING + timedelta(seconds=self.clock.seconds()),
        )

    def looks(self, parts: Parts, ticks: int) -> int:
        """How often the time was asked for within so many ticks."""
        before = self.clock.looks
        for _ in range(ticks):
            self.clock.advance(TICK)
            parts.pools.tick()
        return self.clock.looks - before

    def test_a_tick_does_nothing_for_a_thousand_idle_pools(self) -> None:
        parts = self.build(1000)
        self.assertGreaterEqual(self.looks(parts, 1), 1000)  # the first one looks at each
        self.assertEqual(parts.pools.awake, 0)
        for _ in range(3):
            before = self.clock.looks
            self.clock.pump([TICK] * 100)
            moved = self.clock.looks - before
            self.assertEqual(self.looks(parts, 100), moved)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.aws.started, [])

    def test_among_a_thousand_one_with_work_costs_what_it_costs_alone(self) -> None:
        costs = []
        for count in (1, 1000):
            parts = self.build(count)
            self.looks(parts, 5)
            parts.pools.by_name["f0"].wake()
            parts.pools.by_name["f0"].router.warm_up()
            costs.append(self.looks(parts, 50))
            self.assertEqual(parts.pools.awake, 1)
        self.assertEqual(costs[0], costs[1])
        self.assertGreater(costs[0], 50)


class SleepingTests(PoolsCase):
    @property
    def awake(self) -> set[str]:
        return {pool.name for pool in self.system.parts.pools.all if pool.awake}

    def test_a_pool_wakes_with_a_request_and_sleeps_when_all_of_it_is_gone(self) -> None:
        self.build(1.0, instance_idle=0.25)
        self.advance(0.2)
        self.assertEqual(self.awake, set())
        client = self.ask(asked_of("orders.example.com", "/wait/30"))
        for _ in range(300):
            self.assertEqual(self.awake, {"orders"})
            self.advance(0.1)
        self.advance(3)
        self.assertEqual(self.answer(client).status, 200)
        self.assertEqual(self.of("orders")["instances"], [])
        self.assertEqual(self.awake, set())

    def test_an_idle_instance_keeps_its_pool_awake_and_is_watched(self) -> None:
        self.build(instance_idle=60)
        self.ask(get("/now"), seconds=5)
        self.assertEqual(self.awake, {"web"})
        self.advance(180)
        self.assertEqual(self.awake, set())

    def test_who_comes_after_a_long_sleep_waits_as_long_as_any_other(self) -> None:
        self.build(60.0, queue_timeout=5, start_timeout=8)
        self.advance(2000)
        client = self.ask(get("/now"), seconds=4.9)
        self.assertEqual(client.received, b"")
        self.advance(0.3)
        self.assert_refused(client, 504, "queue_timeout")
        self.advance(3)
        self.assertEqual(self.of("web")["capacity"]["failed_starts"], 1)  # it was given up

    def test_who_comes_to_one_that_sleeps_when_all_are_drained_is_refused(self) -> None:
        self.build()
        self.advance(1)
        self.system.parts.pools.drain()
        self.assertEqual(self.awake, set())
        self.assert_refused(self.ask(get("/now")), 503, "draining")
        self.advance(1)
        self.assertEqual((self.system.aws.started, self.awake), ([], set()))
        self.assertEqual(self.outcomes(), {"draining": 1})

    def test_a_minimum_is_kept_without_a_request(self) -> None:
        self.build(1.0, file={"pools": {"orders": {"min-instances": 1}}})
        self.advance(10)
        self.assertEqual((self.of("orders")["open_instances"], self.awake), (1, {"orders"}))
        self.system.aws.started[0].end(Outcome.FUNCTION_ERROR)
        self.advance(5)
        self.assertEqual(self.of("orders")["open_instances"], 1)
        self.assertEqual(self.invoked(), {"orders": 2})

    def test_a_minimum_by_a_schedule_begins_in_time(self) -> None:
        # The test clock begins on a Monday at midnight.
        schedule = "2 for 1h from 0 1 * * 1"
        self.build(1.0, file={"pools": {"web": {"min-instances-schedule": schedule}}})
        self.advance(3590)
        self.assertEqual((self.invoked(), self.awake), ({}, {"web"}))
        self.advance(15)
        self.assertEqual(self.of("web")["open_instances"], 2)

    def test_a_brake_that_lets_go_by_itself_is_seen_to_do_so(self) -> None:
        self.build(file={"budget-invocations-per-minute": 1}, instance_idle=0.25)
        self.ask(get("/now"), seconds=5)
        self.ask(get("/now"), seconds=0.5)
        self.assertEqual(self.of("web")["capacity"]["brake"], "budget_invocations")
        self.assertEqual(self.awake, {"web"})
        self.advance(60)
        self.assertIsNone(self.of("web")["capacity"]["brake"])
        self.assertEqual(self.awake, set())

    def test_a_breaker_that_only_a_request_can_close_keeps_nobody_awake(self) -> None:
        self.build(backoff_first=0.01, backoff_most=0.01, instance_idle=0.25)
        self.system.aws.refused["web"] = refused()
        for _ in range(8):
            self.ask(get("/now"), seconds=0.5)
        self.assertTrue(self.of("web")["capacity"]["breaker_open"])
        self.advance(1)
        self.assertEqual(self.awake, set())
        del self.system.aws.refused["web"]
        self.advance(200)
        self.assertEqual(self.answer(self.ask(get("/now"))).body, b"now")
        self.assertFalse(self.of("web")["capacity"]["breaker_open"])

    def test_averages_that_still_want_instances_keep_a_pool_awake(self) -> None:
        self.build(scaling_algorithm="windows", instance_idle=0.25)
        self.ask(get("/wait/5"), seconds=30)
        self.assertEqual(self.awake, {"web"})
        self.assertEqual(self.of("web")["open_instances"], 1)
        self.advance(60)
        self.assertEqual((self.of("web")["instances"], self.awake), ([], set()))

    def test_a_request_is_served_though_the_tick_that_wakes_its_pool_fails(self) -> None:
        def fail() -> int:
            raise ZeroDivisionError("at what the schedule says")

        self.build()
        self.advance(1)
        router = self.system.parts.pools.by_name["web"].router
        router._minimum = fail
        self.assertEqual(self.answer(self.ask(get("/now"))).body, b"now")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        router._minimum = None

    def test_one_pool_without_routes_is_ticked_as_ever(self) -> None:
        self.pools = ("web",)
        self.build(routes=None, function_name="web")
        self.advance(100)
        self.assertEqual(self.awake, {"web"})
