"""Where several parts meet: what one of them does must not undo what another has promised."""

from __future__ import annotations

from tests.memory.system import get
from tests.memory.system_case import SystemCase, refused

UPLOAD = b"POST /y HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"


class DrainTests(SystemCase):
    def stop(self) -> None:
        self.system.service.stopService()
        self.network.pump()

    def test_who_waits_with_a_body_is_told_too(self) -> None:
        self.build(60.0, drain_timeout=10)
        asked = [
            self.ask(get("/x")),
            self.ask(b"POST /y HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello"),
        ]
        self.stop()
        self.advance(10.1)
        for client in asked:
            self.assertIn(b"503", client.received[:20])
            self.assertIn(b"draining", client.received)
        self.advance(10)

    def test_an_early_answer_arrives(self) -> None:
        self.build(drain_timeout=10)
        client = self.ask(UPLOAD)
        self.stop()
        self.call.respond(b"early")
        self.network.pump()
        self.assertTrue(client.received.endswith(b"\r\n\r\nearly"), client.received)


class CapacityTests(SystemCase):
    def test_the_minimum_can_serve_at_any_moment(self) -> None:
        self.build(0.0, min_instances=1, instance_idle=0.25, max_concurrent_count=10)
        self.advance(1)
        self.system.aws.cold_start = 5.0
        for _ in range(10):
            self.ask(get("/wait/0.05"))
        serving = []
        for _ in range(80):
            self.advance(0.1)
            serving.append(self.pool["open_instances"])
        self.assertGreater(len(self.system.aws.started), 1)
        self.assertEqual(min(serving), 1)

    def test_a_balancer_that_follows_ready_comes_back(self) -> None:
        self.build(1.0)
        router = self.system.parts.router
        self.system.aws.refuse = refused()
        self.ask(get("/x"))
        self.assertEqual(router.why_not_ready(), "start_failed")
        self.system.aws.refuse = None
        self.advance(60)
        self.assertIsNone(router.why_not_ready())


class TimeTests(SystemCase):
    def test_one_that_waited_its_time_away_does_not_reach_the_application(self) -> None:
        self.build(60.0, total_timeout=5, queue_timeout=100)
        client = self.ask(get("/x"))
        self.advance(61)
        self.assertEqual(self.paths, [])
        self.assert_refused(client, 504, "total_timeout")
        self.assertEqual(self.outcomes(), {"total_timeout": 1})
        # Its channel was given back.
        other = self.ask(get("/now"))
        self.assertEqual(self.answer(other).status, 200)

    def test_a_client_that_waits_for_100_continue_is_not_slow(self) -> None:
        self.build()
        client = self.ask(
            b"POST /y HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 500000\r\n\r\n"
        )
        self.advance(60)
        self.assertEqual(client.received, b"")
