"""Limits on clients of HTTP/2: each has its word, or ends its stream or the connection."""

from __future__ import annotations

from typing import Any

from lambdadispatch.http2.allowances import OTHERS, RESETS
from lambdadispatch.http2.connection import HELD_OCTETS, Http2Connection
from lambdadispatch.http2.reading import FRAMES_OF_A_TURN
from tests.memory.http2_case import Http2Case
from tests.memory.http2_client import Http2Client
from tests.memory.system import FRONT, Client, get

CALM = 0xB
REFUSED = 7


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return b"%b%c%c%b%b" % (
        len(payload).to_bytes(3, "big"),
        kind,
        flags,
        stream.to_bytes(4, "big"),
        payload,
    )


PING = frame(6, payload=bytes(8))


class RequestLimitTests(Http2Case):
    """Those that HTTP/1.1 has."""

    def refused(self, status: int, reason: str, *args: Any, **options: Any) -> None:
        client = self.connect()
        answer = self.begin(client, *args, served=False, **options)
        self.assert_told(answer, status, reason)
        self.assertEqual(self.outcomes("refused_heads"), {reason: 1})
        self.assertEqual((self.outcomes(), self.host.calls), ({}, []))
        self.assertEqual(self.begin(client, b"/now").body, b"now")

    def test_a_target_too_long(self) -> None:
        self.build(uri_limit=100)
        self.refused(414, "uri_too_long", b"/" + b"x" * 100)

    def test_a_target_as_long_as_is_allowed(self) -> None:
        self.build(uri_limit=100)
        self.assertEqual(self.begin(self.connect(), b"/now/" + b"x" * 95).status, 200)

    def test_a_head_too_large(self) -> None:
        self.build(head_limit=1024)
        self.refused(431, "head_too_large", b"/x", (b"a", b"b" * 1100))

    def test_too_many_fields(self) -> None:
        self.build(header_count_limit=10)
        self.refused(431, "too_many_fields", b"/x", *[(b"a", b"b")] * 10)

    def test_a_declared_body_too_large(self) -> None:
        self.build(body_limit=4)
        fields = [(b"content-length", b"5")]
        self.refused(413, "body_too_large", b"/x", *fields, method=b"PUT", body=b"12345")

    def test_a_body_that_comes_to_too_much(self) -> None:
        self.build(body_limit=4)
        client = self.connect()
        answer = self.begin(client, b"/x", method=b"PUT", body=b"1234", end=False)
        self.assertEqual(bytes(self.call.body), b"1234")
        self.more(client, answer, b"5")
        self.assert_told(answer, 413, "body_too_large")
        self.assertEqual((answer.reset, self.call.lost), (0, "client_gone"))
        self.assertEqual(self.outcomes(), {"body_too_large": 1})

    def test_one_that_does_while_it_waits(self) -> None:
        self.build(body_limit=4, cold_start=5)
        answer = self.begin(self.connect(), b"/x", method=b"PUT", body=b"12345")
        self.assert_told(answer, 413, "body_too_large")
        self.assertEqual(self.outcomes(), {"body_too_large": 1})
        self.advance(6)
        self.assertEqual(self.host.calls, [])

    def test_a_body_too_slow(self) -> None:
        self.build(body_rate_minimum=10)
        client = self.connect()
        answer = self.begin(client, b"/x", method=b"PUT", body=b"1", end=False)
        self.advance(25)
        self.assert_told(answer, 408, "body_too_slow")
        self.assertEqual(self.outcomes(), {"body_too_slow": 1})
        self.assertIsNone(client.lost)

    def test_one_stands_still_beside_one_that_goes_on(self) -> None:
        self.build(body_rate_minimum=10)
        client = self.connect()
        still = self.begin(client, b"/x", method=b"PUT", body=b"1", end=False)
        going = self.begin(client, b"/x", method=b"PUT", body=b"1", end=False)
        for _ in range(25):
            self.more(client, going, bytes(20))
            self.advance(1)
        self.assert_told(still, 408, "body_too_slow")
        self.assertEqual(going.status, 0)
        self.call.respond()

    def test_a_large_frame_that_keeps_pace(self) -> None:
        """The library tells of DATA once the frame is whole; what comes of it counts before."""
        self.build(body_rate_minimum=50)
        client = self.connect()
        answer = self.begin(client, b"/x", method=b"PUT", body=b"", end=False)
        raw = frame(0, 1, client.number(answer), bytes(6000))
        for second in range(60):
            client.transport.write(raw[second * 101 : second * 101 + 101])
            self.advance(1)
        self.assertEqual((len(self.call.body), self.call.whole), (6000, True))
        self.call.respond(b"ok")
        self.network.pump()
        self.assertEqual(answer.body, b"ok")

    def test_a_body_that_is_held_back_is_not_slow(self) -> None:
        self.build(body_rate_minimum=10)
        answer = self.begin(self.connect(), b"/x", method=b"PUT", body=b"1", end=False)
        self.call.begin()
        self.advance(60)
        self.assertEqual((answer.status, answer.reset), (200, None))


class RestTests(Http2Case):
    def test_a_request_that_needs_no_end_and_gets_none(self) -> None:
        """It is answered, nobody waits for more, and it does not hold its place for ever."""
        self.build(keep_alive_timeout=10)
        client = self.connect()
        answer = self.begin(
            client, b"/now", (b"content-length", b"0"), method=b"POST", body=b"", end=False
        )
        self.assertEqual((answer.body, answer.ended, answer.reset), (b"now", True, None))
        self.advance(5)
        self.assertEqual(answer.reset, 0)
        self.advance(12)
        self.assertIsNotNone(client.lost)

    def test_one_that_ends_a_little_later(self) -> None:
        self.build()
        client = self.connect()
        answer = self.begin(
            client, b"/now", (b"content-length", b"0"), method=b"POST", body=b"", end=False
        )
        self.more(client, answer, b"", end=True)
        self.advance(5)
        self.assertEqual((answer.body, answer.reset), (b"now", None))

    def test_the_rest_of_a_body_that_is_taken_has_to_keep_pace_after_the_answer(self) -> None:
        """Else an octet now and then would hold the channel for as long as the client likes."""
        self.build(body_rate_minimum=10, idle_timeout=60)
        client = self.connect()
        answer = self.begin(client, b"/x", method=b"POST", body=b"a", end=False)
        self.call.respond(b"early")
        self.network.pump()
        self.assertEqual((answer.body, answer.ended), (b"early", True))
        for _ in range(25):
            self.advance(1)
            if answer.reset is None:
                self.more(client, answer, b"x")
        self.assertEqual(answer.reset, 0)
        self.assertEqual((self.call.lost, self.outcomes()), ("client_gone", {"answered": 1}))
        self.assertEqual(self.begin(client, b"/now").body, b"now")

    def test_an_early_answer_does_not_end_the_upload(self) -> None:
        self.build(body_rate_minimum=0)
        client = self.connect()
        answer = self.begin(client, b"/x", method=b"POST", body=b"a", end=False)
        self.call.respond(b"early")
        self.advance(10)
        self.assertIsNone(answer.reset)
        self.more(client, answer, b"b", end=True)
        self.assertEqual((bytes(self.call.body), self.call.whole), (b"ab", True))


class StreamLimitTests(Http2Case):
    def test_one_stream_too_many_is_refused_and_the_others_go_on(self) -> None:
        self.build(http2_stream_limit=2)
        client = Http2Client()
        self.network.connect(client, FRONT, agreed=b"h2")
        # Before it has heard of the limit.
        answers = [client.ask(b"/x") for _ in range(3)]
        self.sent += 2
        self.network.pump()
        self.assertEqual([each.reset for each in answers], [None, None, REFUSED])
        self.assertIsNone(client.goaway)
        self.assertEqual(client.state.remote_settings.max_concurrent_streams, 2)
        self.host.calls[0].respond(b"ok")
        self.network.pump()
        self.assertEqual(answers[0].body, b"ok")
        self.assertEqual(self.begin(client, b"/now").body, b"now")
        self.host.calls[1].respond()

    def test_connections_count_as_others_do(self) -> None:
        self.build(connection_limit=1)
        client = self.connect()
        self.assertEqual(self.begin(client, b"/now").body, b"now")
        other = self.connect()
        self.assertIsNotNone(other.lost)
        self.assertEqual(self.outcomes("refused_connections"), {"connection_limit": 1})
        client.transport.loseConnection()
        self.network.pump()
        self.assertEqual(self.begin(self.connect(), b"/now").body, b"now")


class SlowReaderTests(Http2Case):
    def test_a_window_that_is_never_opened(self) -> None:
        self.build(client_stall_timeout=30)
        client = self.connect(window=3)
        client.takes = False
        stalled = self.begin(client, b"/x")
        self.call.begin()
        self.call.write(b"more than that")
        self.advance(25)
        self.assertEqual((stalled.body, stalled.reset), (b"mor", None))
        self.advance(10)
        self.assertEqual(stalled.reset, 8)
        self.assertEqual(self.outcomes(), {"client_stalled": 1})
        self.assertIsNone(client.lost)

    def test_one_that_is_opened_octet_by_octet(self) -> None:
        """What keeps a stream alive is that all that waits leaves, not that something does."""
        self.build(client_stall_timeout=30)
        client = self.connect(window=1)
        client.takes = False
        stalled = self.begin(client, b"/x")
        self.call.begin()
        self.call.write(bytes(1000))
        for _ in range(35):
            client.open(client.number(stalled))
            self.advance(1)
        self.assertEqual(stalled.reset, 8)
        self.assertEqual(self.outcomes(), {"client_stalled": 1})

    def test_a_whole_answer_that_is_not_taken_is_let_go(self) -> None:
        self.build(client_stall_timeout=30)
        client = self.connect(window=1)
        client.takes = False
        stalled = self.begin(client, b"/now")
        self.assertEqual(self.outcomes(), {"answered": 1})
        self.advance(35)
        self.assertEqual(stalled.reset, 8)
        self.assertEqual(self.outcomes(), {"answered": 1})

    def test_a_connection_of_which_nothing_is_read(self) -> None:
        self.build(client_stall_timeout=30)
        client = self.connect(window=1 << 24)
        client.state.increment_flow_control_window(1 << 24)
        client.flush()
        self.network.pump()
        client.transport.pauseProducing()
        self.begin(client, b"/x")
        self.call.begin()
        self.call.write(bytes(1 << 20))
        self.advance(35)
        self.assertEqual(self.outcomes(), {"client_stalled": 1})
        self.assertEqual(self.system.parts.front.connections, set())
        client.transport.abortConnection()


class HeadTests(Http2Case):
    def late(self, raw: bytes) -> None:
        self.build(head_timeout=5, keep_alive_timeout=60)
        client = self.connect()
        client.transport.write(raw)
        self.advance(4)
        self.assertIsNone(client.lost)
        self.advance(3)
        self.assertIsNotNone(client.lost)

    def test_a_block_without_an_end(self) -> None:
        self.late(frame(1, 0, 1, b"\x82"))

    def test_a_header_of_a_frame_without_an_end(self) -> None:
        self.late(b"\x00\x00")

    def test_a_frame_without_an_end(self) -> None:
        self.late(frame(1, 4, 1, bytes(10))[:-3])

    def test_a_preface_without_an_end(self) -> None:
        self.build(head_timeout=5, keep_alive_timeout=60)
        client = Http2Client()
        client.connectionMade = lambda: None  # type: ignore[method-assign]
        self.network.connect(client, FRONT, agreed=b"h2")
        client.transport.write(b"PRI * HT")
        self.advance(7)
        self.assertIsNotNone(client.lost)

    def test_continuations_without_an_end(self) -> None:
        self.build()
        client = self.connect()
        client.transport.write(frame(1, 0, 1, b"\x82") + frame(9, 0, 1) * 1000)
        self.network.pump()
        self.assertEqual(client.goaway, (1, 0))
        self.assertIsNotNone(client.lost)

    def test_continuations_of_a_head_far_over_its_limit(self) -> None:
        """It is not kept until it is whole, for beside another stream it may take its time."""
        self.build(head_limit=4096)
        client = self.connect()
        answer = self.begin(client, b"/x")
        client.transport.write(frame(1, 0, 3, bytes(16384)) + frame(9, 0, 3, bytes(16384)) * 3)
        self.network.pump()
        self.assertEqual(client.goaway, (CALM, 1))
        self.assertEqual((answer.status, self.call.lost), (0, "client_gone"))
        self.assertEqual(self.outcomes("refused_connections"), {"head_too_large": 1})
        self.assertEqual(self.outcomes(), {"bad_request": 1})

    def test_fields_that_unpack_to_much(self) -> None:
        self.build(head_limit=4096)
        client = self.connect()
        block = b"\x40\x01a\x7f\xa1\x1e" + b"b" * 4000 + b"\xbe" * 1000
        client.transport.write(frame(1, 5, 1, block))
        self.network.pump()
        self.assertEqual(client.goaway, (CALM, 0))
        self.assertIsNotNone(client.lost)

    def test_a_frame_larger_than_any_may_be_is_refused_at_its_header(self) -> None:
        self.build()
        client = self.connect()
        client.transport.write(frame(0, 0, 1, bytes(16385))[:9])
        self.network.pump()
        self.assertEqual(client.goaway, (6, 0))
        self.assertIsNotNone(client.lost)
        self.assertEqual(self.outcomes("refused_connections"), {"frame_too_large": 1})

    def test_a_frame_where_none_may_be(self) -> None:
        self.build()
        client = self.connect()
        client.transport.write(frame(0, 0, 1, b"x"))
        self.network.pump()
        self.assertEqual(client.goaway, (1, 0))
        self.assertEqual(self.outcomes("refused_connections"), {"protocol_error": 1})

    def test_a_table_of_any_size_is_not_filled(self) -> None:
        self.build()
        client = self.connect()
        client.transport.write(frame(4, payload=b"\x00\x01\xff\xff\xff\xff"))
        client.state.decoder.max_allowed_table_size = 0xFFFFFFFF
        for _ in range(100):
            self.begin(client, b"/x")
            self.call.respond(b"", 200, (b"x-one", b"%d" % len(self.host.calls) * 50))
            self.network.pump()
        (served,) = self.system.parts.front.connections
        assert isinstance(served, Http2Connection)
        table = served._state.encoder.header_table
        self.assertLessEqual(table._current_size, 4096)
        self.assertGreater(table._current_size, 1000)
        self.assertEqual(self.outcomes(), {"answered": 100})


class FloodTests(Http2Case):
    """What costs the router and serves nobody is bounded, and honest use stays far below."""

    def flood(self, raw: bytes, times: int) -> Http2Client:
        client = self.connect()
        client.transport.write(raw * times)
        self.network.pump()
        return client

    def assert_calm(self, raw: bytes) -> None:
        self.build()
        self.assertIsNone(self.flood(raw, OTHERS[0] - 100).goaway)
        client = self.flood(raw, OTHERS[0] + 100)
        self.assertEqual(client.goaway, (CALM, 0))
        self.assertIsNotNone(client.lost)
        self.assertEqual(self.outcomes("refused_connections"), {"too_many_frames": 1})

    def test_pings(self) -> None:
        self.assert_calm(PING)

    def test_settings(self) -> None:
        self.assert_calm(frame(4, payload=b"\x00\x04\x00\x00\xff\xff"))

    def test_empty_settings(self) -> None:
        self.assert_calm(frame(4))

    def test_settings_that_mean_nothing_are_not_kept(self) -> None:
        """A client may send any of 65,536: each kept would be memory, and a look at each SETTINGS
        to come.
        """
        self.build()
        client = self.connect()
        for first in range(256, 60000, 2000):
            unknown = [number.to_bytes(2, "big") + b"abcd" for number in range(first, first + 2000)]
            client.transport.write(frame(4, payload=b"".join(unknown)))
        client.transport.write(frame(4, payload=b"\x00\x04\x00\x00\x00\x05"))
        self.network.pump()
        (served,) = self.system.parts.front.connections
        assert isinstance(served, Http2Connection)
        kept = served._state.remote_settings
        self.assertLess(len(kept), 16)
        self.assertEqual(kept.initial_window_size, 5)
        self.assertEqual(self.begin(client, b"/now").body, b"now")

    def test_windows(self) -> None:
        self.assert_calm(frame(8, payload=b"\x00\x00\x00\x01"))

    def test_priorities(self) -> None:
        self.assert_calm(frame(2, 0, 1, b"\x00\x00\x00\x00\x10"))

    def test_unknown_frames(self) -> None:
        self.assert_calm(frame(0x77, 0, 1, b"x"))

    def test_empty_data(self) -> None:
        self.build()
        client = self.connect()
        self.begin(client, b"/x", method=b"PUT", body=b"", end=False)
        client.transport.write(frame(0, 0, 1) * (OTHERS[0] + 100))
        self.network.pump()
        self.assertEqual(client.goaway, (CALM, 1))
        self.assertEqual(self.call.lost, "client_gone")
        self.assertEqual(self.outcomes(), {"bad_request": 1})

    def test_more_with_time(self) -> None:
        self.build()
        client = self.flood(PING, OTHERS[0] - 100)
        self.advance(10)
        client.transport.write(PING * (OTHERS[0] - 100))
        self.network.pump()
        self.assertIsNone(client.goaway)

    def test_many_requests_in_one_read_do_not_hold_up_others(self) -> None:
        """They are answered at once, so nothing but turns of the loop bounds them."""
        self.build(front_health_path="/health")
        client = Http2Client()
        self.network.connect(client, FRONT, agreed=b"h2")
        # Before it has heard of the limit.
        answers = [client.ask(b"/health") for _ in range(1000)]
        other = Client()
        self.network.connect(other, FRONT)
        other.transport.write(get("/health"))
        taken: list[int] = []

        def received(data: bytes) -> None:
            (served,) = [
                each
                for each in self.system.parts.front.connections
                if isinstance(each, Http2Connection)
            ]
            taken.append(served._state.highest_inbound_stream_id // 2)

        other.dataReceived = received  # type: ignore[method-assign]
        self.network.pump()
        self.assertEqual({each.body for each in answers}, {b"ok\n"})
        self.assertLessEqual(taken[0], 3 * FRAMES_OF_A_TURN)

    def test_rapid_resets(self) -> None:
        self.build(max_concurrent_count=100)
        client = self.connect()
        taken = 0
        while client.goaway is None and taken < 2 * RESETS[0]:
            answer = client.ask(b"/x")
            client.reset(answer)
            self.network.pump()
            taken += 1
        self.assertEqual(client.goaway and client.goaway[0], CALM)
        self.assertEqual(taken, RESETS[0] + 1)
        self.sent = taken
        self.assertEqual(self.outcomes(), {"client_gone": RESETS[0], "bad_request": 1})

    def test_resets_that_the_router_has_to_send(self) -> None:
        """CVE-2025-8671: malformed requests cost as much as resets of the client's own."""
        self.build()
        client = self.connect()
        taken = 0
        while client.goaway is None and taken < 2 * RESETS[0]:
            self.begin(client, b"/x", (b"te", b"gzip"), served=False, method=b"PUT", body=b"")
            taken += 1
        self.assertEqual(client.goaway and client.goaway[0], CALM)
        self.assertEqual(taken, RESETS[0] + 1)

    def test_an_honest_download_earns_its_windows(self) -> None:
        self.build()
        client = self.connect(window=100)
        answer = self.begin(client, b"/x")
        octets = 100 * OTHERS[0] * 2
        self.call.begin()
        left = [octets]

        def more() -> None:
            while left[0] and not self.call.slow:
                left[0] -= 10000
                self.call.write(bytes(10000))

        self.call.on_ready = more
        more()
        self.network.pump(1000000)
        self.assertEqual((len(answer.body), client.goaway), (octets, None))
        self.call.end()

    def test_pongs_that_are_not_read_stop_the_reading(self) -> None:
        """What the client does not read of answers to its frames is bounded by a buffer."""
        self.build(client_stall_timeout=0, idle_timeout=600)
        client = self.connect(window=1 << 24)
        client.state.increment_flow_control_window(1 << 24)
        client.flush()
        self.network.pump()
        client.transport.pauseProducing()
        self.begin(client, b"/x")
        self.call.begin()
        self.call.write(bytes(1 << 20))
        self.network.pump()
        (served,) = self.system.parts.front.connections
        assert isinstance(served, Http2Connection)
        self.assertTrue(served.writing.slow)
        asked = 0
        while not served.reading.paused:
            asked += 1
            self.assertLess(asked, 10)
            client.transport.write(PING * 1500)
            self.advance(8)
        # Answered were as many as fit into a buffer, and those of the read in which it was full.
        self.assertLess(served._unread, 2 * HELD_OCTETS)
        client.transport.write(PING * 1000)
        self.advance(8)
        self.assertEqual(len(self.link_of(client).sockets["server"].inbox), 1000 * len(PING))
        client.transport.resumeProducing()
        self.network.pump()
        self.assertEqual(client.pongs, asked * 1500 + 1000)
        self.assertIsNone(client.goaway)
        self.call.end()
