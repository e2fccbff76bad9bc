"""How many instances there are: minimum, schedule, algorithms, and what /state says of it."""

from __future__ import annotations

from tests.memory.system import get
from tests.memory.test_system_leaving import LeavingCase


class MinimumTests(LeavingCase):
    def test_a_minimum_is_started_kept_and_replaced(self) -> None:
        self.build(min_instances=2, instance_idle=1)
        self.note_answers()
        self.system.aws.timeout = 120.0
        self.advance(0.1)
        self.assertEqual(self.pool["open_instances"], 2)
        self.advance(60)
        self.assertEqual(len(self.system.aws.started), 2)
        self.advance(200)
        self.assertGreater(len(self.system.aws.started), 2)
        self.assertEqual(self.pool["open_instances"], 2)
        self.assertEqual(set(self.reasons), {"replaced"})

    def test_a_request_meets_a_warm_instance(self) -> None:
        self.build(cold_start=5.0, min_instances=1)
        self.advance(6)
        client = self.ask(get("/now"))
        self.assertEqual(self.answer(client).status, 200)

    def test_what_demand_added_leaves_again(self) -> None:
        self.build(min_instances=1, instance_idle=1)
        for _ in range(20):
            self.ask(get("/wait/2"))
        self.advance(1)
        self.assertGreater(self.pool["open_instances"], 1)
        self.advance(20)
        self.assertEqual(self.pool["open_instances"], 1)

    def test_a_schedule_raises_the_minimum_for_its_time(self) -> None:
        # The test clock begins on a Monday at midnight UTC, 01:00 in Berlin.
        self.build(
            min_instances_schedule="3 for 2m from 1 1 * * 1; 5 for 1h from 0 12 * * *",
            time_zone="Europe/Berlin",
            instance_idle=1,
        )
        self.assertEqual(self.pool["capacity"]["min_instances"], 0)
        self.advance(59)
        self.assertEqual(self.pool["open_instances"], 0)
        self.advance(2)
        self.assertEqual(self.pool["capacity"]["min_instances"], 3)
        self.assertEqual(self.pool["open_instances"], 3)
        self.advance(115)
        self.assertEqual(self.pool["open_instances"], 3)
        self.advance(15)
        self.assertEqual(self.pool["capacity"]["min_instances"], 0)
        self.assertEqual(self.pool["open_instances"], 0)
        self.assertEqual(len(self.system.aws.started), 3)


class BrakeTests(LeavingCase):
    def test_state_names_the_brake_and_since_when(self) -> None:
        self.build(max_instances=1)
        for _ in range(20):
            self.ask(get("/hold"))
        self.advance(3)
        capacity = self.pool["capacity"]
        self.assertEqual(capacity["brake"], "max_instances")
        self.assertAlmostEqual(capacity["brake_seconds"], 3.0, delta=0.2)
        self.assertEqual((capacity["min_instances"], capacity["max_instances"]), (0, 1))
        self.assertGreater(capacity["desired"], 1)
        for _ in range(20):
            self.host.open[0].respond()
            self.network.pump()
        self.advance(0.2)
        self.assertIs(self.pool["capacity"]["brake"], None)

    def test_the_start_rate(self) -> None:
        self.build(max_concurrent_count=1, start_rate=1, start_burst=2, cold_start=0.5)
        clients = [self.ask(get("/wait/60")) for _ in range(8)]
        self.assertEqual(len(self.system.aws.started), 2)
        self.assertEqual(self.pool["capacity"]["brake"], "start_rate")
        self.advance(3.05)
        self.assertEqual(len(self.system.aws.started), 5)
        for client in clients:
            client.transport.abortConnection()
        self.network.pump()


class ScaleInTests(LeavingCase):
    def test_the_least_busy_is_drained_though_all_are_busy(self) -> None:
        self.build(instance_idle=1, scale_in_delay=10)
        self.note_answers()
        clients = [self.ask(get("/hold")) for _ in range(40)]
        self.advance(0.5)
        self.answer_all()
        most = self.pool["open_instances"]
        self.assertGreaterEqual(most, 8)
        # The least busy gets the next, so each gets one, and none ever has nothing to do.
        clients += [self.ask(get("/hold")) for _ in range(most)]
        self.advance(9)
        self.assertEqual(self.pool["open_instances"], most)
        self.advance(30)
        self.assertEqual(self.pool["open_instances"], -(-most * 12 // 50))
        self.assertEqual(self.pool["running"], most)
        self.assertEqual(self.reasons, [])
        self.answer_all()
        self.advance(1)
        self.assertEqual({self.answer(client).status for client in clients}, {200})
        self.assertEqual(self.reasons.count("surplus"), most - -(-most * 12 // 50))

    def answer_all(self) -> None:
        for call in list(self.host.open):
            call.respond()
        self.network.pump()


class AlgorithmTests(LeavingCase):
    def serve(self, algorithm: str) -> None:
        self.build(scaling_algorithm=algorithm, instance_idle=1, cold_start=1.0)
        clients = []
        for _ in range(120):
            clients += [self.ask(get("/wait/1")) for _ in range(4)]
            self.advance(0.5)
        self.advance(5)
        self.assertEqual({self.answer(client).status for client in clients}, {200})
        self.most = len(self.system.aws.started)

    def test_windows(self) -> None:
        self.serve("windows")
        self.assertLessEqual(self.most, 8)
        self.advance(30)
        self.assertGreaterEqual(self.pool["open_instances"], 1)
        self.advance(120)
        self.assertEqual(self.pool["open_instances"], 0)

    def test_ewma(self) -> None:
        self.serve("ewma")
        self.assertLessEqual(self.most, 8)
        self.advance(240)
        self.assertEqual(self.pool["open_instances"], 0)
