"""An instance says that it has not touched a request: it runs elsewhere, at its old place."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.task import Clock

from lambda_side.hosts.port import PortHost
from lambdadispatch.wire.payload import InvokePayload
from lambdadispatch.wire.session import NACK, Message, encode_message
from tests.memory.stage_host import Call
from tests.memory.system import CONTROL, get
from tests.memory.system_case import SystemCase

POST = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n"


class NackTests(SystemCase):
    def setUp(self) -> None:
        self.build(max_concurrent_count=1, max_instances=1)

    def decline(self, call: Call, reason: str = "application_unreachable") -> None:
        self.assertTrue(call.exchange.decline(reason))
        self.network.pump()

    def test_whatever_its_method_it_runs_again(self) -> None:
        client = self.ask(POST + b"body")
        self.decline(self.call)
        self.assertEqual((client.received, self.pool["waiting"]), (b"", 1))
        self.assertEqual(self.call.lost, "client_gone")
        self.advance(0.4)
        self.assertEqual(len(self.host.calls), 2)
        self.assertEqual((bytes(self.call.body), self.call.whole), (b"body", True))
        self.call.respond(b"well")
        self.network.pump()
        self.assertEqual(self.answer(client).body, b"well")
        self.assertEqual(self.outcomes("nacks"), {"application_unreachable": 1})
        self.assertEqual(self.outcomes("retries"), {"refused": 1})
        self.assertEqual(self.outcomes("channels"), {"nacked": 1})
        self.assertEqual(self.outcomes(), {"answered": 1})

    def test_it_takes_its_old_place(self) -> None:
        for number in range(3):
            self.ask(get(f"/{number}"))
        self.decline(self.call)
        for _ in range(3):
            self.advance(0.4)
            self.call.respond()
            self.network.pump()
        self.assertEqual(self.paths, ["/0", "/0", "/1", "/2"])

    def test_the_limit_of_retries_is_not_for_nacks(self) -> None:
        client = self.ask(POST + b"body")
        for _ in range(6):
            self.decline(self.call)
            self.advance(0.4)
        self.call.respond(b"at last")
        self.network.pump()
        self.assertEqual(self.answer(client).body, b"at last")

    def test_but_its_time_in_the_line_is(self) -> None:
        client = self.ask(get("/x"))
        while not client.received and self.clock.seconds() < 100:
            self.decline(self.call)
            self.advance(0.4)
        self.assert_refused(client, 504, "queue_timeout")
        self.assertLess(self.clock.seconds(), 31)

    def test_another_instance_takes_it_at_once(self) -> None:
        self.stop()
        self.build(max_concurrent_count=1, max_instances=2, instance_count_multiplier=1)
        self.ask(get("/first"))
        self.ask(get("/x"))
        self.host.calls[0].respond()
        self.network.pump()
        self.decline(self.host.calls[1])
        self.assertEqual(self.paths, ["/first", "/x", "/x"])

    def test_a_body_that_is_not_here_any_more(self) -> None:
        client = self.ask(POST.replace(b": 4", b": 20000") + b"x" * 20_000)
        self.decline(self.call)
        self.assert_refused(client, 502, "answer_lost")
        self.assertEqual(self.outcomes("nacks"), {"application_unreachable": 1})

    def test_the_client_has_left_meanwhile(self) -> None:
        client = self.ask(get("/x"))
        session = self.links_to(CONTROL)[0]
        session.freeze("server")
        self.decline(self.call)
        client.transport.abortConnection()
        self.network.pump()
        session.thaw("server")
        self.advance(0.5)
        self.assertEqual(self.outcomes(), {"client_gone": 1})
        self.assertEqual(self.outcomes("nacks"), {})

    def test_once_it_has_begun_to_answer_it_cannot_decline(self) -> None:
        self.ask(get("/x"))
        self.call.begin()
        self.assertFalse(self.call.exchange.decline("late"))
        self.call.end()

    def test_what_cannot_be_a_reason_is_not_counted_as_one(self) -> None:
        self.ask(get("/x"))
        self.decline(self.call, "No word, but a <text>")
        self.assertEqual(self.outcomes("nacks"), {"unnamed": 1})
        self.advance(0.4)
        self.call.respond()

    def test_a_router_that_knows_no_nack_gets_an_answer(self) -> None:
        """Its payload says nothing of them."""
        decode = InvokePayload.decode

        def older(data: bytes) -> InvokePayload:
            values = json.loads(data)
            del values["nacks"]
            return decode(json.dumps(values).encode())

        self.patch(InvokePayload, "decode", staticmethod(older))
        self.ask(get("/x"))
        self.assertFalse(self.call.exchange.decline("why"))
        self.call.respond()


class LyingTests(SystemCase):
    """Nacks that mean nothing, and answers that look like them."""

    def setUp(self) -> None:
        self.build(max_instances=1)

    def say(self, channel: str) -> None:
        """The instance sends a nack for whatever channel."""
        self.system.aws.started[0].instance._session.nack(channel, "why")
        self.network.pump()

    def test_a_channel_that_nobody_knows(self) -> None:
        client = self.ask(get("/x"))
        for channel in ("", "00" * 16, "nonsense"):
            self.say(channel)
        self.call.respond(b"well")
        self.network.pump()
        self.assertEqual(self.answer(client).body, b"well")
        self.assertEqual(self.outcomes("nacks"), {})

    def test_a_channel_on_which_nothing_runs(self) -> None:
        client = self.ask(get("/x"))
        nonce = self.call.exchange.connection.nonce
        self.call.respond(b"well")
        self.network.pump()
        self.say(nonce)
        self.assertEqual(self.answer(client).body, b"well")
        self.assertEqual((self.outcomes("nacks"), self.pool["idle_channels"]), ({}, 20))

    def test_an_answer_that_has_begun_is_cut(self) -> None:
        client = self.ask(get("/x"))
        self.call.begin()
        self.call.write(b"part")
        self.network.pump()
        self.say(self.call.exchange.connection.nonce)
        self.assertFalse(self.answers(client)[0].whole)
        self.assertEqual(self.outcomes(), {"answer_cut": 1})

    def test_an_application_cannot_make_one(self) -> None:
        client = self.ask(get("/x"))
        nonce = self.call.exchange.connection.nonce
        line = encode_message(Message(NACK, "why", nonce))
        pairs = [(b"Kind", b"nack"), (b"Lambda-Dispatch-Nack", b"why"), (b"X-Nack", nonce.encode())]
        self.call.respond(line, 503, *pairs)
        self.network.pump()
        answer = self.answer(client)
        self.assertEqual((answer.status, answer.body), (503, line))
        self.assertEqual(answer.field("lambda-dispatch-nack"), "why")
        self.assertEqual((self.outcomes("nacks"), self.outcomes()), ({}, {"answered": 1}))


class UnreachableTests(SystemCase):
    """A real PortHost, whose application is not there for a while."""

    def build(self, cold_start: float = 0.0, **settings: Any) -> Any:
        system = super().build(cold_start, **settings)
        port: list[PortHost] = []

        def serve(exchange: Any, on_end: Any) -> None:
            if not port:
                endpoint = self.network.connect_endpoint("127.0.0.1", 8080)
                port.append(PortHost(Clock(), endpoint, 8080))
            (port[0] if self.away else self.host).serve(exchange, on_end)

        self.away = True
        system.aws.host = type("Switch", (), {"serve": staticmethod(serve)})()
        return system

    def test_the_request_waits_until_it_can_be_served(self) -> None:
        self.build(max_instances=1)
        client = self.ask(POST + b"body")
        self.advance(1)
        self.assertEqual((client.received, self.host.calls), (b"", []))
        self.assertGreater(self.outcomes("nacks")["application_unreachable"], 1)
        self.away = False
        self.advance(0.5)
        self.assertEqual(bytes(self.call.body), b"body")
        self.call.respond(b"there")
        self.network.pump()
        self.assertEqual(self.answer(client).body, b"there")

    def test_requests_are_not_lost_in_a_circle(self) -> None:
        """A few times a second, not as fast as the machine can."""
        self.build(max_instances=1, queue_timeout=3)
        client = self.ask(get("/x"))
        self.advance(4)
        self.assert_refused(client, 504, "queue_timeout")
        self.assertLess(self.outcomes("nacks")["application_unreachable"], 15)


class EndingTests(SystemCase):
    def test_what_comes_after_the_application_has_ended_is_declined(self) -> None:
        self.build(max_instances=1)
        self.ask(get("/x"))
        session = self.links_to(CONTROL)[0]
        session.freeze("server")  # the router does not hear that it leaves
        self.system.aws.started[0].instance.leave("application_exited")
        late = self.ask(POST + b"late")
        self.assertEqual(self.paths, ["/x"])
        session.thaw("server")
        self.advance(0.1)
        self.assertEqual((self.paths, bytes(self.call.body)), (["/x", "/x"], b"late"))
        for call in self.host.open:
            call.respond(b"well")
        self.advance(0.1)
        self.assertEqual(self.answer(late).body, b"well")
        self.assertEqual(self.outcomes("nacks"), {"application_exited": 1})
        self.assertEqual(self.outcomes(), {"answered": 2})
