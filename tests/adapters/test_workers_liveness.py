"""Workers that are stuck: which of them the parent ends, and when."""

from __future__ import annotations

from typing import Any

from lambdadispatch.workers.liveness import BEAT, SILENT, STARTING
from tests.adapters.test_workers_parent import ParentCase
from tests.adapters.workers_rig import FakeProcess


class LivenessTests(ParentCase):
    """``stuck`` are the workers that report nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.stuck: set[int] = set()

    def serve(self, **settings: Any) -> list[FakeProcess]:
        """Workers that have reported once."""
        self.start(**settings)
        self.beat()
        return list(self.spawner.started)

    def beat(self, count: int = 1) -> None:
        """So many times the parent looks, and then all that are not stuck report."""
        for _ in range(count):
            self.clock.advance(BEAT)
            self.report()

    def report(self) -> None:
        for process in self.spawner.started:
            if process.pid is not None and process.worker not in self.stuck:
                process.keeper.was_alive()

    def killed(self) -> list[int]:
        """The workers that were, in order of their starts."""
        return [each.worker for each in self.spawner.started if "kill" in each.orders]

    def test_those_that_report_live(self) -> None:
        self.serve()
        self.beat(100)
        self.assertEqual(self.killed(), [])

    def test_one_that_is_stuck_is_replaced(self) -> None:
        _, stuck = self.serve()
        self.stuck = {1}
        self.beat(SILENT - 1)
        self.assertEqual(self.killed(), [])
        self.beat()
        self.assertEqual(stuck.orders, ["kill"])
        self.assertIn("worker 1 has shown no sign of life for 30 s: it is killed", self.lines())
        stuck.crash()
        self.stuck = set()
        self.beat()
        self.assertEqual([each.worker for each in self.spawner.started], [0, 1, 1])
        self.spawner.last.ready()
        self.beat(100)
        self.assertEqual(self.killed(), [1])

    def test_one_that_reports_in_between_is_not(self) -> None:
        self.serve()
        for _ in range(5):
            self.stuck = {0}
            self.beat(SILENT - 1)
            self.stuck = set()
            self.report()
        self.assertEqual(self.killed(), [])

    def test_what_is_killed_and_does_not_end_is_not_killed_at_each_look(self) -> None:
        stuck, _ = self.serve()
        self.stuck = {0}
        self.beat(SILENT + 3)
        self.assertEqual(stuck.orders, ["kill"])

    def test_a_worker_that_never_begins(self) -> None:
        self.start()
        self.stuck = {0}
        self.beat(STARTING - 1)
        self.assertEqual(self.killed(), [])
        self.beat()
        self.assertEqual(self.killed(), [0])

    def test_all_at_once_are_replaced_one_by_one(self) -> None:
        """Most likely it is the machine, which need not start all of them at the same time."""
        self.serve(workers=4)
        self.stuck = {0, 1, 2, 3}
        self.beat(SILENT)
        self.assertEqual(len(self.killed()), 1)
        self.beat()
        self.assertEqual(len(self.killed()), 2)
        self.stuck = set()
        self.report()
        self.beat(20)
        self.assertEqual(len(self.killed()), 2)

    def test_the_one_that_is_silent_longest_comes_first(self) -> None:
        self.serve()
        self.stuck = {1}
        self.beat(1)
        self.stuck = {0, 1}
        self.beat(SILENT - 1)
        self.assertEqual(self.killed(), [1])

    def test_a_parent_that_stood_still_kills_nobody(self) -> None:
        """It looks once when it goes on, however long that was, and hears them before the next."""
        self.serve()
        self.stuck = {0, 1}
        for _ in range(10):
            self.beat(SILENT - 2)
            self.clock.advance(3600)
            self.stuck = set()
            self.report()
            self.stuck = {0, 1}
        self.assertEqual(self.killed(), [])

    def test_who_drains_has_its_own_limit(self) -> None:
        processes = self.serve(drain_timeout=600)
        stopped = self.parent.stopService()
        self.stuck = {0, 1}
        self.beat(SILENT + 1)
        self.assertEqual([each.orders for each in processes], [["drain"], ["drain"]])
        for process in processes:
            process.end()
        self.clock.advance(0)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
