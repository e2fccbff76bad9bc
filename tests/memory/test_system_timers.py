"""The time limits of requests that run, each with its outcome and what the client is told."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone

from lambdadispatch.wire.heads import response
from tests.memory.system import FRONT, Client, get
from tests.memory.system_case import SystemCase

CHUNKED = b"POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"


class TimerCase(SystemCase):
    def assert_cut(self, client: Client, outcome: str) -> None:
        self.assertFalse(self.answers(client)[0].whole)
        self.assertIs(client.lost.check(ConnectionDone), None)
        self.assertEqual(self.outcomes(), {outcome: 1})
        self.assertEqual(self.call.lost, "client_gone")
        self.assertEqual(self.pool["running"], 0)

    def assert_told(self, client: Client, outcome: str) -> None:
        self.assert_refused(client, 504, outcome)
        self.assertEqual(self.outcomes(), {outcome: 1})
        self.assertEqual(self.call.lost, "client_gone")
        self.assertEqual(self.pool["running"], 0)


class FirstByteTests(TimerCase):
    def setUp(self) -> None:
        self.build(first_byte_timeout=10, idle_timeout=0, body_rate_minimum=0)

    def test_it_is_counted_from_the_end_of_the_request(self) -> None:
        client = self.ask(CHUNKED)
        for _ in range(5):
            self.send(client, b"3\r\none\r\n")
            self.advance(4)
        self.send(client, b"0\r\n\r\n")
        self.advance(9)
        self.assertEqual(client.received, b"")
        self.advance(2)
        self.assert_told(client, "first_byte_timeout")

    def test_an_upload_that_is_answered_in_time(self) -> None:
        client = self.ask(CHUNKED)
        self.advance(60)
        self.send(client, b"0\r\n\r\n")
        self.advance(5)
        self.call.respond(b"well")
        self.network.pump()
        self.assertEqual(self.answer(client).body, b"well")

    def test_an_interim_answer_is_no_answer(self) -> None:
        client = self.ask(get("/x"))
        self.advance(8)
        self.call.exchange.interim(response(103))
        self.advance(4)
        self.assertIn(b"HTTP/1.1 504", client.received)

    def test_each_attempt_has_its_own(self) -> None:
        client = self.ask(get("/x"))
        self.advance(8)
        self.kill_instances()
        self.advance(8)
        self.assertEqual((client.received, len(self.host.calls)), (b"", 2))
        self.advance(3)
        self.assert_told(client, "first_byte_timeout")

    def test_one_of_five_instances_may_be_quarantined_for_it(self) -> None:
        self.stop()
        self.build(0.5, max_concurrent_count=4, max_instances=5, first_byte_timeout=1)
        for _ in range(30):
            self.ask(get("/x"))
        self.advance(0.6)
        self.assertEqual(self.pool["open_instances"], 5)
        self.assertEqual(self.pool["quarantined_instances"], 0)
        self.advance(1.2)
        self.assertEqual(self.outcomes(), {"first_byte_timeout": 20})
        self.assertEqual(self.pool["quarantined_instances"], 1)
        self.advance(10.2)
        self.assertEqual(self.pool["quarantined_instances"], 0)


class IdleTests(TimerCase):
    def setUp(self) -> None:
        self.build(first_byte_timeout=0, idle_timeout=20, body_rate_minimum=0)

    def begin(self) -> Client:
        client = self.ask(get("/x"))
        self.call.begin()
        self.call.write(b"part")
        self.network.pump()
        return client

    def test_an_answer_that_stands_still(self) -> None:
        client = self.begin()
        self.advance(19)
        self.assertIs(client.lost, None)
        self.advance(3)
        self.assert_cut(client, "idle_timeout")

    def test_one_that_moves_now_and_then(self) -> None:
        client = self.begin()
        for _ in range(10):
            self.advance(15)
            self.call.write(b"more")
        self.network.pump()
        self.call.end()
        self.network.pump()
        self.assertTrue(self.answer(client).whole)

    def test_an_answer_that_begins_late(self) -> None:
        """What passed before it does not count against it."""
        client = self.ask(get("/x"))
        self.advance(100)
        self.call.begin()
        self.advance(10)
        self.call.end()
        self.network.pump()
        self.assertTrue(self.answer(client).whole)

    def test_before_the_answer_it_is_the_first_byte_that_counts(self) -> None:
        client = self.ask(get("/x"))
        self.advance(100)
        self.assertEqual(client.received, b"")
        self.call.respond()

    def test_a_request_that_stands_still(self) -> None:
        client = self.ask(CHUNKED + b"3\r\none\r\n")
        self.advance(19)
        self.assertEqual(client.received, b"")
        self.advance(3)
        self.assert_told(client, "idle_timeout")

    def test_a_request_that_moves(self) -> None:
        client = self.ask(CHUNKED)
        for _ in range(8):
            self.advance(15)
            self.send(client, b"3\r\none\r\n")
        self.send(client, b"0\r\n\r\n")
        self.call.respond()
        self.network.pump()
        self.assertEqual(self.answer(client).status, 200)

    def test_a_request_that_stands_still_after_its_answer(self) -> None:
        """Its client has the answer; the application is told that the request ends here."""
        client = self.ask(CHUNKED + b"3\r\none\r\n")
        self.call.respond(b"early")
        self.advance(22)
        self.assertEqual(self.answer(client).body, b"early")
        self.assertEqual(self.outcomes(), {"answered": 1})
        self.assertEqual((self.call.lost, self.pool["running"]), ("client_gone", 0))

    def test_a_client_that_does_not_read(self) -> None:
        client = self.ask(get("/x"))
        client.transport.pauseProducing()
        self.call.begin()
        for _ in range(80):
            self.call.write(b"x" * 10_000)
            self.network.pump()
        self.assertTrue(self.call.slow)
        self.advance(22)
        self.assertEqual(self.outcomes(), {"idle_timeout": 1})
        self.assertEqual((self.call.lost, self.pool["running"]), ("client_gone", 0))
        client.transport.resumeProducing()
        self.network.pump()
        self.assertIs(client.lost.check(ConnectionDone), None)
        self.assertEqual(self.links_to(FRONT), [])

    def test_a_slow_client_that_does_read(self) -> None:
        client = self.ask(get("/x"))
        take = client.dataReceived

        def take_one(data: bytes) -> None:
            take(data)
            client.transport.pauseProducing()

        client.dataReceived = take_one
        client.transport.pauseProducing()
        self.call.begin()
        for _ in range(60):
            self.call.write(b"x" * 10_000)
            self.network.pump()
        self.assertTrue(self.call.slow)
        for _ in range(8):
            self.advance(10)
            client.transport.resumeProducing()
        client.dataReceived = take
        client.transport.resumeProducing()
        self.network.pump()
        self.call.end()
        self.advance(1)
        self.assertEqual(len(self.answer(client).body), 600_000)
        self.assertEqual(self.outcomes(), {"answered": 1})


class IdleOffTests(TimerCase):
    def test_off(self) -> None:
        self.build(idle_timeout=0)
        client = self.ask(get("/x"))
        self.call.begin()
        self.advance(800)
        self.call.end()
        self.network.pump()
        self.assertTrue(self.answer(client).whole)


class TotalTests(TimerCase):
    def setUp(self) -> None:
        self.build(total_timeout=30, first_byte_timeout=0, idle_timeout=0)

    def test_before_the_answer(self) -> None:
        client = self.ask(get("/x"))
        self.advance(29)
        self.assertEqual(client.received, b"")
        self.advance(2)
        self.assert_told(client, "total_timeout")

    def test_within_the_answer_however_it_moves(self) -> None:
        client = self.ask(get("/x"))
        self.call.begin()
        for _ in range(31):
            self.advance(1)
            if not self.call.over:
                self.call.write(b"more")
        self.assert_cut(client, "total_timeout")

    def test_the_time_in_the_line_and_earlier_attempts_count(self) -> None:
        self.system.aws.cold_start = 8.0
        client = self.ask(get("/x"))
        self.advance(20)
        self.kill_instances()
        self.advance(9)
        self.assertEqual((client.received, len(self.host.calls)), (b"", 2))
        self.advance(2)
        self.assert_told(client, "total_timeout")

    def test_who_still_waits_is_told_in_time(self) -> None:
        self.stop()
        self.build(60.0, total_timeout=5, queue_timeout=100)
        client, gone = self.ask(get("/x")), self.ask(get("/x"))
        gone.transport.abortConnection()
        self.advance(4.9)
        later = self.ask(get("/x"))
        self.assertEqual(client.received, b"")
        self.advance(1.2)
        self.assert_refused(client, 504, "total_timeout")
        self.assertEqual((later.received, self.pool["waiting"]), (b"", 1))
        self.advance(5)
        self.assert_refused(later, 504, "total_timeout")
        self.assertEqual(self.outcomes(), {"total_timeout": 2, "client_gone": 1})

    def test_no_limit_unless_set(self) -> None:
        self.stop()
        self.build(first_byte_timeout=0)
        self.system.aws.timeout = 8e4
        client = self.ask(get("/x"))
        self.advance(4000)
        self.call.respond(b"well")
        self.network.pump()
        self.assertEqual(self.answer(client).body, b"well")
