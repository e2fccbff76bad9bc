"""Clients that wait for a 100 before they send a body, and get a final answer instead.

Such a client may send its body after all, or leave it out (RFC 9110 section 10.1.1). What follows
could be either, so the connection ends with the answer.
"""

from __future__ import annotations

from lambdadispatch.invoker.outcomes import Outcome
from tests.memory.system import Client, Running, get
from tests.memory.system_case import SystemCase, refused

HEAD = "PUT /x HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n"
CHUNKED = (
    b"PUT /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
)
HEADS = (HEAD.format(4).encode(), HEAD.format(400_000).encode(), CHUNKED)
SMUGGLED = get("/smuggled")


def end_at_once(running: Running) -> None:
    """A function that crashes."""
    running.end(Outcome.FUNCTION_ERROR, message="crashed")


class ExpectTests(SystemCase):
    def assert_closed(self, client: Client, status: int, reason: str) -> None:
        """Refused with this reason, and nothing that follows is read, be it body or request."""
        self.assertIn(b"\r\nConnection: close\r\n", client.received)
        self.assert_refused(client, status, reason)
        received = client.received
        self.send(client, b"body" + SMUGGLED)
        self.assertEqual(client.received, received)
        self.advance(5)
        self.assertIsNotNone(client.lost)
        self.assertNotIn("/smuggled", self.paths)

    def test_the_line_is_full(self) -> None:
        for head in HEADS:
            self.build(queue_limit=1, max_instances=1, max_concurrent_count=1, cold_start=3)
            self.ask(get("/now"))
            self.assert_closed(self.ask(head), 503, "queue_full")
            self.tearDown()

    def test_no_instance_took_it_in_time(self) -> None:
        for head in HEADS:
            self.build(queue_timeout=3, max_instances=1, cold_start=6)
            self.assert_closed(self.ask(head, seconds=4), 504, "queue_timeout")
            self.tearDown()

    def test_aws_refused_to_start(self) -> None:
        for head in HEADS:
            self.build()
            self.system.aws.refuse = refused(403)
            self.assert_closed(self.ask(head), 503, "invoke_refused")
            self.tearDown()

    def test_the_breaker_is_open(self) -> None:
        self.build(max_instances=1)
        self.system.aws.on_start = end_at_once
        self.system.chance = 0.0
        for _ in range(5):
            self.ask(get("/x"), seconds=1)
        self.assert_closed(self.ask(HEADS[0], seconds=1), 503, "breaker_open")

    def test_the_budget_is_spent(self) -> None:
        self.build(budget_invocations_per_minute=1, max_instances=1)
        self.system.aws.on_start = end_at_once
        self.ask(get("/x"), seconds=1)
        self.assert_closed(self.ask(HEADS[0], seconds=1), 503, "budget_spent")

    def test_the_router_drains(self) -> None:
        self.build(cold_start=60, drain_timeout=1)
        client = self.ask(HEADS[0])
        stopped = self.system.service.stopService()
        self.advance(2)
        self.assert_closed(client, 503, "draining")
        self.advance(40)
        self.successResultOf(stopped)

    def test_the_application_answers(self) -> None:
        for head in HEADS:
            self.build()
            client = self.ask(head, seconds=1)
            self.call.respond(b"too much", 413)
            self.network.pump()
            self.assertIn(b"\r\nConnection: close\r\n", client.received)
            self.assertEqual(self.answer(client).body, b"too much")
            self.send(client, b"body" + SMUGGLED)
            self.advance(5)
            self.assertIsNotNone(client.lost)
            self.assertNotIn("/smuggled", self.paths)
            self.assertEqual(self.outcomes(), {"answered": 1})
            # The channel is replaced: on it, too, the body would be awaited.
            again = self.ask(get("/now"), seconds=1)
            self.assertEqual(self.answer(again).body, b"now")
            self.tearDown()

    def test_who_sends_without_waiting_keeps_its_connection(self) -> None:
        self.build()
        client = self.ask(HEADS[0], seconds=1)
        self.send(client, b"bo")
        self.call.respond(b"enough", 413)
        self.send(client, b"dy" + get("/now"), 1)
        bodies = [each.body for each in self.answers(client, b"PUT", b"GET")]
        self.assertEqual(bodies, [b"enough", b"now"])
        self.assertIsNone(client.lost)

    def test_so_does_who_expects_nothing(self) -> None:
        self.build(queue_limit=1, max_instances=1, max_concurrent_count=1, cold_start=3)
        self.ask(get("/now"))
        client = self.ask(HEADS[0].replace(b"Expect", b"X-Expect"))
        self.assert_refused(client, 503, "queue_full")
        self.advance(4)
        self.send(client, b"body" + get("/now"), 1)
        answers = self.answers(client, b"PUT", b"GET")
        self.assertEqual([each.status for each in answers], [503, 200])
