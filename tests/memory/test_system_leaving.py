"""How instances leave: idle, before their deadline, or lost to a silent network."""

from __future__ import annotations

from lambdadispatch.wire.payload import InvokeAnswer
from tests.memory.system import CONTROL, Running, get
from tests.memory.system_case import SystemCase

CHUNKED = b"POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"


class LeavingCase(SystemCase):
    """Keeps the answers of the invocations, and when each ended."""

    def note_answers(self) -> None:
        self.given: list[tuple[float, InvokeAnswer]] = []
        end = Running.end

        def noting(
            running: Running, outcome: object, payload: bytes = b"", message: str = ""
        ) -> None:
            if payload != b"{}":
                self.given.append((self.clock.seconds(), InvokeAnswer.decode(payload)))
            end(running, outcome, payload, message)

        self.patch(Running, "end", noting)

    @property
    def reasons(self) -> list[str]:
        return [answer.reason for _, answer in self.given]


class IdleTests(LeavingCase):
    def setUp(self) -> None:
        self.build(instance_idle=2)
        self.note_answers()

    def test_an_instance_leaves_after_its_idle_time(self) -> None:
        self.ask(get("/now"))
        self.advance(1.9)
        self.assertEqual(self.pool["open_instances"], 1)
        self.advance(4.2)
        self.assertEqual(self.pool["instances"], [])
        self.assertEqual(self.given[0][1], InvokeAnswer("idle", 1))
        self.assertEqual(self.links_to(CONTROL), [])
        self.assertEqual(self.outcomes("channels"), {"retired": 20})
        self.assertEqual(self.outcomes("sessions"), {"closed": 1})
        self.assertEqual(self.outcomes("invocations"), {"returned": 1})

    def test_it_does_not_leave_while_a_request_runs(self) -> None:
        self.ask(get("/x"))
        self.advance(20)
        self.assertEqual(self.pool["open_instances"], 1)
        self.call.respond()
        self.advance(7)
        self.assertEqual(self.pool["instances"], [])

    def test_it_does_not_leave_while_requests_keep_coming(self) -> None:
        for _ in range(30):
            self.ask(get("/now"))
            self.advance(1.5)
        self.assertEqual(len(self.system.aws.started), 1)
        self.assertEqual(self.reasons, [])

    def test_only_those_leave_that_demand_does_not_want(self) -> None:
        for _ in range(12):
            self.ask(get("/wait/1"))
        self.advance(1.1)
        self.assertEqual(self.pool["open_instances"], 3)
        self.ask(get("/x"))
        self.advance(15)
        self.assertEqual(self.pool["open_instances"], 1)
        self.assertEqual(self.reasons, ["idle", "idle"])
        self.call.respond()

    def test_a_request_after_all_have_left_starts_one_again(self) -> None:
        for _ in range(3):
            client = self.ask(get("/now"))
            self.assertEqual(self.answer(client).status, 200)
            self.advance(10)
        self.assertEqual(len(self.system.aws.started), 3)

    def test_an_instance_that_nobody_needed_leaves(self) -> None:
        self.system.aws.cold_start = 1.0
        client = self.ask(get("/x"))
        client.transport.abortConnection()
        self.advance(10)
        self.assertEqual(self.given[0][1], InvokeAnswer("idle", 0))


class ImmediateAnswerIdleTests(IdleTests):
    """The router hears the answer of an invocation before its connections close."""

    answer_time = 0.0

    def test_an_instance_leaves_after_its_idle_time(self) -> None:
        self.ask(get("/now"))
        self.advance(6.1)
        self.assertEqual(self.pool["instances"], [])
        self.assertEqual(self.outcomes("channels"), {"retired": 20})
        self.assertEqual(self.outcomes("sessions"), {"invocation_ended": 1})


class DeadlineTests(LeavingCase):
    timeout = 30.0

    def setUp(self) -> None:
        self.build(deadline_margin=5, queue_timeout=5, retry_limit=0)
        self.note_answers()
        self.system.aws.timeout = self.timeout

    def test_it_leaves_before_its_deadline(self) -> None:
        self.ask(get("/now"))
        self.advance(24.9)
        self.assertEqual(self.reasons, [])
        self.advance(0.2)
        self.assertEqual(self.reasons, ["deadline"])

    def test_running_requests_finish(self) -> None:
        clients = [self.ask(get("/wait/28")) for _ in range(4)]
        self.advance(25.5)
        self.assertEqual(self.pool["draining_instances"], 1)
        self.assertEqual([each["channels"] for each in self.pool["instances"]], [4, 20])
        self.advance(3)
        self.assertEqual([self.answer(client).status for client in clients], [200] * 4)
        self.assertEqual(self.given[0][1], InvokeAnswer("replaced", 4))

    def test_what_runs_too_long_is_cut_and_the_invocation_answered_in_time(self) -> None:
        client = self.ask(get("/x"))
        self.advance(29.1)
        self.assert_refused(client, 502, "answer_lost")
        self.assertEqual(self.reasons, ["deadline_cut"])
        self.assertLess(self.given[0][0], 30.0)

    def test_a_replacement_starts_when_it_begins_to_leave(self) -> None:
        first = self.ask(get("/wait/28"))
        self.advance(25.5)
        second = self.ask(get("/now"))
        self.assertEqual(self.answer(second).status, 200)
        self.assertEqual(len(self.system.aws.started), 2)
        self.advance(3)
        self.assertEqual(self.answer(first).status, 200)

    def test_no_request_is_lost_under_load_over_several_deadlines(self) -> None:
        self.system.aws.cold_start = 0.4
        self.system.aws.timeout = 12.0
        clients = []
        for number in range(240):
            clients.append(self.ask(get(f"/wait/{number % 7 * 0.2:.1f}")))
            self.advance(0.25)
        self.advance(3)
        self.assertEqual({self.answer(client).status for client in clients}, {200})
        self.assertEqual(self.outcomes(), {"answered": 240})
        self.assertGreaterEqual(len(self.reasons), 5)
        self.assertLessEqual(set(self.reasons), {"deadline", "replaced"})

    def test_a_request_that_goes_on_after_its_answer_is_waited_for(self) -> None:
        client = self.ask(CHUNKED + b"3\r\none\r\n")
        self.call.respond(b"early")
        for _ in range(26):
            self.send(client, b"64\r\n%b\r\n" % bytes(100))
            self.advance(1)
        self.assertEqual(self.reasons, [])
        self.send(client, b"0\r\n\r\n")
        self.assertTrue(self.call.whole)
        self.advance(0.2)
        self.assertEqual(self.reasons, ["replaced"])


class ShortDeadlineTests(DeadlineTests):
    """The margin is never more than a quarter of the time."""

    def setUp(self) -> None:
        super().setUp()
        self.system.aws.timeout = 4.0

    def test_it_leaves_before_its_deadline(self) -> None:
        self.ask(get("/now"))
        self.advance(2.9)
        self.assertEqual(self.reasons, [])
        self.advance(0.2)
        self.assertEqual(self.reasons, ["deadline"])

    def test_running_requests_finish(self) -> None:
        clients = [self.ask(get("/wait/3.4")) for _ in range(4)]
        self.advance(4)
        self.assertEqual([self.answer(client).status for client in clients], [200] * 4)
        self.assertEqual(self.reasons, ["replaced"])

    def test_what_runs_too_long_is_cut_and_the_invocation_answered_in_time(self) -> None:
        client = self.ask(get("/x"))
        self.advance(3.7)
        self.assert_refused(client, 502, "answer_lost")
        self.assertEqual(self.reasons, ["deadline_cut"])

    def test_a_replacement_starts_when_it_begins_to_leave(self) -> None:
        first = self.ask(get("/wait/3.4"))
        self.advance(3.1)
        second = self.ask(get("/now"))
        self.assertEqual(self.answer(second).status, 200)
        self.advance(0.5)
        self.assertEqual(self.answer(first).status, 200)

    def test_a_request_that_goes_on_after_its_answer_is_waited_for(self) -> None:
        client = self.ask(CHUNKED + b"3\r\none\r\n")
        self.call.respond(b"early")
        self.advance(3.2)
        self.assertEqual(self.reasons, [])
        self.send(client, b"0\r\n\r\n")
        self.advance(0.1)
        self.assertEqual(self.reasons, ["replaced"])


class ReplacementTests(LeavingCase):
    """Another instance starts before one has to leave, so that there are never too few."""

    def begin(self, cold_start: float, lifetime: float, **settings: object) -> None:
        self.build(cold_start, deadline_margin=5, instance_idle=2, **settings)
        self.note_answers()
        self.system.aws.timeout = lifetime

    def load(self, seconds: float, at_once: int, least: int) -> None:
        """So many requests of a second each at any time, and at least so many instances."""
        for _ in range(at_once):
            self.ask(get("/x"))
        self.advance(4)
        self.served = 0
        for _ in range(round(seconds * 10)):
            for call in self.host.open:
                if self.clock.seconds() - call.at >= 1.0:
                    call.respond()
                    self.ask(get("/x"))
            self.advance(0.1)
            pool = self.pool
            self.assertGreaterEqual(pool["open_instances"], least)
            self.assertEqual(pool["waiting"], 0)
            self.assertEqual(pool["running"], at_once)

    def test_no_dip_under_constant_load(self) -> None:
        self.begin(1.0, 20.0, max_concurrent_count=2, instance_count_multiplier=2)
        self.load(120, at_once=3, least=3)
        for call in self.host.open:
            call.respond()
        self.network.pump()
        self.assertEqual(set(self.outcomes()), {"answered"})
        self.assertGreater(len(self.reasons), 15)
        self.assertEqual(set(self.reasons) - {"replaced", "idle"}, set())

    def test_no_dip_at_the_largest_size(self) -> None:
        """Who leaves and who replaces it are there together for a moment."""
        self.begin(1.0, 20.0, max_concurrent_count=2, max_instances=2)
        self.load(60, at_once=3, least=2)
        started = len(self.system.aws.started)
        self.assertGreaterEqual(started, 6)
        for call in self.host.open:
            call.respond()

    def test_it_starts_a_lead_before_and_leaves_when_the_other_is_open(self) -> None:
        self.begin(2.0, 40.0, max_instances=1)
        self.ask(get("/x"))
        self.advance(32.5)  # it came at 2, will leave at 37, and 2 x 2 s before that is 33
        self.assertEqual((self.pool["starting"], self.pool["expiring_instances"]), (0, 0))
        self.advance(0.7)
        pool = self.pool
        self.assertEqual((pool["starting"], pool["expiring_instances"]), (1, 1))
        self.assertEqual(pool["open_instances"], 1)
        self.advance(2.2)
        self.assertEqual((self.pool["open_instances"], self.pool["draining_instances"]), (1, 1))
        self.call.respond()
        self.advance(0.2)
        self.assertEqual(self.reasons, ["replaced"])

    def test_a_replacement_that_does_not_come_is_not_waited_for(self) -> None:
        self.begin(1.0, 40.0, max_instances=1, start_timeout=600)
        self.ask(get("/x"))
        self.advance(5)
        self.system.aws.cold_start = 500.0
        self.advance(30.8)
        self.assertEqual((self.pool["starting"], self.pool["open_instances"]), (1, 1))
        self.advance(0.4)
        self.assertEqual((self.pool["starting"], self.pool["open_instances"]), (1, 0))
        self.call.respond()
        self.advance(0.2)
        self.assertEqual(self.reasons, ["deadline"])

    def test_nobody_replaces_an_instance_that_nobody_needs(self) -> None:
        self.build(1.0, deadline_margin=5)
        self.note_answers()
        self.system.aws.timeout = 30.0
        self.ask(get("/now"))
        self.advance(27)
        self.assertEqual(len(self.system.aws.started), 1)
        self.assertEqual(self.reasons, ["deadline"])

    def test_starts_that_take_longer_than_half_a_life(self) -> None:
        """Each is replaced at half its time, not at once."""
        self.begin(8.0, 20.0, max_instances=1, max_concurrent_count=2)
        self.ask(get("/x"))
        self.advance(9)
        self.call.respond()
        for _ in range(300):
            self.ask(get("/wait/0.4"))
            self.advance(0.5)
        self.assertLessEqual(len(self.system.aws.started), 150 / 7.5 + 2)


class SilenceTests(LeavingCase):
    """The network between router and instance is cut, and neither end is told."""

    def setUp(self) -> None:
        self.build(max_instances=1, retry_limit=0)
        self.note_answers()

    def test_both_sides_notice_after_three_missed_pings(self) -> None:
        client = self.ask(get("/x"))
        for link in self.links_to(CONTROL):
            link.cut()
        self.advance(7.9)
        self.assertEqual((client.received, self.reasons), (b"", []))
        self.advance(2.2)
        self.assert_refused(client, 502, "answer_lost")
        self.assertEqual(self.reasons, ["router_lost"])
        self.assertEqual(self.call.lost, "client_gone")
        self.assertEqual(self.outcomes("sessions"), {"silent": 1})

    def test_an_order_that_gives_no_reason(self) -> None:
        self.ask(get("/now"))
        router = self.system.parts.router
        [instance] = router._dispatcher._roster.all()
        router._do(router._dispatcher._retire(instance, ""))
        self.advance(1)
        self.assertEqual(self.reasons, ["drain"])
        self.assertEqual(self.outcomes("sessions"), {"closed": 1})

    def test_the_session_alone_decides(self) -> None:
        client = self.ask(get("/x"))
        self.links_to(CONTROL)[0].cut()
        self.advance(10.1)
        self.assert_refused(client, 502, "answer_lost")
        self.assertEqual(self.reasons, ["router_lost"])
        self.assertEqual(self.outcomes("channels"), {"session_silent": 20})

    def test_those_who_wait_get_another_instance(self) -> None:
        for _ in range(10):
            self.ask(get("/x"))
        waiting = [self.ask(get("/now")) for _ in range(5)]
        for link in self.links_to(CONTROL):
            link.cut()
        self.advance(10.5)
        self.assertEqual([self.answer(client).status for client in waiting], [200] * 5)
        self.assertEqual(self.outcomes(), {"answer_lost": 10, "answered": 5})

    def test_an_idle_session_is_kept_alive(self) -> None:
        self.ask(get("/now"))
        self.advance(50)
        self.assertEqual(self.pool["open_instances"], 1)
        self.assertEqual(self.reasons, [])
