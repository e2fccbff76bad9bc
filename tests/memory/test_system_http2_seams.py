"""Where HTTP/2 meets the other parts: pools, tunnels, refusals, the log."""

from __future__ import annotations

from typing import Any

from twisted.logger import formatEvent

from lambdadispatch.front.tunnel import TO_CLIENT
from lambdadispatch.http2.allowances import RESETS
from tests.memory.http2_case import Http2Case
from tests.memory.http2_client import Http2Client, Response
from tests.memory.stage_host import StageHost
from tests.memory.system import FRONT, WITH_TLS, System
from tests.memory.tunnel_case import OK, TunnelCase

UNSEEN = [b"/\xc2\x85forged", b"/\xe2\x80\xa8forged", b"/\xc2\x9b2J", b"/\xe2\x80\xaegro"]
"""Two ends of lines, an order to terminals, a change of the direction of writing."""


class LogTests(Http2Case):
    def lines(self) -> list[str]:
        """What the access log says."""
        return [formatEvent(event) for event in self.events if "arrival" in event]

    def test_a_target_cannot_write_lines_of_its_own(self) -> None:
        self.build()
        client = self.connect()
        for target in UNSEEN:
            self.assertEqual(self.begin(client, target).status, 0)
            self.call.respond(b"ok")
            self.ask(b"GET %b HTTP/1.1\r\nHost: t\r\n\r\n" % target)
            self.call.respond(b"ok")
        self.network.pump()
        lines = self.lines()
        self.assertEqual(len(lines), 2 * len(UNSEEN))
        self.assertEqual([line for line in lines if not line.isprintable()], [])
        self.assertIn("GET /\\xc2\\x85forged: answered", lines[0])

    def test_one_that_can_be_read_is_shown_as_it_is(self) -> None:
        self.build()
        self.ask("GET /grün HTTP/1.1\r\nHost: t\r\n\r\n".encode())
        self.call.respond(b"ok")
        self.network.pump()
        self.assertIn("GET /grün: answered", self.lines()[0])


class RoutesTests(Http2Case):
    """The authority chooses the pool as Host does; a route is no way around the rules."""

    def build(self, cold_start: float = 0.0, **settings: Any) -> System:
        routes = {"function_name": None, "routes": "orders.example.com=orders, */now/assets=assets"}
        system = super().build(cold_start, **routes | settings)
        self.hosts = {name: StageHost(self.clock) for name in ("orders", "assets")}
        system.aws.hosts.update(self.hosts)
        return system

    def open_calls(self) -> list[Any]:
        return [call for host in self.hosts.values() for call in host.open]

    def asked(self, authority: bytes, path: bytes) -> int:
        client = self.connect()
        stream = client.state.get_next_available_stream_id()
        head = [(b":method", b"GET"), (b":scheme", b"https"), (b":path", path)]
        client.state.send_headers(stream, [*head, (b":authority", authority)], end_stream=True)
        client.streams[stream] = Response()
        client.flush()
        self.network.pump()
        return client.streams[stream].status

    def test_the_authority_is_the_host(self) -> None:
        self.build()
        names = (b"orders.example.com", b"ORDERS.example.com:5443", b"orders.example.com.")
        for authority in names:
            self.sent += 1
            self.assertEqual(self.asked(authority, b"/now"), 200)
        self.sent += 2
        self.assertEqual(self.asked(b"other", b"/now/assets/x"), 200)
        self.assertEqual(self.asked(b"other", b"/orders.example.com/now"), 404)
        paths = {name: [call.path for call in host.calls] for name, host in self.hosts.items()}
        self.assertEqual(paths, {"orders": ["/now"] * 3, "assets": ["/now/assets/x"]})
        self.assertEqual(self.outcomes(), {"answered": 4, "unknown_route": 1})


class RefusalTests(Http2Case):
    def test_a_final_answer_to_who_waits_for_100_ends_nothing_but_the_stream(self) -> None:
        """The channel ends with it, and the client is told that its body is not wanted."""
        self.build(max_concurrent_count=2)
        client = self.connect()
        other = self.begin(client, b"/x")
        expect = (b"expect", b"100-continue")
        answer = self.begin(client, b"/y", expect, method=b"PUT", body=b"", end=False)
        self.call.respond(b"no", 417)
        self.network.pump()
        self.assertEqual((answer.status, answer.body, answer.reset), (417, b"no", 0))
        self.assertIsNone(client.goaway)
        self.assertFalse(other.ended)
        self.host.calls[0].respond(b"yes")
        self.network.pump()
        self.assertEqual(other.body, b"yes")
        self.assertEqual(self.begin(client, b"/now").body, b"now")
        self.assertEqual(self.outcomes(), {"answered": 3})

    def test_what_asks_to_change_the_protocol_is_malformed(self) -> None:
        self.build()
        client = self.connect()
        for fields in (
            [(b"upgrade", b"websocket")],
            [(b"connection", b"upgrade")],
            [(b"connection", b"upgrade"), (b"upgrade", b"websocket")],
        ):
            answer = self.begin(client, b"/now", *fields, served=False)
            self.assert_told(answer, 400, "bad_field")
        answer = self.begin(client, b"/now", (b":protocol", b"websocket"), served=False)
        self.assert_told(answer, 400, "bad_pseudo")
        self.assertEqual(self.begin(client, b"/now").body, b"now")

    def test_streams_of_a_connection_that_ends_do_not_run_in_place_of_each_other(self) -> None:
        """What the first one frees is not given to the next of those that are lost with it."""
        self.build(max_instances=1, max_concurrent_count=1)
        client = self.connect()
        answers = [self.begin(client, b"/x") for _ in range(5)]
        self.assertEqual(len(self.host.calls), 1)
        client.transport.write(b"\x00\x00\x01\x00\x00\x00\x00\x00\x00x")
        self.advance(1)
        self.assertIsNotNone(client.lost)
        self.assertEqual([each.status for each in answers], [0] * 5)
        self.assertEqual(len(self.host.calls), 1)
        self.assertEqual(self.outcomes(), {"bad_request": 5})


class CutTests(Http2Case):
    def test_at_the_end_of_a_drain_each_stream_is_told_what_became_of_it(self) -> None:
        """Who waited is refused with an answer, though the same connection has one that is cut."""
        self.build(max_instances=1, max_concurrent_count=1, drain_timeout=5)
        client = self.connect()
        running, waiting = self.begin(client, b"/x"), self.begin(client, b"/x")
        self.call.begin()
        self.call.write(b"a part")
        stopped = self.system.service.stopService()
        self.advance(4)
        self.assertEqual((running.body, waiting.status), (b"a part", 0))
        self.advance(2)
        self.assert_told(waiting, 503, "draining")
        self.assertEqual((running.ended, running.reset), (False, 2))
        self.assertIsNotNone(client.lost)
        self.assertEqual(self.call.lost, "client_gone")
        self.advance(20)
        self.successResultOf(stopped)


class LateTests(Http2Case):
    def test_those_that_came_before_the_goaway_was_heard_are_no_flood(self) -> None:
        """They are refused, for somebody else to serve, and what runs is finished all the same."""
        self.build(http2_stream_limit=500, drain_timeout=20)
        client = self.connect()
        running = self.begin(client, b"/x")
        late = [client.ask(b"/x") for _ in range(499)]
        stopped = self.system.service.stopService()
        self.network.pump()
        self.assertEqual({each.reset for each in late}, {7})
        self.assertEqual((client.goaway, client.lost), ((0, 1), None))
        self.call.respond(b"ok")
        self.advance(10)
        self.assertEqual((running.body, running.ended), (b"ok", True))
        self.successResultOf(stopped)

    def test_who_goes_on_asking_after_it_is_one(self) -> None:
        self.build(http2_stream_limit=10)
        client = self.connect()
        running = self.begin(client, b"/x")
        self.system.parts.front.drain()
        self.network.pump()
        asked = 0
        while client.goaway == (0, 1) and asked < 1000:
            client.ask(b"/x")
            self.network.pump()
            asked += 1
        self.assertEqual(asked, RESETS[0] + 11)
        self.assertEqual(client.goaway and client.goaway[0], 0xB)
        self.assertFalse(running.ended)


class DrainTests(TunnelCase):
    def test_each_connection_ends_in_its_own_way(self) -> None:
        """A stream is finished and its connection told GOAWAY; a tunnel is told a Close."""
        self.build(**WITH_TLS, drain_timeout=20, max_concurrent_count=4)
        client = Http2Client()
        self.network.connect(client, FRONT, agreed=b"h2")
        tunnel = self.open_tunnel()
        self.sent += 1
        answer = client.ask(b"/silent")
        self.network.pump()
        stopped = self.system.service.stopService()
        self.network.pump()
        self.assertEqual(tunnel.received, TO_CLIENT)
        self.assertEqual((client.goaway, client.lost), ((0, 1), None))
        self.application.send(OK)
        self.advance(1)
        self.assertEqual((answer.body, answer.ended), (b"ok", True))
        self.assertIsNotNone(client.lost)
        self.assertIsNone(tunnel.lost)
        self.advance(6)
        self.assertIsNotNone(tunnel.lost)
        self.advance(6)
        self.successResultOf(stopped)
        ended = [event["outcome"] for event in self.events if "arrival" in event]
        self.assertEqual(ended, ["answered", "tunnel_closed"])
