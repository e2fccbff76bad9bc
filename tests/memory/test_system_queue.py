"""Requests that wait: their order, their limits, and how many instances they start."""

from __future__ import annotations

from tests.memory.system import FRONT, get
from tests.memory.system_case import SystemCase

HALF = get("/wait/0.5")


class ColdStartTests(SystemCase):
    """100 parallel requests of 500 ms meet an empty pool."""

    def meet(self, cold_start: float) -> None:
        self.build(cold_start, max_concurrent_count=10, instance_count_multiplier=1)
        clients = [self.ask(HALF) for _ in range(100)]
        self.advance(max(2.5, 2 * cold_start + 2.5))
        for client in clients:
            self.assertEqual(self.answer(client).body, b"/wait/0.5")
        self.assertLessEqual(len(self.system.aws.started), 14)
        self.assertEqual(self.outcomes(), {"answered": 100})
        assignments = sorted(self.assignments())
        self.assertEqual(assignments, [(number, number) for number in range(1, 101)])

    def test_instances_start_at_once(self) -> None:
        self.meet(0.0)

    def test_they_start_faster_than_a_request_takes(self) -> None:
        self.meet(0.1)

    def test_they_take_as_long_as_a_request(self) -> None:
        self.meet(0.5)

    def test_they_take_a_second(self) -> None:
        self.meet(1.0)

    def test_they_take_five_seconds(self) -> None:
        self.meet(5.0)

    def test_a_warm_instance_serves_while_others_start(self) -> None:
        self.build(max_concurrent_count=10, instance_count_multiplier=1)
        self.ask(get("/now"))
        self.system.aws.cold_start = 4.0
        clients = [self.ask(HALF) for _ in range(60)]
        self.advance(3.5)
        self.assertEqual([self.answer(client).status for client in clients], [200] * 60)
        self.assertEqual(self.pool["open_instances"], 1)
        self.advance(5)

    def test_in_each_order_of_cold_starts_nobody_is_overtaken(self) -> None:
        self.build(max_concurrent_count=2, instance_count_multiplier=1, max_instances=5)
        for number in range(40):
            self.system.aws.cold_start = (number * 7 % 5) / 2
            self.ask(get(f"/wait/{number % 3 * 0.3}"))
            self.advance(0.05)
        self.advance(12)
        assignments = sorted(self.assignments())
        self.assertEqual(assignments, [(number, number) for number in range(1, 41)])


class OrderTests(SystemCase):
    def test_one_slot_serves_in_the_order_of_arrival(self) -> None:
        self.build(0.3, max_concurrent_count=1, max_instances=1)
        for number in range(20):
            self.ask(get(f"/wait/0.1/{number}"))
        self.advance(3)
        self.assertEqual(self.paths, [f"/wait/0.1/{number}" for number in range(20)])

    def test_concurrency_is_never_exceeded(self) -> None:
        self.build(max_concurrent_count=3, max_instances=2, channel_count=6)
        for _ in range(30):
            self.ask(HALF)
        for _ in range(12):
            self.assertLessEqual(len(self.host.open), 6)
            self.assertLessEqual(self.pool["running"], 6)
            self.advance(0.25)
        self.advance(2)
        self.assertEqual(self.outcomes(), {"answered": 30})
        self.assertEqual(len(self.system.aws.started), 2)

    def test_a_channel_that_breaks_before_it_is_used_costs_nobody_their_place(self) -> None:
        self.build(max_concurrent_count=1, max_instances=1)
        self.ask(get("/now"))
        channels = self.links_to(5001)[1:]
        for link in channels:
            link.freeze("server")
            link.reset()
        clients = [self.ask(get(f"/now/{number}")) for number in range(3)]
        self.advance(5)
        states = [self.answers(client) for client in clients]
        ended = [answers[0].status for answers in states if answers]
        self.assertEqual(len(ended), 3)
        self.assertEqual(self.paths[1:], sorted(self.paths[1:]))


class ClassTests(SystemCase):
    def setUp(self) -> None:
        self.build(
            max_concurrent_count=1,
            max_instances=1,
            priority_header="X-Class",
            priority_classes="gold, silver, lead",
        )

    def ask_as(self, name: str, path: str) -> None:
        self.ask(get(path, f"X-Class: {name}"))

    def serve_all(self) -> None:
        while self.host.open:
            self.call.respond()
            self.network.pump()

    def test_class_first_and_then_arrival(self) -> None:
        self.ask(get("/first"))
        for number, name in enumerate(["lead", "gold", "none", "silver", "gold", "silver"]):
            self.ask_as(name, f"/{name}{number}")
        self.ask(get("/unnamed"))
        self.serve_all()
        self.assertEqual(
            self.paths,
            ["/first", "/gold1", "/gold4", "/silver3", "/silver5", "/lead0", "/none2", "/unnamed"],
        )
        self.assertEqual(self.call.head.fields.get(b"x-class"), None)
        self.assertEqual(self.host.calls[1].head.fields.get(b"x-class"), b"gold")

    def test_who_returns_stands_before_its_class_and_not_before_higher_ones(self) -> None:
        self.ask_as("silver", "/lost")
        self.ask_as("gold", "/gold")
        self.ask_as("silver", "/silver")
        self.kill_instances()
        self.advance(0.1)
        self.serve_all()
        self.assertEqual(self.paths, ["/lost", "/gold", "/lost", "/silver"])


class LimitTests(SystemCase):
    def test_no_instance_in_time(self) -> None:
        self.build(100.0, queue_timeout=5, start_timeout=500)
        first = self.ask(get("/x"))
        self.advance(2)
        second = self.ask(get("/y"))
        self.advance(2.9)
        self.assertEqual((first.received, second.received), (b"", b""))
        self.advance(0.2)
        self.assert_refused(first, 504, "queue_timeout")
        self.assertEqual(second.received, b"")
        self.advance(2)
        self.assert_refused(second, 504, "queue_timeout")
        self.assertEqual(self.outcomes(), {"queue_timeout": 2})
        self.advance(100)
        self.assertEqual(self.host.calls, [])

    def test_a_refused_client_may_ask_again_on_its_connection(self) -> None:
        self.build(3.0, queue_timeout=1)
        client = self.ask(get("/x"))
        self.advance(2)
        self.assert_refused(client, 504, "queue_timeout")
        self.send(client, get("/now"), requests=1)
        self.advance(2)
        self.assertEqual(self.answers(client, b"GET", b"GET")[1].body, b"now")

    def test_the_queue_is_full(self) -> None:
        self.build(1.0, queue_limit=2)
        clients = [self.ask(get("/now")) for _ in range(3)]
        self.assert_refused(clients[2], 503, "queue_full")
        self.assertEqual(self.answer(clients[2]).field("retry-after"), "1")
        self.advance(2)
        self.assertEqual(self.outcomes(), {"queue_full": 1, "answered": 2})

    def test_a_client_that_leaves_the_queue_frees_its_place(self) -> None:
        self.build(1.0, queue_limit=1)
        leaving = self.ask(get("/leaving"))
        leaving.transport.loseConnection()
        self.network.pump()
        self.assertEqual(self.pool["waiting"], 0)
        staying = self.ask(get("/now"))
        self.advance(2)
        self.assertEqual(self.answer(staying).body, b"now")
        self.assertEqual(self.paths, ["/now"])
        self.assertEqual(self.outcomes(), {"client_gone": 1, "answered": 1})

    def test_a_client_that_is_reset_in_the_queue_frees_its_place(self) -> None:
        self.build(1.0)
        clients = [self.ask(get(f"/wait/0/{number}")) for number in range(3)]
        self.links_to(FRONT)[1].reset()
        self.network.pump()
        self.assertEqual(self.pool["waiting"], 2)
        self.advance(2)
        self.assertEqual(self.paths, ["/wait/0/0", "/wait/0/2"])
        self.assertIsNot(clients[1].lost, None)

    def test_a_body_waits_with_its_request(self) -> None:
        self.build(1.0)
        post = b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 200000\r\n\r\n"
        client = self.ask(post + b"x" * 200_000)
        (link,) = self.links_to(FRONT)
        self.assertGreater(len(link.sockets["server"].inbox), 0)
        self.advance(2)
        self.assertEqual(self.answer(client).body, b"x" * 200_000)


class UnsetLimitTests(SystemCase):
    """Without settings the line's limits follow the pool."""

    def test_a_hundred_may_wait_for_the_first_instance(self) -> None:
        self.build(1.0, max_instances=1)
        clients = [self.ask(get("/now")) for _ in range(101)]
        self.assert_refused(clients[100], 503, "queue_full")
        self.advance(2)
        self.assertEqual(self.outcomes(), {"queue_full": 1, "answered": 100})
        self.assertEqual(self.pool["most_waiting"], 100)

    def test_more_may_wait_for_more(self) -> None:
        self.build(max_concurrent_count=20, max_instances=1)
        self.ask(get("/now"))
        for _ in range(220):
            self.ask(get("/x"))
        self.assertEqual((self.pool["most_waiting"], self.pool["waiting"]), (200, 200))
        self.assert_refused(self.ask(get("/x")), 503, "queue_full")

    def test_they_wait_for_as_long_as_starts_take(self) -> None:
        self.build(6.0, max_concurrent_count=1, max_instances=1)
        self.ask(get("/x"))
        self.advance(7)
        self.assertEqual((self.pool["start_time"], self.pool["queue_timeout"]), (6.0, 21.0))
        client = self.ask(get("/y"))
        self.advance(20.8)
        self.assertEqual(client.received, b"")
        self.advance(0.4)
        self.assert_refused(client, 504, "queue_timeout")

    def test_ten_seconds_before_anything_is_known(self) -> None:
        self.build(50.0)
        client = self.ask(get("/x"))
        self.advance(9.9)
        self.assertEqual(client.received, b"")
        self.advance(0.2)
        self.assert_refused(client, 504, "queue_timeout")
        self.advance(60)


class BytesTests(SystemCase):
    def setUp(self) -> None:
        self.build(1.0, max_instances=1, queue_bytes_limit=150_000)

    def post(self, length: int) -> bytes:
        return f"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n".encode()

    def test_bodies_count_by_what_is_read_ahead_of_them(self) -> None:
        for _ in range(2):
            self.ask(self.post(1_000_000))
        octets = self.pool["waiting_octets"]
        self.assertTrue(2 * 65536 < octets < 2 * 66000, octets)
        self.assert_refused(self.ask(self.post(20_000)), 503, "queue_full")
        small = self.ask(get("/now"))
        self.advance(1.5)
        self.assertEqual(self.answer(small).status, 200)
        self.assertEqual(self.pool["waiting_octets"], 0)
        for client in self.links_to(FRONT):
            client.reset()
        self.network.pump()

    def test_heads_count(self) -> None:
        clients = [self.ask(get("/now", "X: " + "x" * 60_000)) for _ in range(3)]
        self.assert_refused(clients[2], 503, "queue_full")
        self.advance(2)
        self.assertEqual(self.outcomes(), {"queue_full": 1, "answered": 2})

    def test_who_leaves_frees_what_was_held(self) -> None:
        self.ask(self.post(1_000_000)).transport.abortConnection()
        self.network.pump()
        self.assertEqual((self.pool["waiting"], self.pool["waiting_octets"]), (0, 0))
        self.advance(2)


class RetryAfterTests(SystemCase):
    """A client that is refused because the line is full is told when to come again."""

    def after(self) -> int:
        client = self.ask(get("/x"))
        self.assert_refused(client, 503, "queue_full")
        return int(self.answer(client).field("retry-after"))

    def test_as_long_as_the_line_takes(self) -> None:
        self.build(max_concurrent_count=1, max_instances=1, queue_limit=50)
        for _ in range(50):
            self.ask(get("/wait/0.5"))
        for _ in range(20):
            self.advance(1)
            self.ask(get("/wait/0.5"))
            self.ask(get("/wait/0.5"))
        while self.pool["waiting"] < 50:
            self.ask(get("/wait/0.5"))
        self.assertIn(self.after(), range(20, 31))

    def test_or_as_a_start_takes(self) -> None:
        self.build(4.0, max_instances=1, queue_limit=1, queue_timeout=60)
        self.ask(get("/now"))
        self.assertEqual(self.after(), 1)
        self.advance(5)
        self.kill_instances()
        self.advance(15)
        self.ask(get("/x"))
        self.assertEqual(self.after(), 4)
        self.advance(5)
        self.call.respond()


class ScalingTests(SystemCase):
    def test_never_more_instances_than_allowed(self) -> None:
        self.build(0.5, max_concurrent_count=1, instance_count_multiplier=1, max_instances=3)
        for _ in range(50):
            self.ask(HALF)
        for _ in range(10):
            pool = self.pool
            self.assertLessEqual(pool["starting"] + pool["open_instances"], 3)
            self.advance(0.5)
        self.advance(10)
        self.assertEqual(self.outcomes(), {"answered": 50})
        self.assertEqual(len(self.system.aws.started), 3)

    def test_a_multiplier_spreads_requests_over_instances(self) -> None:
        self.build(max_concurrent_count=10, instance_count_multiplier=5)
        for _ in range(10):
            self.ask(get("/hold"))
        self.assertEqual(self.pool["open_instances"], 6)
        for call in self.host.open:
            call.respond()
        self.network.pump()
