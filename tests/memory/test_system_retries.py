"""Requests whose channel is lost before their answer: who is sent again, where and how often."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone

from lambdadispatch.wire.heads import response
from tests.memory.system import CONTROL, Client, get
from tests.memory.system_case import SystemCase


def with_body(method: str, body: bytes, length: int | None = None) -> bytes:
    head = f"{method} /x HTTP/1.1\r\nHost: test\r\nContent-Length: {length or len(body)}\r\n\r\n"
    return head.encode() + body


def chunked(method: str) -> bytes:
    return f"{method} /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n".encode()


class RetryCase(SystemCase):
    def setUp(self) -> None:
        self.build(max_instances=1)

    def lose(self) -> None:
        """The instance is gone, and the next one is there."""
        self.kill_instances()
        self.advance(0.1)

    def assert_served_again(self, client: Client) -> None:
        self.assertEqual(client.received, b"")
        self.call.respond(b"well")
        self.network.pump()
        self.assertEqual(self.answer(client).body, b"well")
        self.assertEqual(self.outcomes(), {"answered": 1})

    def assert_told(self, client: Client) -> None:
        self.assert_refused(client, 502, "answer_lost")
        self.assertEqual(len(self.host.calls), 1)
        self.assertEqual(self.outcomes(), {"answer_lost": 1})
        self.assertEqual(self.outcomes("retries"), {})


class SentAgainTests(RetryCase):
    """The instance is lost before any of the answer was passed on."""

    def test_a_request_without_a_body(self) -> None:
        client = self.ask(get("/x"))
        self.lose()
        self.assertEqual([call.lost for call in self.host.calls], ["client_gone", ""])
        self.assert_served_again(client)
        self.assertEqual(self.outcomes("retries"), {"lost": 1})
        self.assertEqual(len(self.system.aws.started), 2)

    def test_the_log_has_one_line_with_its_attempts(self) -> None:
        self.ask(get("/x"))
        self.lose()
        self.call.respond()
        self.network.pump()
        (line,) = [event for event in self.events if "attempts" in event]
        self.assertEqual((line["outcome"], line["attempts"]), ("answered", 2))
        self.assertEqual((line["arrival"], line["assignment"]), (1, 2))

    def test_within_the_head_of_the_answer(self) -> None:
        client = self.ask(get("/x"))
        self.call.exchange.connection.transport.write(b"HTTP/1.1 200 OK\r\nX: ")
        self.network.pump()
        self.lose()
        self.assert_served_again(client)

    def test_a_small_body(self) -> None:
        client = self.ask(with_body("PUT", b"whole"))
        self.lose()
        self.assertEqual((bytes(self.call.body), self.call.whole), (b"whole", True))
        self.assert_served_again(client)

    def test_a_body_that_goes_on(self) -> None:
        client = self.ask(with_body("PUT", b"first", 11))
        self.lose()
        self.assertEqual((bytes(self.call.body), self.call.whole), (b"first", False))
        self.send(client, b" later")
        self.assertEqual((bytes(self.call.body), self.call.whole), (b"first later", True))
        self.assert_served_again(client)

    def test_a_chunked_body_with_trailers(self) -> None:
        client = self.ask(chunked("PUT") + b"3\r\none\r\n3\r\ntwo\r\n0\r\nX-Sum: 6\r\n\r\n")
        self.lose()
        self.assertEqual(bytes(self.call.body), b"onetwo")
        self.assertEqual(self.call.trailers, ((b"X-Sum", b"6"),))
        self.assert_served_again(client)

    def test_a_body_lost_twice(self) -> None:
        client = self.ask(with_body("DELETE", b"one", 9))
        self.lose()
        self.send(client, b"two")
        self.lose()
        self.send(client, b"six")
        self.assertEqual(bytes(self.call.body), b"onetwosix")
        self.assert_served_again(client)
        self.assertEqual(self.outcomes("retries"), {"lost": 2})

    def test_the_client_may_leave_while_it_waits_again(self) -> None:
        self.system.aws.cold_start = 0.0
        client = self.ask(get("/x"))
        self.system.aws.cold_start = 5.0
        self.lose()
        self.assertEqual((self.pool["waiting"], self.pool["running"]), (1, 0))
        client.transport.abortConnection()
        self.network.pump()
        self.assertEqual(self.pool["waiting"], 0)
        self.assertEqual(self.outcomes(), {"client_gone": 1})
        self.advance(6)

    def test_its_time_in_the_line_begins_anew(self) -> None:
        """It has run for longer than anybody may wait, which is no reason to send it away."""
        client = self.ask(get("/x"))
        self.advance(40)
        self.system.aws.cold_start = 2.0
        self.lose()
        self.advance(3)
        self.assert_served_again(client)

    def test_no_instance_in_time(self) -> None:
        client = self.ask(get("/x"))
        self.system.aws.cold_start = 1000.0
        self.lose()
        self.advance(9.8)
        self.assertEqual(client.received, b"")
        self.advance(0.4)
        self.assert_refused(client, 504, "queue_timeout")
        self.assertEqual(self.outcomes(), {"queue_timeout": 1})


class ByteByByteSentAgainTests(SentAgainTests):
    chunk = 1

    def test_its_time_in_the_line_begins_anew(self) -> None:
        """Once is enough."""

    test_no_instance_in_time = test_its_time_in_the_line_begins_anew


class NotSentAgainTests(RetryCase):
    """Something was passed on that cannot be taken back, or what was sent is not here any more."""

    def test_a_method_that_may_have_had_effects(self) -> None:
        client = self.ask(with_body("POST", b"once"))
        self.lose()
        self.assert_told(client)

    def test_such_a_method_without_a_body(self) -> None:
        client = self.ask(b"PATCH /x HTTP/1.1\r\nHost: test\r\n\r\n")
        self.lose()
        self.assert_told(client)

    def test_an_interim_answer_was_passed_on(self) -> None:
        client = self.ask(get("/x"))
        self.call.exchange.interim(response(103, [(b"Link", b"</a>")]))
        self.network.pump()
        self.lose()
        self.assertIn(b"HTTP/1.1 502 ", client.received)
        self.assertEqual(self.outcomes(), {"answer_lost": 1})
        self.assertEqual(len(self.host.calls), 1)

    def test_the_answer_has_begun(self) -> None:
        client = self.ask(get("/x"))
        self.call.begin()
        self.network.pump()
        self.lose()
        self.assertIs(client.lost.check(ConnectionDone), None)
        self.assertEqual(self.outcomes(), {"answer_cut": 1})
        self.assertEqual(len(self.host.calls), 1)

    def test_a_body_that_is_too_large_to_be_kept(self) -> None:
        client = self.ask(with_body("PUT", b"x" * 20_000))
        self.lose()
        self.assert_told(client)

    def test_an_answer_that_breaks_the_rules(self) -> None:
        client = self.ask(get("/x"))
        self.call.speak(b"\x00")
        self.network.pump()
        self.assert_refused(client, 502, "bad_answer")
        self.assertEqual(len(self.host.calls), 1)


class LimitTests(SystemCase):
    def lose_it(self, times: int) -> Client:
        client = self.ask(get("/x"))
        for _ in range(times):
            self.assertEqual(client.received, b"")
            self.kill_instances()
            self.advance(0.1)
        return client

    def test_twice_unless_set(self) -> None:
        self.build()
        client = self.lose_it(3)
        self.assert_refused(client, 502, "answer_lost")
        self.assertEqual(len(self.host.calls), 3)
        self.assertEqual(self.outcomes("retries"), {"lost": 2})
        self.assertEqual(self.outcomes(), {"answer_lost": 1})

    def test_off(self) -> None:
        self.build(retry_limit=0)
        self.assert_refused(self.lose_it(1), 502, "answer_lost")

    def test_more(self) -> None:
        self.build(retry_limit=3)
        self.assert_refused(self.lose_it(4), 502, "answer_lost")

    def test_instances_that_keep_ending_open_the_breaker_first(self) -> None:
        self.build(retry_limit=10)
        self.assert_refused(self.lose_it(5), 503, "breaker_open")


class PlaceTests(SystemCase):
    def test_it_takes_its_old_place(self) -> None:
        self.build(max_concurrent_count=2, max_instances=1)
        for name in "abcde":
            self.ask(get(f"/{name}"))
        self.assertEqual(self.paths, ["/a", "/b"])
        self.kill_instances()
        self.advance(0.1)
        self.assertEqual(self.paths[2:], ["/a", "/b"])
        for call in self.host.open:
            call.respond()
        self.network.pump()
        self.assertEqual(self.paths[4:], ["/c", "/d"])
        for _ in range(3):
            for call in self.host.open:
                call.respond()
            self.network.pump()
        self.assertEqual(self.outcomes(), {"answered": 5})

    def test_neither_it_nor_who_waits_meets_the_same_dying_instance(self) -> None:
        """The channels break first, one by one; that the session does is heard last."""
        self.build(max_concurrent_count=1, max_instances=1)
        first = self.ask(get("/first"))
        post = self.ask(with_body("POST", b"never twice"))
        session, *channels = self.links_to(CONTROL)
        for link in channels:
            link.reset()
            self.network.pump()
        self.assertEqual((len(self.host.calls), self.pool["waiting"]), (1, 2))
        session.reset()
        self.advance(1)
        self.call.respond(b"first")
        self.advance(0.1)
        self.call.respond(b"second")
        self.network.pump()
        self.assertEqual(self.answer(first).body, b"first")
        self.assertEqual(self.answer(post).body, b"second")
        self.assertEqual(self.outcomes("retries"), {"lost": 1})

    def test_an_instance_that_lost_one_channel_is_used_again_soon(self) -> None:
        self.build(max_instances=1)
        self.ask(get("/x"))
        self.links_to(CONTROL)[1].reset()
        self.network.pump()
        self.assertEqual((len(self.host.calls), self.pool["resting_instances"]), (1, 1))
        self.advance(0.4)
        self.assertEqual((len(self.host.calls), self.pool["resting_instances"]), (2, 0))
        self.assertEqual(len(self.system.aws.started), 1)
        self.call.respond()
        self.network.pump()
        self.assertEqual(self.outcomes(), {"answered": 1})

    def test_others_serve_meanwhile(self) -> None:
        self.build(max_concurrent_count=1, instance_count_multiplier=1)
        self.ask(get("/x"))
        self.ask(get("/y"))
        self.assertGreaterEqual(self.pool["open_instances"], 2)
        self.links_to(CONTROL)[1].reset()
        self.network.pump()
        self.assertEqual(len(self.host.calls), 3)
