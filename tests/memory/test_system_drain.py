"""Stopping the service: what is under way is finished, then everything is closed."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError

from lambdadispatch.invoker.outcomes import Outcome
from tests.memory.system import ADMIN, CONTROL, FRONT, Client, Running, get
from tests.memory.system_case import SystemCase


class DrainTests(SystemCase):
    def begin_to_stop(self) -> Deferred[None]:
        self.check_books()
        stopped = self.system.service.stopService()
        self.network.pump()
        return stopped

    def assert_closed(self, port: int) -> None:
        self.assertRaises(ConnectionRefusedError, self.network.connect, Client(), port)

    def test_with_nothing_to_do(self) -> None:
        self.build()
        stopped = self.begin_to_stop()
        self.successResultOf(stopped)
        for port in (FRONT, CONTROL, ADMIN):
            self.assert_closed(port)
        self.assertTrue(self.system.backend.stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_running_and_queued_requests_are_answered(self) -> None:
        self.build(1.0, max_concurrent_count=1, max_instances=2)
        clients = [self.ask(get("/wait/1")) for _ in range(6)]
        self.advance(1.5)
        stopped = self.begin_to_stop()
        self.assert_closed(FRONT)
        self.advance(1)
        self.assertNoResult(stopped)
        self.assertFalse(self.system.backend.stopped)
        self.advance(2)
        self.successResultOf(stopped)
        for client in clients:
            self.assertEqual(self.answer(client).status, 200)
            self.assertEqual(self.answer(client).field("connection"), "close")
            self.assertIsNot(client.lost.check(ConnectionDone), None)

    def test_requests_that_wait_for_a_cold_start_are_answered(self) -> None:
        self.build(5.0)
        client = self.ask(get("/now"))
        stopped = self.begin_to_stop()
        self.advance(6)
        self.assertEqual(self.answer(client).body, b"now")
        self.successResultOf(stopped)

    def test_idle_connections_are_closed_at_once(self) -> None:
        self.build()
        client = self.ask(get("/now"))
        self.assertIs(client.lost, None)
        self.begin_to_stop()
        self.assertIsNot(client.lost.check(ConnectionDone), None)

    def test_an_answer_that_has_begun_ends_and_then_its_connection(self) -> None:
        self.build()
        client = self.ask(get("/x"))
        self.call.begin()
        self.network.pump()
        stopped = self.begin_to_stop()
        self.call.write(b"still there")
        self.advance(5)
        self.assertNoResult(stopped)
        self.call.end()
        self.advance(0.1)
        self.assertEqual(self.answer(client).body, b"still there")
        self.assertTrue(self.answer(client).whole)
        self.assertIsNot(client.lost, None)
        self.successResultOf(stopped)

    def test_pipelined_requests_after_the_running_one_are_not_begun(self) -> None:
        self.build()
        client = self.ask(get("/x") + get("/y"))
        stopped = self.begin_to_stop()
        self.call.respond(b"x")
        self.advance(0.1)
        self.assertEqual(self.answer(client).body, b"x")
        self.assertEqual(self.paths, ["/x"])
        self.successResultOf(stopped)

    def test_instances_are_told_to_leave_and_do(self) -> None:
        self.build()
        self.ask(get("/now"))
        (running,) = self.system.aws.started
        self.begin_to_stop()
        self.assertEqual(self.links_to(CONTROL), [])
        self.advance(0.1)
        self.assertTrue(running.result.called)
        reasons = [event.get("reason") for event in self.events]
        self.assertIn("drain", reasons)

    def test_an_instance_that_is_still_starting_is_told_to_leave(self) -> None:
        self.build(3.0)
        client = self.ask(get("/x"))
        client.transport.abortConnection()
        stopped = self.begin_to_stop()
        self.assertNoResult(stopped)
        self.advance(3.5)
        self.successResultOf(stopped)
        self.assertTrue(self.system.aws.started[0].result.called)
        self.assertEqual(self.host.calls, [])

    def test_an_invocation_that_does_not_end_is_waited_for_a_while(self) -> None:
        self.build()
        held: list[Running] = []
        self.system.aws.on_start = held.append
        client = self.ask(get("/x"))
        client.transport.abortConnection()
        stopped = self.begin_to_stop()
        self.advance(4.9)
        self.assertNoResult(stopped)
        self.advance(0.2)
        self.successResultOf(stopped)
        held[0].end(Outcome.INVOKE_LOST)

    def test_what_runs_too_long_is_cut(self) -> None:
        self.build(drain_timeout=10)
        begun, silent = self.ask(get("/x")), self.ask(get("/y"))
        self.host.calls[0].begin()
        self.network.pump()
        stopped = self.begin_to_stop()
        self.advance(9.9)
        self.assertEqual((begun.lost, silent.lost), (None, None))
        self.advance(0.2)
        for client in (begun, silent):
            self.assertIs(client.lost.check(ConnectionDone), None)
        self.assertEqual([call.lost for call in self.host.calls], ["client_gone"] * 2)
        self.successResultOf(stopped)

    def test_who_waits_too_long_is_told(self) -> None:
        self.build(60.0, drain_timeout=10)
        client = self.ask(get("/x"))
        stopped = self.begin_to_stop()
        self.advance(10.1)
        self.assert_refused(client, 503, "draining")
        self.assertNoResult(stopped)
        self.advance(5)
        self.successResultOf(stopped)
        self.advance(60)

    def test_hurrying(self) -> None:
        self.build(drain_timeout=100)
        client = self.ask(get("/x"))
        stopped = self.begin_to_stop()
        self.advance(1)
        self.assertNoResult(stopped)
        self.system.service.hurry()
        self.network.pump()
        self.successResultOf(stopped)
        self.assertIsNot(client.lost, None)

    def test_readiness_says_so(self) -> None:
        self.build(drain_timeout=10)
        self.ask(get("/x"))
        self.begin_to_stop()
        self.system.parts.router.drain()
        self.assertEqual(self.system.parts.router.why_not_ready(), "draining")
        self.advance(20)
