"""Pipelined requests: one at a time, in order, and no instance more than they need."""

from __future__ import annotations

from tests.adapters.hosts_rig import Answer
from tests.memory.system import Client, get
from tests.memory.system_case import SystemCase

POST = "POST /{} HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody"


class PipelinedTests(SystemCase):
    def request(self, kind: str, number: int) -> bytes:
        """With a body where the application echoes it."""
        path = f"{kind}/{number}"
        return POST.format(path).encode() if kind == "echo" else get("/" + path)

    def all(self, client: Client, count: int) -> list[Answer]:
        """What a client has read of so many answers."""
        return self.answers(client, *[b"GET"] * count)

    def test_they_start_what_requests_one_after_another_start(self) -> None:
        count = 20
        for concurrency in (1, 2, 3):
            for kind in ("now", "wait/0.5", "echo"):
                requests = [self.request(kind, number) for number in range(count)]
                with self.subTest(concurrency=concurrency, kind=kind):
                    self.build(max_concurrent_count=concurrency)
                    one = self.ask(requests[0], seconds=1)
                    for request in requests[1:]:
                        self.send(one, request, 1)
                        self.advance(1)
                    expected, paths = len(self.system.aws.started), self.paths
                    self.tearDown()
                    self.build(max_concurrent_count=concurrency)
                    client = self.ask(b"".join(requests), count, seconds=count)
                    self.assertEqual(client.received, one.received)
                    self.assertEqual(self.paths, paths)
                    self.assertEqual(len(self.system.aws.started), expected)
                    self.assertEqual(self.outcomes(), {"answered": count})
                    self.tearDown()

    def test_a_second_slot_is_not_needed(self) -> None:
        self.build(max_concurrent_count=2, instance_count_multiplier=1)
        client = self.ask(get("/now") * 20, 20, seconds=1)
        self.assertEqual(len(self.all(client, 20)), 20)
        self.assertEqual(len(self.system.aws.started), 1)

    def test_answers_come_in_order(self) -> None:
        self.build(max_concurrent_count=4, max_instances=1)
        client = self.ask(get("/wait/2") + get("/wait/1") + get("/wait/0"), 3, seconds=4)
        bodies = [each.body for each in self.all(client, 3)]
        self.assertEqual(bodies, [b"/wait/2", b"/wait/1", b"/wait/0"])

    def test_two_connections_need_two_slots(self) -> None:
        self.build(max_concurrent_count=4, instance_count_multiplier=1)
        self.ask(get("/now"), seconds=1)
        clients = [self.ask(get("/wait/0.1") * 10, requests=10) for _ in range(2)]
        self.advance(3)
        for client in clients:
            self.assertEqual(len(self.all(client, 10)), 10)
        self.assertEqual(len(self.system.aws.started), 1)

    def test_many_that_the_router_answers_itself(self) -> None:
        self.build(front_health_path="/health")
        client = self.ask(get("/health") * 3000, requests=0)
        self.assertEqual(client.received.count(b"HTTP/1.1 200 OK"), 3000)

    def test_many_that_are_refused(self) -> None:
        self.build(queue_limit=1, max_concurrent_count=1, max_instances=1, cold_start=5)
        self.ask(get("/now"))
        client = self.ask(get("/x") * 3000, requests=3000)
        self.assertEqual(client.received.count(b"HTTP/1.1 503 "), 3000)
        self.assertEqual(self.outcomes(), {"queue_full": 3000})
        self.advance(6)

    def test_a_client_that_leaves_between_two(self) -> None:
        self.build(max_concurrent_count=1, max_instances=10, instance_count_multiplier=1)
        client = self.ask(get("/x") + get("/y"))
        self.call.respond()
        client.transport.abortConnection()
        self.network.pump()
        gone = sum(self.outcomes().values()) - 1
        self.sent += gone
        self.assertLessEqual(gone, 1)
        self.assertEqual(self.pool["running"], 0)

    def test_a_drain_between_two(self) -> None:
        self.build(max_concurrent_count=1, max_instances=1)
        client = self.ask(get("/x") + get("/y"))
        stopped = self.system.service.stopService()
        self.network.pump()
        self.call.respond(b"x")
        self.advance(10)
        self.assertEqual([each.body for each in self.all(client, 2)], [b"x"])
        self.assertEqual(self.paths, ["/x"])
        self.successResultOf(stopped)
