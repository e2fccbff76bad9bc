"""Flow control of HTTP/2 through the whole system: whoever is slow holds back the other end, and
what is held on the way is bounded.
"""

from __future__ import annotations

from lambdadispatch.http2.connection import Http2Connection
from lambdadispatch.http2.exchange import StreamExchange
from lambdadispatch.http2.windows import SPARE_OCTETS, WIDE_OCTETS
from tests.memory.http2_case import Http2Case
from tests.memory.http2_client import Http2Client, Response

LARGE = 1 << 20
WINDOW = 65535
READ = 65536
"""What one read brings at most, which a source may write after it was told to stop."""


class FlowCase(Http2Case):
    def served(self) -> Http2Connection:
        """The router's end of the one connection."""
        (connection,) = self.system.parts.front.connections
        assert isinstance(connection, Http2Connection)
        return connection

    def waiting(self) -> int:
        """Octets of answers that the router holds for the connection's windows."""
        return sum(sum(map(len, each.pending)) for each in self.served().exchanges.values())

    def held(self) -> int:
        """Octets of bodies that the router holds for those who take them."""

        def of(exchange: StreamExchange) -> int:
            return sum(len(data) for data, _ in exchange._held)

        return sum(of(each) for each in self.served().exchanges.values())

    def download(self, client: Http2Client, octets: int = LARGE) -> Response:
        """An application that writes all it has, as fast as it is let."""
        answer = self.begin(client, b"/x")
        call = self.call
        call.begin(200, (b"Content-Length", b"%d" % octets))
        left = [octets]

        def more() -> None:
            while left[0] and not call.slow:
                size = min(left[0], 16384)
                left[0] -= size
                call.write(bytes(size))
            if not left[0] and not call.exchange.answer_ended:
                call.end()

        call.on_ready = more
        more()
        self.network.pump()
        return answer


class DownloadTests(FlowCase):
    def test_a_window_that_stays_closed_holds_the_application_back(self) -> None:
        self.build()
        client = self.connect(takes=False)
        answer = self.download(client)
        self.assertEqual(len(answer.body), WINDOW)
        self.assertTrue(self.call.slow)
        self.assertLessEqual(self.waiting(), READ)
        stuck = self.waiting()
        self.advance(20)
        self.assertEqual((len(answer.body), self.waiting()), (WINDOW, stuck))
        client.takes = True
        client.open(client.number(answer))
        self.network.pump()
        self.assertEqual((len(answer.body), answer.ended), (LARGE, True))
        self.assertEqual(self.outcomes(), {"answered": 1})

    def test_tiny_windows(self) -> None:
        self.build()
        client = self.connect(window=7)
        answer = self.download(client, 3000)
        self.assertEqual((len(answer.body), answer.ended), (3000, True))
        self.assertIsNone(client.goaway)

    def test_a_window_of_nothing_at_first(self) -> None:
        self.build()
        client = self.connect(window=0, takes=False)
        answer = self.begin(client, b"/now")
        self.assertEqual((answer.status, answer.body, answer.ended), (200, b"", False))
        client.state.increment_flow_control_window(2, client.number(answer))
        client.flush()
        self.network.pump()
        self.assertEqual((answer.body, answer.ended), (b"no", False))
        client.state.increment_flow_control_window(1, client.number(answer))
        client.flush()
        self.network.pump()
        self.assertEqual((answer.body, answer.ended), (b"now", True))

    def test_trailers_wait_for_the_body(self) -> None:
        self.build()
        client = self.connect(window=0)
        answer = self.begin(client, b"/x")
        self.call.begin()
        self.call.write(b"body")
        self.call.end(((b"x-sum", b"1"),))
        self.network.pump()
        self.assertIsNone(answer.trailers)
        client.state.increment_flow_control_window(4, client.number(answer))
        client.flush()
        self.network.pump()
        self.assertEqual((answer.body, answer.trailers), (b"body", [(b"x-sum", b"1")]))
        self.assertTrue(answer.ended)

    def test_one_closed_window_does_not_hold_the_others(self) -> None:
        self.build()
        client = self.connect(takes=False)
        client.state.increment_flow_control_window(LARGE)
        slow = self.download(client)
        self.assertEqual(len(slow.body), WINDOW)
        self.assertEqual(self.begin(client, b"/now").body, b"now")
        client.reset(slow)
        self.network.pump()
        self.assertEqual(self.waiting(), 0)

    def test_streams_take_turns(self) -> None:
        self.build()
        client = self.connect(takes=False)
        large = self.download(client)
        small = self.begin(client, b"/x")
        self.call.respond(bytes(16384))
        self.network.pump()
        # The connection's window is used up: both wait for it.
        self.assertEqual((len(large.body), len(small.body)), (WINDOW, 0))
        client.state.increment_flow_control_window(LARGE, client.number(large))
        client.state.increment_flow_control_window(40000)
        client.flush()
        self.network.pump()
        self.assertTrue(small.ended)
        self.assertGreater(len(large.body), WINDOW)

    def test_a_client_that_reads_nothing_of_its_connection(self) -> None:
        self.build()
        client = self.connect(window=1 << 24)
        client.state.increment_flow_control_window(1 << 24)
        client.flush()
        self.network.pump()
        client.transport.pauseProducing()
        answer = self.download(client, 4 * LARGE)
        self.assertTrue(self.call.slow)
        self.assertLessEqual(self.waiting(), READ)
        client.transport.resumeProducing()
        self.network.pump()
        self.assertEqual((len(answer.body), answer.ended), (4 * LARGE, True))


class UploadTests(FlowCase):
    def test_a_body_waits_with_its_window_closed_until_there_is_a_channel(self) -> None:
        self.build(cold_start=5)
        client = self.connect()
        answer = self.begin(client, b"/x", method=b"PUT", body=bytes(LARGE))
        self.assertEqual(client.unsent(answer), LARGE - WINDOW)
        self.assertEqual(self.held(), WINDOW)
        self.advance(6)
        self.assertEqual((len(self.call.body), self.call.whole), (LARGE, True))
        self.assertEqual(self.held(), 0)
        self.call.respond(b"ok")
        self.network.pump()
        self.assertEqual(answer.body, b"ok")

    def test_bodies_that_wait_do_not_stop_others(self) -> None:
        self.build(max_instances=1, max_concurrent_count=1)
        client = self.connect()
        first = self.begin(client, b"/x")
        waiting = [self.begin(client, b"/now", method=b"PUT", body=bytes(LARGE)) for _ in range(30)]
        self.assertEqual(self.held(), 30 * WINDOW)
        self.host.calls[0].respond(b"ok")
        self.advance(1)
        self.assertTrue(first.ended)
        self.assertEqual([each.body for each in waiting], [b"now"] * 30)

    def test_a_slow_application_holds_the_client_back(self) -> None:
        self.build()
        client = self.connect()
        answer = self.begin(client, b"/x", method=b"PUT", body=b"", end=False)
        self.call.exchange.pause_body()
        self.more(client, answer, bytes(2 * LARGE), end=True)
        # Two sockets and their buffers are full, and the stream's window is closed.
        unsent = client.unsent(answer)
        self.assertGreater(unsent, LARGE // 4)
        self.assertGreater(self.held(), WINDOW)
        self.assertLessEqual(self.held(), WIDE_OCTETS)
        self.advance(10)
        self.assertEqual(client.unsent(answer), unsent)
        self.call.exchange.resume_body()
        self.network.pump()
        self.assertEqual((len(self.call.body), self.call.whole), (2 * LARGE, True))
        self.call.respond()

    def test_what_slow_applications_make_the_router_hold_is_bounded(self) -> None:
        self.build(max_concurrent_count=20)
        client = self.connect()
        answers = []
        for _ in range(20):
            answers.append(self.begin(client, b"/x", method=b"PUT", body=b"", end=False))
            self.host.calls[-1].exchange.pause_body()
        for answer in answers:
            self.more(client, answer, bytes(LARGE), end=True)
        held = self.held()
        self.assertGreater(held, SPARE_OCTETS)
        self.assertLessEqual(held, SPARE_OCTETS + 20 * WINDOW)
        for call in self.host.calls:
            call.exchange.resume_body()
            self.network.pump()
        for call in self.host.calls:
            self.assertEqual((len(call.body), call.whole), (LARGE, True))
            call.respond()

    def test_a_window_is_wide_as_long_as_its_body_is_taken(self) -> None:
        """What a stream got more than others is there for the next when it is over."""
        self.build()
        client = self.connect()
        for _ in range(2 * SPARE_OCTETS // WIDE_OCTETS):
            answer = self.begin(client, b"/x", method=b"PUT", body=b"", end=False)
            window = client.state.local_flow_control_window(client.number(answer))
            self.assertEqual(window, WIDE_OCTETS)
            client.reset(answer)
            self.network.pump()
        small = (b"content-length", b"65535")
        answer = self.begin(client, b"/x", small, method=b"PUT", body=b"", end=False)
        window = client.state.local_flow_control_window(client.number(answer))
        self.assertEqual(window, WINDOW)
        client.reset(answer)
        self.network.pump()

    def test_bodies_that_nobody_wants_leave_the_connection_its_window(self) -> None:
        """What comes on streams that are reset already counts for the connection all the same."""
        self.build(max_concurrent_count=100)
        client = self.connect()
        for _ in range(30):
            answer = client.ask(b"/x", (b"te", b"gzip"), method=b"PUT", body=bytes(WINDOW))
            self.network.pump()
            self.assertEqual(answer.status, 400)
            answer = self.begin(client, b"/x", method=b"PUT", body=bytes(1000), end=False)
            client.send(answer, bytes(WINDOW))
            client.reset(answer)
            self.network.pump()
        self.assertGreater(client.state.outbound_flow_control_window, WINDOW)
        data = bytes(2 * LARGE)
        answer = self.begin(client, b"/echo", method=b"POST", body=data)
        self.assertEqual((len(answer.body), answer.ended), (len(data), True))

    def test_an_echo(self) -> None:
        self.build()
        client = self.connect()
        data = bytes(range(256)) * 2048
        answer = self.begin(client, b"/echo", method=b"POST", body=data)
        self.assertEqual((answer.body == data, answer.ended), (True, True))


class WindowTests(FlowCase):
    def test_a_client_that_sends_past_the_window_of_a_stream(self) -> None:
        self.build(cold_start=5)
        client = self.connect()
        self.begin(client, b"/x", method=b"PUT", body=bytes(WINDOW), end=False)
        self.assertIsNone(client.goaway)
        client.transport.write(b"\x00\x00\x01\x00\x00\x00\x00\x00\x01x")
        self.network.pump()
        self.assertEqual(client.goaway, (3, 1))
        self.assertIsNotNone(client.lost)
        self.assertEqual(self.outcomes(), {"bad_request": 1})

    def test_padding_opens_its_part_of_the_window(self) -> None:
        self.build()
        client = self.connect()
        answer = self.begin(client, b"/x", method=b"PUT", body=b"", end=False)
        number = client.number(answer)
        for _ in range(1000):
            client.state.send_data(number, b"x", pad_length=200)
            client.flush()
            self.network.pump()
        self.assertEqual(len(self.call.body), 1000)
        self.assertIsNone(client.goaway)
        self.call.respond()


class PiecewiseEchoTests(FlowCase):
    chunk = 5

    def test_an_echo(self) -> None:
        self.build()
        data = bytes(range(256)) * 4
        answer = self.begin(self.connect(), b"/echo", method=b"POST", body=data)
        self.assertEqual((answer.body, answer.ended), (data, True))
