"""WebSockets through the whole system: front, channel, Lambda side, application on a port."""

from __future__ import annotations

from collections import Counter

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone

from lambdadispatch.front.tunnel import TO_CLIENT, TO_SERVER
from lambdadispatch.router.tunnels import CLOSE_TIME
from tests.memory.system import CONTROL, Client, Running, get
from tests.memory.tunnel_case import ASK, FIELDS, OK, SWITCH, TunnelCase
from tests.wire.test_websocket import CLOSE, KEY, frame

HELLO, REPLY = frame(b"hello", key=KEY), frame(b"reply")
CLIENTS_CLOSE, SERVERS_CLOSE = frame(b"\x03\xe8", CLOSE, KEY), frame(b"\x03\xe8", CLOSE)


class TunnelTests(TunnelCase):
    def test_there_and_back(self) -> None:
        self.build()
        client = self.open_tunnel()
        self.assertIn(b"\r\nSec-WebSocket-Key: k\r\n", self.application.head)
        self.assertIn(b"\r\nX-Forwarded-For: 127.0.0.1\r\n", self.application.head)
        self.assertEqual(self.application.head.count(b"Upgrade: websocket"), 1)
        self.send(client, HELLO)
        self.application.send(REPLY)
        self.network.pump()
        self.assertEqual((self.application.data, client.received), (HELLO, REPLY))

    def test_the_101_has_the_requests_id_and_the_applications_fields(self) -> None:
        self.build()
        client = self.ask(ASK)
        self.expected_running = 1
        lines = client.received.split(b"\r\n")
        self.assertEqual(lines[0], b"HTTP/1.1 101 Switching Protocols")
        self.assertIn(b"Sec-WebSocket-Accept: a", lines)
        self.assertEqual(sum(line.lower().startswith(b"x-request-id: ") for line in lines), 1)
        self.assertEqual(lines.count(b"Connection: Upgrade"), 1)

    def test_each_pool_may_have_a_limit_of_its_own_for_silence(self) -> None:
        pools = {"chat": {"tunnel-idle-timeout": "5s"}}
        routes = {"function_name": None, "routes": "chat=chat, test=web"}
        self.build(file={"pools": pools}, tunnel_idle_timeout=60, **routes)
        silent = self.ask(ASK.replace(b"Host: test", b"Host: chat"))
        other = self.open_tunnel()
        self.advance(8)
        self.assertIsNot(silent.lost, None)
        self.assertIs(other.lost, None)
        self.assertEqual(self.outcomes(), {"idle_timeout": 1})

    def test_it_is_a_request_that_runs_and_holds_its_place(self) -> None:
        self.build(max_concurrent_count=2, channel_count=2, max_instances=1)
        first = self.open_tunnel()
        self.assertEqual((self.pool["tunnels"], self.pool["running"]), (1, 1))
        second = self.open_tunnel()
        waiting = self.ask(get("/x"))
        self.assertEqual((self.pool["tunnels"], self.pool["running"]), (2, 2))
        self.assertEqual((self.pool["waiting"], waiting.received), (1, b""))
        first.transport.loseConnection()
        self.advance(0.1)
        self.ended()
        self.assertEqual(self.answer(waiting).body, b"ok")
        self.assertEqual((self.pool["tunnels"], self.pool["running"]), (1, 1))
        self.assertEqual(self.outcomes(), {"tunnel_closed": 1, "answered": 1})
        self.assertIs(second.lost, None)

    def test_its_channel_is_replaced_and_nothing_was_lost(self) -> None:
        self.build()
        for _ in range(5):
            client = self.open_tunnel()
            client.transport.loseConnection()
            self.network.pump()
            self.ended()
        self.assertEqual(self.outcomes(), {"tunnel_closed": 5})
        self.assertEqual(self.outcomes("channels"), {"tunnel_closed": 5})
        pool = self.pool
        self.assertEqual((pool["resting_instances"], pool["quarantined_instances"]), (0, 0))
        self.assertEqual(pool["idle_channels"], 20)
        self.assertEqual(self.state()["since_start"]["retries"], {})

    def test_an_application_that_breaks_its_connections_is_no_failing_instance(self) -> None:
        self.build()
        for _ in range(5):
            client = self.open_tunnel()
            self.application.transport.abortConnection()
            self.network.pump()
            self.ended()
            self.assertIs(client.lost.check(ConnectionDone), None)
        self.assertEqual(self.outcomes(), {"tunnel_cut": 5})
        pool = self.pool
        self.assertEqual((pool["resting_instances"], pool["quarantined_instances"]), (0, 0))

    def test_the_client_breaks(self) -> None:
        self.build()
        client = self.open_tunnel()
        client.transport.abortConnection()
        self.network.pump()
        self.ended()
        self.assertEqual(self.outcomes(), {"client_gone": 1})
        self.assertEqual(self.application.ended, "lost")

    def test_the_application_ends(self) -> None:
        self.build()
        client = self.open_tunnel()
        self.application.send(SERVERS_CLOSE)
        self.application.transport.loseConnection()
        self.network.pump()
        self.ended()
        self.assertEqual(client.received, SERVERS_CLOSE)
        self.assertIsNot(client.lost.check(ConnectionDone), None)
        self.assertEqual(self.outcomes(), {"tunnel_closed": 1})

    def test_the_instance_dies(self) -> None:
        self.build()
        client = self.open_tunnel()
        self.kill_instances()
        self.ended()
        self.assertIsNot(client.lost, None)
        self.assertEqual(self.outcomes(), {"tunnel_cut": 1})

    def test_before_the_101_it_is_sent_again_and_then_never(self) -> None:
        self.build()
        self.app.script = lambda application: None
        client = self.ask(ASK)
        self.links_to(CONTROL)[-1].reset()
        for link in self.links_to(CONTROL)[1:]:
            link.reset()
        self.network.pump()
        self.advance(1)
        self.assertEqual(len(self.app.connections), 2)
        self.application.send(SWITCH)
        self.network.pump()
        self.expected_running = 1
        self.assertTrue(client.received.startswith(SWITCH[:34]))
        for link in self.links_to(CONTROL)[1:]:
            link.reset()
        self.advance(1)
        self.ended()
        self.assertEqual(len(self.app.connections), 2)
        self.assertEqual(self.outcomes(), {"tunnel_cut": 1})

    def test_a_refusal_is_an_answer_after_which_the_client_is_closed(self) -> None:
        self.build()
        self.app.script = lambda application: application.send(OK)
        client = self.ask(ASK + get("/hidden"))
        self.assertEqual(self.answer(client).body, b"ok")
        self.assertEqual(self.answer(client).field("connection"), "close")
        self.assertIsNot(client.lost, None)
        self.assertEqual(len(self.app.connections), 1)
        self.assertEqual(self.outcomes("channels"), {})

    def test_a_refusal_of_the_router_too(self) -> None:
        self.build(queue_limit=1, max_instances=1, cold_start=5.0)
        self.ask(get("/x"))
        client = self.ask(ASK + get("/hidden"))
        self.assert_refused(client, 503, "queue_full")
        self.assertEqual(self.answer(client).field("connection"), "close")
        self.assertIsNot(client.lost, None)
        self.advance(6)

    def test_with_no_upgrades_it_is_an_ordinary_request(self) -> None:
        self.build(upgrades="")
        client = self.ask(ASK)
        self.assertNotIn(b"pgrade", self.app.connections[0].data)
        self.assertEqual(self.answer(client).body, b"ok")
        self.assertIs(client.lost, None)

    def test_another_protocol_that_is_allowed(self) -> None:
        self.build(upgrades="chat/2")
        fields = FIELDS.replace(b"websocket", b"chat/2")
        self.app.script = lambda app: app.send(SWITCH.replace(FIELDS, fields))
        client = self.ask(ASK.replace(b"websocket", b"CHAT/2"))
        self.expected_running = 1
        self.assertIn(b"\r\nUpgrade: chat/2\r\n", self.application.head)
        self.assertIn(b"\r\nUpgrade: chat/2\r\n", client.received)
        self.send(client, b"anything")
        self.assertEqual(self.application.data, b"anything")


class ByteTests(TunnelTests):
    chunk = 1


class LargeTests(TunnelCase):
    def test_a_large_one_in_each_direction(self) -> None:
        self.build()
        client = self.open_tunnel()
        up, down = frame(bytes(1 << 20), key=KEY), frame(bytes(1 << 20))
        self.send(client, up)
        self.application.send(down)
        self.network.pump()
        self.assertEqual((self.application.data, client.received), (up, down))


class TimeTests(TunnelCase):
    def test_a_quiet_one_is_not_cut(self) -> None:
        self.build(idle_timeout=5, first_byte_timeout=5)
        client = self.open_tunnel()
        self.advance(600)
        self.send(client, HELLO)
        self.assertEqual(self.application.data, HELLO)

    def test_an_instance_with_one_is_not_idle(self) -> None:
        self.build(instance_idle=1)
        client = self.open_tunnel()
        self.advance(30)
        self.assertEqual(len(self.pool["instances"]), 1)
        client.transport.loseConnection()
        self.advance(10)
        self.ended()
        self.assertEqual(self.pool["instances"], [])

    def test_a_101_that_does_not_come(self) -> None:
        self.build(first_byte_timeout=5)
        self.app.script = lambda application: None
        client = self.ask(ASK)
        self.advance(6)
        self.assert_refused(client, 504, "first_byte_timeout")

    def test_its_own_idle_limit(self) -> None:
        self.build(tunnel_idle_timeout=10)
        client = self.open_tunnel()
        self.advance(8)
        self.send(client, HELLO)
        self.advance(8)
        self.application.send(REPLY)
        self.advance(8)
        self.assertIs(client.lost, None)
        self.advance(4)
        self.ended()
        self.assertIsNot(client.lost, None)
        self.assertIsNot(self.application.ended, None)
        self.assertEqual(self.outcomes(), {"idle_timeout": 1})

    def test_the_limit_in_all_holds_for_it_too(self) -> None:
        self.build(total_timeout=20)
        client = self.open_tunnel()
        for _ in range(19):
            self.advance(1)
            self.send(client, HELLO)
        self.assertIs(client.lost, None)
        self.advance(2)
        self.ended()
        self.assertIsNot(client.lost.check(ConnectionAborted, ConnectionDone), client)
        self.assertEqual(self.outcomes(), {"total_timeout": 1})

    def test_a_client_that_reads_nothing(self) -> None:
        self.build(client_stall_timeout=10)
        client = self.open_tunnel()
        client.transport.pauseProducing()
        self.application.send(bytes(4 << 20))
        self.advance(9)
        self.assertEqual(self.pool["tunnels"], 1)
        self.advance(4)
        self.ended()
        self.assertEqual(self.outcomes(), {"client_stalled": 1})
        client.transport.resumeProducing()
        self.network.pump()

    def test_an_application_that_does_not_take_the_rest_does_not_keep_the_channel(self) -> None:
        """Its client has left, so nobody else would ever end it."""
        self.build(max_concurrent_count=1, channel_count=2)
        client = self.open_tunnel()
        self.application.transport.pauseProducing()
        for _ in range(22):
            self.send(client, frame(bytes(8000), key=KEY))
        client.transport.loseConnection()
        self.advance(1)
        self.ended()
        self.assertEqual(self.outcomes(), {"tunnel_closed": 1})
        self.assertEqual(self.outcomes("channels"), {})
        self.advance(CLOSE_TIME + 1)
        self.assertEqual(self.outcomes("channels"), {"tunnel_closed": 1})
        stuck = self.application
        self.assertEqual(self.answer(self.ask(get("/x"))).body, b"ok")
        stuck.transport.resumeProducing()
        self.advance(1)
        self.assertEqual(stuck.ended, "lost")


class LeavingTests(TunnelCase):
    """Both sides are told ahead: close code 1012."""

    def begin_to_stop(self) -> Deferred[None]:
        self.check_books()
        stopped = self.system.service.stopService()
        self.network.pump()
        return stopped

    def answer_closes(self, client: Client) -> None:
        self.send(client, CLIENTS_CLOSE)
        self.application.send(SERVERS_CLOSE)
        self.network.pump()

    def test_the_router_stops(self) -> None:
        self.build()
        client = self.open_tunnel()
        self.send(client, HELLO)
        stopped = self.begin_to_stop()
        self.assertEqual(client.received, TO_CLIENT)
        self.assertEqual(self.application.data, HELLO + TO_SERVER)
        self.assertIs(client.lost, None)
        self.answer_closes(client)
        self.assertIsNot(client.lost.check(ConnectionDone), None)
        self.assertEqual(client.received, TO_CLIENT)
        self.assertEqual(self.application.data, HELLO + TO_SERVER)
        self.advance(1)
        self.successResultOf(stopped)
        self.assertEqual(self.counts, {"tunnel_closed": 1})

    @property
    def counts(self) -> Counter[str]:
        """How requests have ended, by the log, for when the admin port has closed."""
        return Counter(event["outcome"] for event in self.events if "arrival" in event)

    @property
    def instances(self) -> list[str]:
        """Those that are not gone. The first one's successor starts before it leaves."""
        return [each["instance"] for each in self.pool["instances"]]

    def test_ordinary_requests_go_on_meanwhile(self) -> None:
        self.build()
        client, silent = self.open_tunnel(), self.ask(get("/silent"))
        self.expected_running += 1
        stopped = self.begin_to_stop()
        self.answer_closes_of(client)
        self.advance(3)
        self.assertNoResult(stopped)
        self.app.connections[1].send(OK)
        self.advance(1)
        self.assertEqual(self.answer(silent).body, b"ok")
        self.successResultOf(stopped)

    def answer_closes_of(self, client: Client) -> None:
        self.send(client, CLIENTS_CLOSE)
        self.app.connections[0].send(SERVERS_CLOSE)
        self.network.pump()
        self.assertIsNot(client.lost, None)

    def test_sides_that_do_not_answer_are_closed_after_a_while(self) -> None:
        self.build(drain_timeout=20)
        client = self.open_tunnel()
        stopped = self.begin_to_stop()
        self.advance(CLOSE_TIME - 0.5)
        self.assertNoResult(stopped)
        self.assertIs(client.lost, None)
        self.advance(3)
        self.assertIsNot(client.lost.check(ConnectionDone), None)
        self.assertEqual(self.application.ended, "done")
        self.advance(1)
        self.successResultOf(stopped)
        self.assertEqual(self.counts, {"tunnel_closed": 1})

    def test_what_a_side_sends_after_its_close_was_sent_goes_nowhere(self) -> None:
        self.build()
        client = self.open_tunnel()
        self.begin_to_stop()
        self.send(client, HELLO + HELLO[:3])
        self.application.send(REPLY)
        self.network.pump()
        self.assertEqual((client.received, self.application.data), (TO_CLIENT, TO_SERVER))
        self.send(client, HELLO[3:])
        self.answer_closes(client)
        self.assertIsNot(client.lost, None)
        self.assertEqual((client.received, self.application.data), (TO_CLIENT, TO_SERVER))

    def test_frames_that_have_begun_end_first(self) -> None:
        self.build()
        client = self.open_tunnel()
        self.send(client, HELLO[:4])
        self.application.send(REPLY[:3])
        self.network.pump()
        stopped = self.begin_to_stop()
        self.advance(CLOSE_TIME + 2)
        self.assertEqual((client.received, self.application.data), (REPLY[:3], HELLO[:4]))
        self.send(client, HELLO[4:])
        self.application.send(REPLY[3:] + REPLY)
        self.network.pump()
        self.assertEqual(client.received, REPLY + TO_CLIENT)
        self.assertEqual(self.application.data, HELLO + TO_SERVER)
        self.answer_closes(client)
        self.advance(1)
        self.successResultOf(stopped)

    def test_a_frame_that_never_ends_is_cut_with_the_drain(self) -> None:
        self.build(drain_timeout=10)
        client = self.open_tunnel()
        self.send(client, HELLO[:4])
        stopped = self.begin_to_stop()
        self.advance(9.5)
        self.assertNoResult(stopped)
        self.assertIs(client.lost, None)
        self.advance(1)
        self.assertIs(client.lost.check(ConnectionDone), None)
        self.successResultOf(stopped)
        self.assertEqual(self.counts, {"tunnel_cut": 1})

    def test_one_that_both_sides_are_closing_is_left_to_them(self) -> None:
        self.build()
        client = self.open_tunnel()
        self.send(client, CLIENTS_CLOSE)
        self.begin_to_stop()
        # Not to the application, which has the client's; it answers, and the client has both.
        self.assertEqual(self.application.data, CLIENTS_CLOSE)
        self.assertEqual(client.received, TO_CLIENT)
        self.application.send(SERVERS_CLOSE)
        self.network.pump()
        self.assertEqual(client.received, TO_CLIENT)
        self.assertIsNot(client.lost, None)

    def test_one_that_begins_while_the_router_stops(self) -> None:
        self.build()
        self.app.script = lambda application: None
        client = self.ask(ASK)
        self.expected_running = 1
        self.begin_to_stop()
        self.assertEqual(client.received, b"")
        self.application.send(SWITCH)
        self.network.pump()
        head, _, rest = client.received.partition(b"\r\n\r\n")
        self.assertEqual(head[:34], SWITCH[:34])
        self.assertEqual((rest, self.application.data), (TO_CLIENT, TO_SERVER))
        self.answer_closes(client)
        self.assertIsNot(client.lost, None)

    def test_another_protocol_lasts_as_long_as_the_drain(self) -> None:
        self.build(upgrades="chat/2", drain_timeout=10)
        fields = FIELDS.replace(b"websocket", b"chat/2")
        self.app.script = lambda app: app.send(SWITCH.replace(FIELDS, fields))
        client = self.ask(ASK.replace(b"websocket", b"chat/2"))
        self.expected_running = 1
        stopped = self.begin_to_stop()
        self.advance(9.5)
        self.send(client, b"still")
        self.assertEqual(self.application.data, b"still")
        self.advance(1)
        self.assertIsNot(client.lost, None)
        self.successResultOf(stopped)
        self.assertEqual(self.counts, {"tunnel_cut": 1})

    def test_hurrying(self) -> None:
        self.build(drain_timeout=100)
        client = self.open_tunnel()
        stopped = self.begin_to_stop()
        self.advance(1)
        self.system.service.hurry()
        self.network.pump()
        self.successResultOf(stopped)
        self.assertIsNot(client.lost, None)
        self.assertEqual(client.received, TO_CLIENT)

    def test_an_instance_leaves_for_its_deadline(self) -> None:
        self.build(deadline_margin=15)
        self.system.aws.timeout = 100.0
        client = self.open_tunnel()
        self.advance(84)
        self.assertEqual(client.received, b"")
        self.advance(1.5)
        self.assertEqual((client.received, self.application.data), (TO_CLIENT, TO_SERVER))
        self.answer_closes(client)
        self.ended()
        self.assertIsNot(client.lost.check(ConnectionDone), None)
        self.advance(1)
        self.assertEqual(self.outcomes(), {"tunnel_closed": 1})
        self.assertEqual(self.outcomes("invocations"), {"returned": 1})
        self.assertEqual(self.instances, ["i2-000000"])

    def test_at_the_deadline_itself_what_cannot_be_told_is_cut(self) -> None:
        self.build(deadline_margin=15)
        self.system.aws.timeout = 100.0
        client = self.open_tunnel()
        self.send(client, HELLO[:4])
        self.advance(98)
        self.assertIs(client.lost, None)
        self.advance(2)
        self.ended()
        self.assertIsNot(client.lost, None)
        self.assertEqual(self.outcomes(), {"tunnel_cut": 1})
        self.assertEqual(self.instances, ["i2-000000"])

    def test_only_those_of_the_instance_that_leaves_are_told(self) -> None:
        self.build(max_concurrent_count=1, max_instances=2, deadline_margin=15)
        aws = self.system.aws

        def start(running: Running) -> None:
            """The first is given less time than the others."""
            aws.timeout = 100.0 if len(aws.started) == 1 else 900.0
            aws.serve(running)

        aws.on_start = start
        first = self.open_tunnel()
        self.advance(1)
        second = self.open_tunnel()
        self.advance(85)
        self.assertEqual((first.received, second.received), (TO_CLIENT, b""))
        self.send(first, CLIENTS_CLOSE)
        self.advance(7)
        self.ended()
        self.assertIsNot(first.lost, None)
        self.send(second, HELLO)
        self.assertEqual(self.application.data, HELLO)

    def test_the_instance_takes_a_place_in_the_line_of_those_who_leave(self) -> None:
        """It is not gone before its tunnel is, and takes nothing new."""
        self.build(max_instances=1, deadline_margin=15)
        self.system.aws.timeout = 100.0
        self.open_tunnel()
        self.advance(86)
        self.assertEqual(self.pool["draining_instances"], 1)
        self.assertEqual(self.pool["running"], 1)
        self.advance(7)
        self.ended()
        self.assertEqual(self.pool["draining_instances"], 0)
