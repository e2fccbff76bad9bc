"""HTTP/2 through the whole system: what a request and its answer are at either end."""

from __future__ import annotations

from lambdadispatch.wire.heads import response
from tests.memory.http2_case import Http2Case
from tests.memory.http2_client import Http2Client
from tests.memory.system import FRONT, Client, get


class ServingTests(Http2Case):
    """What passes, in pieces of any size."""

    def test_a_get(self) -> None:
        self.build()
        client = self.connect()
        answer = self.begin(client, b"/now")
        self.assertEqual((answer.status, answer.body, answer.ended), (200, b"now", True))
        self.assertEqual(answer.get(b"content-length"), b"3")
        self.assertIsNone(answer.reset)
        self.assertEqual(self.outcomes(), {"answered": 1})

    def test_what_the_application_sees(self) -> None:
        self.build(forwarding="both")
        client = self.connect()
        self.begin(client, b"/x?y", (b"accept", b"a"), (b"cookie", b"a=1"), (b"cookie", b"b=2"))
        head = self.call.head
        self.assertEqual((head.method, head.target, head.minor), (b"GET", b"/x?y", 1))
        self.assertEqual(head.fields.hosts, (b"test",))
        self.assertEqual(head.fields.get(b"accept"), b"a")
        self.assertEqual(head.fields.get_all(b"cookie"), [b"a=1; b=2"])
        self.assertEqual(head.fields.get(b"x-forwarded-for"), b"127.0.0.1")
        self.assertIn(b"host=test", head.fields.get(b"forwarded") or b"")
        self.assertEqual(head.body, 0)
        self.call.respond()

    def test_names_and_fields_of_the_connection_in_answers(self) -> None:
        self.build()
        answer = self.begin(self.connect())
        pairs = [(b"X-Big", b"A"), (b"Keep-Alive", b"timeout=1"), (b"Set-Cookie", b"a")]
        self.call.respond(b"ok", 200, *pairs, (b"Set-Cookie", b"b"))
        self.network.pump()
        names = [name for name, _ in answer.fields]
        known = [b"content-length", b"x-big", b"set-cookie", b"set-cookie", b"x-request-id"]
        self.assertEqual(names, known)
        self.assertEqual([v for n, v in answer.fields if n == b"set-cookie"], [b"a", b"b"])

    def test_the_id_is_told_and_logged(self) -> None:
        self.build()
        answer = self.begin(self.connect(), b"/x", (b"x-request-id", b"mine"))
        told = self.call.head.fields.get_all(b"x-request-id")
        self.call.respond(b"", 200, (b"X-Request-Id", b"the application's"))
        self.network.pump()
        self.assertEqual(len(told), 1)
        self.assertNotEqual(told, [b"mine"])
        self.assertEqual([v for n, v in answer.fields if n == b"x-request-id"], told)
        (line,) = [event for event in self.events if "attempts" in event]
        self.assertEqual(line["request_id"].encode(), told[0])
        self.assertEqual((line["client"], line["target"]), ("127.0.0.1", "/x"))

    def test_a_body_of_known_length(self) -> None:
        self.build()
        answer = self.begin(
            self.connect(), b"/x", (b"content-length", b"5"), method=b"POST", body=b"hello"
        )
        self.assertEqual((self.call.head.body, bytes(self.call.body)), (5, b"hello"))
        self.assertTrue(self.call.whole)
        self.call.respond(b"", 201)
        self.network.pump()
        self.assertEqual((answer.status, answer.ended), (201, True))

    def test_a_body_of_unknown_length_and_trailers_both_ways(self) -> None:
        self.build()
        client = self.connect()
        answer = self.begin(client, b"/x", method=b"POST", body=b"hello", end=False)
        self.assertEqual(self.call.head.body, -1)
        client.trailers(answer, (b"x-sum", b"1"), (b"x-forwarded-for", b"me"), (b"host", b"x"))
        self.network.pump()
        self.assertEqual((bytes(self.call.body), self.call.whole), (b"hello", True))
        self.assertEqual(self.call.trailers, ((b"x-sum", b"1"),))
        self.call.begin()
        self.call.write(b"well")
        self.call.end(((b"X-Sum", b"2"),))
        self.network.pump()
        self.assertEqual((answer.body, answer.trailers), (b"well", [(b"x-sum", b"2")]))
        self.assertTrue(answer.ended)

    def test_interim_answers(self) -> None:
        self.build()
        answer = self.begin(
            self.connect(), b"/x", (b"expect", b"100-continue"), method=b"PUT", body=b"", end=False
        )
        self.assertEqual(self.call.head.fields.get(b"expect"), b"100-continue")
        self.call.exchange.interim(response(100, (), 0))
        self.call.exchange.interim(response(103, ((b"Link", b"</a>"),), 0))
        self.network.pump()
        self.assertEqual(answer.interim, [(100, []), (103, [(b"link", b"</a>")])])
        self.assertEqual(answer.status, 0)
        self.call.respond(b"ok")
        self.network.pump()
        self.assertEqual((answer.status, answer.body, answer.ended), (200, b"ok", True))

    def test_answers_without_a_body(self) -> None:
        self.build()
        client = self.connect()
        head = self.begin(client, b"/x", method=b"HEAD")
        self.call.begin(200, (b"Content-Length", b"1000"))
        self.call.end()
        self.network.pump()
        self.assertEqual((head.status, head.get(b"content-length")), (200, b"1000"))
        self.assertEqual((head.body, head.ended), (b"", True))
        for status in (204, 304):
            answer = self.begin(client)
            self.call.begin(status)
            self.call.end()
            self.network.pump()
            self.assertEqual((answer.status, answer.body, answer.ended), (status, b"", True))
            self.assertIsNone(answer.get(b"content-length"))

    def test_an_answer_before_the_body_has_come(self) -> None:
        self.build()
        client = self.connect()
        answer = self.begin(client, b"/x", method=b"POST", body=b"abc", end=False)
        self.call.respond(b"early")
        self.network.pump()
        self.assertEqual((answer.body, answer.ended, answer.reset), (b"early", True, None))
        self.more(client, answer, b"def", end=True)
        self.assertEqual((bytes(self.call.body), self.call.whole), (b"abcdef", True))
        self.assertEqual(self.outcomes(), {"answered": 1})

    def test_the_health_path_and_a_body_that_nobody_wants(self) -> None:
        self.build(front_health_path="/up")
        client = self.connect()
        answer = self.begin(client, b"/up", served=False)
        self.assertEqual((answer.status, answer.body), (200, b"ok\n"))
        answer = self.begin(client, b"/up", method=b"POST", body=b"x", end=False, served=False)
        self.assertEqual((answer.status, answer.ended, answer.reset), (200, True, 0))
        self.assertEqual(self.begin(client, b"/now").body, b"now")

    def test_classes_of_requests(self) -> None:
        self.build(
            priority_header="x-class",
            priority_classes="high,low",
            max_instances=1,
            cold_start=5,
            max_concurrent_count=1,
        )
        client = self.connect()
        self.begin(client, b"/now/low")
        self.begin(client, b"/now/high", (b"x-class", b"high"))
        self.advance(6)
        self.assertEqual(self.paths, ["/now/high", "/now/low"])

    def test_http_1_on_the_same_port(self) -> None:
        self.build()
        client = Client()
        self.network.connect(client, FRONT, agreed=b"http/1.1")
        self.sent += 1
        self.system.send(client, get("/now"))
        self.assertEqual(self.answer(client).body, b"now")

    def test_the_preface_means_nothing_unless_it_was_agreed(self) -> None:
        self.build()
        client = Client()
        self.network.connect(client, FRONT)
        self.system.send(client, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.assert_refused(client, 505, "bad_version")

    def test_switched_off(self) -> None:
        self.build(http2="off")
        front = self.system.parts.front
        self.assertNotIn(b"h2", getattr(front, "acceptableProtocols", list)())
        client = Client()
        self.network.connect(client, FRONT, agreed=b"h2")
        self.system.send(client, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.assert_refused(client, 505, "bad_version")

    def test_what_is_offered(self) -> None:
        self.build()
        front = self.system.parts.front
        self.assertEqual(front.acceptableProtocols(), [b"h2", b"http/1.1"])


class ByteByByteTests(ServingTests):
    """The same one octet at a time, on all connections."""

    chunk = 1


class ManyTests(Http2Case):
    def test_a_hundred_at_once(self) -> None:
        self.build(max_concurrent_count=100)
        client = self.connect()
        answers = [self.begin(client, b"/x/%d" % number) for number in range(100)]
        calls = {call.path: call for call in self.host.calls}
        self.assertEqual(len(calls), 100)
        for number in reversed(range(100)):
            calls[f"/x/{number}"].respond(b"%d" % number)
        self.network.pump()
        self.assertEqual([answer.body for answer in answers], [b"%d" % n for n in range(100)])
        self.assertEqual(self.outcomes(), {"answered": 100})
        self.assertEqual(len(self.links_to(FRONT)), 1)


class LossTests(Http2Case):
    """Who leaves, and what the others see of it."""

    def test_a_request_that_is_given_up(self) -> None:
        self.build()
        client = self.connect()
        first = self.begin(client, b"/x")
        client.reset(first)
        self.network.pump()
        self.assertEqual(self.call.lost, "client_gone")
        self.assertEqual(self.outcomes(), {"client_gone": 1})
        self.assertEqual(self.begin(client, b"/now").body, b"now")

    def test_one_that_waits_is_given_up(self) -> None:
        self.build(cold_start=5)
        client = self.connect()
        first = self.begin(client, b"/x", method=b"POST", body=b"held", end=False)
        client.reset(first)
        self.network.pump()
        self.assertEqual(self.outcomes(), {"client_gone": 1})
        self.advance(6)
        self.assertEqual(self.host.calls, [])

    def test_one_whose_answer_is_under_way_is_given_up(self) -> None:
        self.build()
        client = self.connect()
        first = self.begin(client, b"/x")
        self.call.begin()
        self.call.write(b"part")
        self.network.pump()
        client.reset(first)
        self.network.pump()
        self.assertEqual((first.body, self.call.lost), (b"part", "client_gone"))
        self.assertEqual(self.outcomes(), {"client_gone": 1})

    def test_the_connection_goes_with_all_that_runs(self) -> None:
        self.build()
        client = self.connect()
        for _ in range(3):
            self.begin(client, b"/x")
        client.transport.abortConnection()
        self.network.pump()
        self.assertEqual([call.lost for call in self.host.calls], ["client_gone"] * 3)
        self.assertEqual(self.outcomes(), {"client_gone": 3})

    def test_the_channel_is_lost_within_an_answer(self) -> None:
        self.build()
        client = self.connect()
        first = self.begin(client, b"/x")
        self.call.begin()
        self.call.write(b"part")
        self.network.pump()
        self.call.exchange.connection.transport.abortConnection()
        self.network.pump()
        self.assertEqual((first.body, first.ended, first.reset), (b"part", False, 2))
        self.assertEqual(self.outcomes(), {"answer_cut": 1})
        self.advance(1)
        self.assertEqual(self.begin(client, b"/now").body, b"now")

    def test_the_channel_is_lost_before_an_answer_and_the_request_is_sent_again(self) -> None:
        self.build(max_instances=1)
        client = self.connect()
        first = self.begin(
            client, b"/x", (b"content-length", b"10"), method=b"PUT", body=b"first", end=False
        )
        self.kill_instances()
        self.advance(0.1)
        self.assertEqual([call.lost for call in self.host.calls], ["client_gone", ""])
        self.assertEqual(bytes(self.call.body), b"first")
        self.more(client, first, b"later", end=True)
        self.assertEqual((bytes(self.call.body), self.call.whole), (b"firstlater", True))
        self.call.respond(b"well")
        self.network.pump()
        self.assertEqual((first.body, first.ended), (b"well", True))
        self.assertEqual(self.outcomes("retries"), {"lost": 1})
        self.assertEqual(self.outcomes(), {"answered": 1})

    def test_one_that_may_not_be_sent_again(self) -> None:
        self.build(max_instances=1)
        client = self.connect()
        first = self.begin(client, b"/x", method=b"POST", body=b"first", end=False)
        self.kill_instances()
        self.advance(0.1)
        self.assert_told(first, 502, "answer_lost")
        self.assertEqual(first.reset, 0)
        self.assertEqual(self.outcomes(), {"answer_lost": 1})

    def test_a_refusal_of_the_line(self) -> None:
        self.build(queue_limit=1, cold_start=5, max_instances=1, max_concurrent_count=1)
        client = self.connect()
        first = self.begin(client, b"/now")
        second = self.begin(client, b"/now")
        self.assert_told(second, 503, "queue_full")
        self.assertIsNotNone(second.get(b"retry-after"))
        self.advance(6)
        self.assertEqual(first.body, b"now")

    def test_no_answer_in_time(self) -> None:
        self.build(first_byte_timeout=5)
        first = self.begin(self.connect(), b"/x")
        self.advance(6)
        self.assert_told(first, 504, "first_byte_timeout")


class EndTests(Http2Case):
    """How connections end."""

    def test_a_drain_finishes_what_runs_and_refuses_what_comes(self) -> None:
        self.build()
        client, idle = self.connect(), self.connect()
        first = self.begin(client, b"/x", method=b"POST", body=b"a", end=False)
        stopped = self.system.service.stopService()
        self.advance(0.5)
        self.assertEqual(client.goaway, (0, 1))
        self.assertIsNotNone(idle.lost)
        self.assertIsNone(client.lost)
        self.send_after_goaway(client)
        self.more(client, first, b"b", end=True)
        self.call.respond(b"well")
        self.advance(1)
        self.assertEqual((bytes(self.call.body), first.body, first.ended), (b"ab", b"well", True))
        self.assertIsNotNone(client.lost)
        self.advance(60)
        self.successResultOf(stopped)

    def send_after_goaway(self, client: Http2Client) -> None:
        """The library would not: it is a request that crossed the GOAWAY on its way."""
        before = len(self.host.calls)
        encoder = client.state.encoder
        block = encoder.encode(
            [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/")]
        )
        head = len(block).to_bytes(3, "big") + b"\x01\x05" + (99).to_bytes(4, "big")
        client.transport.write(head + block)
        self.network.pump()
        self.assertEqual(len(self.host.calls), before)

    def test_nothing_is_asked_for_a_time(self) -> None:
        self.build(keep_alive_timeout=10)
        client = self.connect()
        self.begin(client, b"/now")
        self.advance(9)
        self.assertIsNone(client.lost)
        client.state.ping(b"12345678")
        client.flush()
        self.advance(3)
        self.assertEqual((client.pongs, client.goaway), (1, (0, 1)))
        self.assertIsNotNone(client.lost)

    def test_a_request_that_runs_keeps_its_connection(self) -> None:
        self.build(keep_alive_timeout=10, body_rate_minimum=0, head_timeout=5)
        client = self.connect()
        first = self.begin(client, b"/wait/40")
        self.advance(41)
        self.assertEqual(first.body, b"/wait/40")
        self.assertIsNone(client.lost)

    def test_so_many_requests(self) -> None:
        self.build(requests_per_connection_limit=2)
        client = self.connect()
        first, second = self.begin(client, b"/x"), self.begin(client, b"/x")
        self.assertEqual(client.goaway, (0, 3))
        for call in self.host.calls:
            call.respond(b"ok")
        self.network.pump()
        self.assertEqual((first.body, second.body), (b"ok", b"ok"))
        self.assertIsNotNone(client.lost)

    def test_the_client_says_goodbye_and_waits(self) -> None:
        self.build()
        client = self.connect()
        first = self.begin(client, b"/x")
        client.transport.write(b"\x00\x00\x08\x07\x00" + bytes(12))
        self.network.pump()
        self.assertIsNone(client.lost)
        self.call.respond(b"well")
        self.network.pump()
        self.assertEqual((first.body, first.ended), (b"well", True))
        self.assertIsNotNone(client.lost)


class ByteByByteLossTests(LossTests):
    chunk = 1


class ByteByByteEndTests(EndTests):
    chunk = 1
