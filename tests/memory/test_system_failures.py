"""What clients are told when the client, the application or the instance fails."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone

from tests.memory.system import CONTROL, FRONT, get
from tests.memory.system_case import SystemCase

CHUNKED = b"POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"


class BadRequestTests(SystemCase):
    """Requests that break the rules of HTTP."""

    def setUp(self) -> None:
        self.build()

    def refuse(self, raw: bytes, status: int, reason: str) -> None:
        client = self.ask(raw, requests=0)
        self.advance(5)
        self.assert_refused(client, status, reason)
        self.assertEqual(self.answer(client).field("connection"), "close")
        self.assertIsNot(client.lost, None)
        self.assertEqual(self.outcomes("refused_heads"), {reason: 1})
        self.assertEqual(self.host.calls, [])

    def test_a_malformed_request_line(self) -> None:
        self.refuse(b"what is this\r\n\r\n", 400, "bad_request_line")

    def test_no_host(self) -> None:
        self.refuse(b"GET / HTTP/1.1\r\n\r\n", 400, "bad_host")

    def test_length_and_chunks(self) -> None:
        fields = b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"
        self.refuse(b"POST / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n", 400, "length_and_chunked")

    def test_another_version(self) -> None:
        self.refuse(b"GET / HTTP/2.0\r\n\r\n", 505, "bad_version")

    def test_a_head_that_is_too_large(self) -> None:
        raw = b"GET / HTTP/1.1\r\nHost: test\r\nX: " + b"x" * 65536 + b"\r\n\r\n"
        self.refuse(raw, 431, "head_too_large")

    def test_too_many_fields(self) -> None:
        self.refuse(get("/", *[f"X-{n}: {n}" for n in range(100)]), 431, "too_many_fields")

    def test_a_bad_request_after_good_ones(self) -> None:
        client = self.ask(get("/now") + b"nonsense\r\n\r\n")
        self.advance(5)
        first, second = self.answers(client, b"GET", b"GET")
        self.assertEqual((first.status, second.status), (200, 400))
        self.assertIsNot(client.lost, None)

    def test_a_body_that_breaks_the_rules(self) -> None:
        client = self.ask(CHUNKED + b"3\r\none\r\n")
        self.send(client, b"nonsense\r\n")
        self.assert_refused(client, 400, "bad_chunk")
        self.assertEqual((bytes(self.call.body), self.call.whole), (b"one", False))
        self.assertEqual(self.call.lost, "client_gone")
        self.assertEqual(self.outcomes(), {"bad_request": 1})
        self.assertEqual(self.pool["running"], 0)

    def test_a_body_that_breaks_the_rules_within_the_answer(self) -> None:
        client = self.ask(CHUNKED + b"3\r\none\r\n")
        self.call.begin()
        self.call.write(b"part")
        self.network.pump()
        self.send(client, b"nonsense\r\n")
        self.assertFalse(self.answer(client).whole)
        self.assertIs(client.lost.check(ConnectionDone), None)
        self.assertEqual(self.outcomes(), {"bad_request": 1})


class ByteByByteBadRequestTests(BadRequestTests):
    chunk = 1


class LostInstanceTests(SystemCase):
    """Every connection of the instance is reset, and nothing may be sent again."""

    def setUp(self) -> None:
        self.build(max_instances=1, retry_limit=0)

    def test_before_the_answer(self) -> None:
        client = self.ask(get("/x"))
        self.kill_instances()
        self.assert_refused(client, 502, "answer_lost")
        self.assertIs(client.lost, None)
        self.assertEqual(self.call.lost, "client_gone")
        self.assertEqual(self.outcomes(), {"answer_lost": 1})

    def test_within_the_head_of_the_answer(self) -> None:
        client = self.ask(get("/x"))
        self.call.begin()
        self.kill_instances()
        self.assert_refused(client, 502, "answer_lost")

    def test_within_a_chunked_answer(self) -> None:
        client = self.ask(get("/x"))
        self.call.begin()
        self.call.write(b"part")
        self.network.pump()
        self.kill_instances()
        self.assert_cut(client, b"part")

    def test_within_an_answer_of_declared_length(self) -> None:
        client = self.ask(get("/x"))
        self.call.begin(200, (b"Content-Length", b"8"))
        self.call.write(b"part")
        self.network.pump()
        self.kill_instances()
        self.assert_cut(client, b"part")

    def test_within_an_answer_to_http_1_0(self) -> None:
        client = self.ask(b"GET /x HTTP/1.0\r\n\r\n")
        self.call.begin()
        self.call.write(b"part")
        self.network.pump()
        self.kill_instances()
        self.assertTrue(client.received.endswith(b"part"))
        self.assertIs(client.lost.check(ConnectionDone), None)

    def assert_cut(self, client: object, part: bytes) -> None:
        answer = self.answers(client)[0]
        self.assertEqual((answer.body, answer.whole), (part, False))
        self.assertIs(client.lost.check(ConnectionDone), None)
        self.assertEqual(self.outcomes(), {"answer_cut": 1})

    def test_after_the_answer_within_the_request(self) -> None:
        client = self.ask(CHUNKED + b"3\r\none\r\n")
        self.call.respond(b"early")
        self.network.pump()
        self.kill_instances()
        self.assertEqual(self.answer(client).body, b"early")
        self.send(client, b"0\r\n\r\n")
        self.assertEqual(self.outcomes(), {"answered": 1})

    def test_a_lost_instance_is_replaced_and_nobody_who_waits_is_lost(self) -> None:
        self.ask(get("/now"))
        clients = [self.ask(get("/wait/1")) for _ in range(25)]
        self.system.aws.cold_start = 1.0
        self.kill_instances()
        self.advance(6)
        statuses = [self.answer(client).status for client in clients]
        self.assertEqual(statuses, [502] * 10 + [200] * 15)
        self.assertEqual(len(self.system.aws.started), 2)
        self.assertEqual(self.outcomes("sessions"), {"closed": 1})
        self.assertEqual(self.pool["draining_instances"], 0)

    def test_one_channel_is_lost(self) -> None:
        first, second = self.ask(get("/x")), self.ask(get("/y"))
        self.links_to(CONTROL)[-1].reset()
        self.network.pump()
        for call in self.host.open:
            call.respond(b"well")
        self.network.pump()
        self.assertEqual(
            sorted([self.answer(first).status, self.answer(second).status]), [200, 502]
        )
        (instance,) = self.pool["instances"]
        self.assertEqual(instance["channels"], 20)


class BadAnswerTests(SystemCase):
    """Applications that break the rules of HTTP."""

    def setUp(self) -> None:
        self.build()

    def test_a_status_line_that_cannot_be_read(self) -> None:
        client = self.ask(get("/x"))
        self.call.speak(b"\x00")
        self.network.pump()
        self.assert_refused(client, 502, "bad_answer")
        self.assertEqual(self.outcomes(), {"bad_answer": 1})
        self.assertEqual(self.outcomes("channels"), {"bad_status_line": 1})

    def test_two_lengths(self) -> None:
        client = self.ask(get("/x"))
        self.call.speak(b"OK\r\nContent-Length: 1\r\nContent-Length: 2")
        self.network.pump()
        self.assert_refused(client, 502, "bad_answer")

    def test_a_broken_chunk_within_the_answer(self) -> None:
        client = self.ask(get("/x"))
        self.call.speak(b"OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\nnonsense")
        self.network.pump()
        self.assertFalse([answer for answer in self.answers(client) if answer.whole])
        self.assertIs(client.lost.check(ConnectionDone), None)
        self.assertEqual(self.outcomes(), {"bad_answer": 1})

    def test_a_head_that_is_too_large(self) -> None:
        client = self.ask(get("/x"))
        self.call.begin(200, (b"X", b"x" * 70_000))
        self.network.pump()
        self.assert_refused(client, 502, "bad_answer")
        self.advance(1)

    def test_a_change_of_protocol_that_nobody_asked_for(self) -> None:
        client = self.ask(get("/x"))
        self.call.speak(b"OK\r\n\r\n")
        self.network.pump()
        self.assertEqual(self.answers(client)[0].status, 200)
        client.transport.loseConnection()
        self.network.pump()
        self.assertEqual(self.outcomes(), {"client_gone": 1})

    def test_what_comes_after_the_answer_is_not_the_next_answer(self) -> None:
        client = self.ask(get("/x"))
        second = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
        self.call.speak(b"OK\r\nContent-Length: 4\r\n\r\ngood" + second)
        self.network.pump()
        self.assertEqual(self.answer(client).body, b"good")
        for _ in range(20):
            self.assertEqual(self.answer(self.ask(get("/now"))).body, b"now")
        self.assertEqual(self.outcomes("channels"), {"unasked": 1})


class ByteByByteBadAnswerTests(BadAnswerTests):
    chunk = 1


class FirstByteTests(SystemCase):
    def setUp(self) -> None:
        self.build(first_byte_timeout=2)

    def test_an_answer_that_does_not_begin(self) -> None:
        client = self.ask(get("/x"))
        self.advance(1.9)
        self.assertEqual(client.received, b"")
        self.advance(0.2)
        self.assert_refused(client, 504, "first_byte_timeout")
        self.assertEqual(self.call.lost, "client_gone")
        self.assertEqual(self.outcomes(), {"first_byte_timeout": 1})
        self.assertEqual(self.pool["running"], 0)

    def test_an_answer_that_has_begun_may_take_its_time(self) -> None:
        client = self.ask(get("/x"))
        self.advance(1.9)
        self.call.begin()
        self.advance(60)
        self.call.end()
        self.network.pump()
        self.assertTrue(self.answer(client).whole)

    def test_waiting_for_an_instance_does_not_count(self) -> None:
        self.system.aws.cold_start = 5.0
        client = self.ask(get("/wait/1"))
        self.advance(7)
        self.assertEqual(self.answer(client).status, 200)


class ClientGoneTests(SystemCase):
    def setUp(self) -> None:
        self.build()

    def test_while_the_application_works(self) -> None:
        client = self.ask(get("/x"))
        client.transport.loseConnection()
        self.network.pump()
        self.assertEqual(self.call.lost, "client_gone")
        self.assertEqual(self.pool["running"], 0)
        self.assertEqual(self.outcomes(), {"client_gone": 1})

    def test_who_ends_its_side_of_the_connection_has_left(self) -> None:
        client = self.ask(get("/x"))
        client.transport.loseWriteConnection()
        self.network.pump()
        self.assertEqual(self.call.lost, "client_gone")
        self.assertEqual((client.received, self.outcomes()), (b"", {"client_gone": 1}))

    def test_while_it_is_answered(self) -> None:
        self.ask(get("/x"))
        self.call.begin()
        self.call.write(b"part")
        self.network.pump()
        self.links_to(FRONT)[0].reset()
        self.network.pump()
        self.assertEqual(self.call.lost, "client_gone")
        self.assertEqual(self.outcomes(), {"client_gone": 1})

    def test_while_it_sends_its_body(self) -> None:
        client = self.ask(CHUNKED + b"3\r\none\r\n")
        client.transport.abortConnection()
        self.network.pump()
        self.assertEqual((bytes(self.call.body), self.call.lost), (b"one", "client_gone"))

    def test_the_channel_is_replaced(self) -> None:
        for _ in range(50):
            client = self.ask(get("/x"))
            client.transport.abortConnection()
            self.network.pump()
        (instance,) = self.pool["instances"]
        self.assertEqual(instance["channels"], 20)
        self.assertEqual(self.answer(self.ask(get("/now"))).body, b"now")


class ByteByByteClientGoneTests(ClientGoneTests):
    chunk = 1
