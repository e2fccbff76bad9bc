"""HTTP/1.1 from client to application and back through the whole system."""

from __future__ import annotations

from lambdadispatch.wire.heads import response
from tests.memory.recorders import Flood, pattern
from tests.memory.system import CONTROL, FRONT, get
from tests.memory.system_case import SystemCase

POST = b"POST /x HTTP/1.1\r\nHost: test\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BUFFERS = 1_000_000
"""Far more than the buffers on a request's way hold together, and far less than the bodies."""


class Upload(Flood):
    """A Flood that tells how much is still to be written."""

    @property
    def left(self) -> int:
        return len(self._rest)


class HttpTests(SystemCase):
    size = 8_000_000

    def setUp(self) -> None:
        self.build()

    # -- one connection, several requests

    def test_keep_alive(self) -> None:
        client = self.ask(get("/now"))
        self.send(client, get("/now/again"), requests=1)
        self.assertEqual([each.body for each in self.answers(client, b"GET", b"GET")], [b"now"] * 2)
        self.assertIs(client.lost, None)
        self.assertEqual(len(self.system.aws.started), 1)

    def test_pipelined_requests_are_answered_in_order(self) -> None:
        client = self.ask(get("/a") + get("/b") + get("/c"))
        for path in ("/a", "/b", "/c"):
            self.assertEqual(self.paths[-1], path)
            self.call.respond(path.encode())
            self.network.pump()
        self.sent += 2
        bodies = [each.body for each in self.answers(client, b"GET", b"GET", b"GET")]
        self.assertEqual(bodies, [b"/a", b"/b", b"/c"])

    def test_the_client_asks_to_close(self) -> None:
        client = self.ask(get("/now", "Connection: close"))
        self.assertEqual(self.answer(client).field("connection"), "close")
        self.assertIsNot(client.lost, None)
        self.assertEqual(self.outcomes("channels"), {})

    def test_fields_of_the_hop_are_not_passed_on(self) -> None:
        self.ask(get("/x", "Connection: X-Secret", "X-Secret: 1", "X-Kept: 2", "Keep-Alive: 5"))
        names = [name for name, _ in self.call.head.fields.pairs]
        added = (b"X-Forwarded-", b"x-request-id")
        self.assertEqual([n for n in names if not n.startswith(added)], [b"Host", b"X-Kept"])
        self.call.respond()

    def test_any_path_is_the_applications(self) -> None:
        for path in ("/v1/instances/i1-000000/session", "/v1/instances/x/channel", "/state", "/"):
            client = self.ask(get(path))
            self.assertEqual(self.call.path, path)
            self.call.respond(b"mine")
            self.network.pump()
            self.assertEqual(self.answer(client).body, b"mine")

    # -- heads

    def test_head(self) -> None:
        client = self.ask(b"HEAD /x HTTP/1.1\r\nHost: test\r\n\r\n" + get("/now"))
        self.call.begin(200, (b"Content-Length", b"1000000"))
        self.call.end()
        self.network.pump()
        self.sent += 1
        first, second = self.answers(client, b"HEAD", b"GET")
        self.assertEqual((first.field("content-length"), first.body), ("1000000", b""))
        self.assertEqual(second.body, b"now")

    def test_statuses_without_a_body(self) -> None:
        for status in (204, 304):
            client = self.ask(get("/x"))
            self.call.begin(status)
            self.call.end()
            self.network.pump()
            self.assertTrue(self.answer(client).whole)
            self.assertEqual(self.answer(client).status, status)
            self.assertIs(client.lost, None)

    def test_continue_is_sent_when_the_application_wants_the_body(self) -> None:
        client = self.ask(POST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        self.assertEqual(client.received, b"")
        self.call.exchange.interim(response(100, (), 0))
        self.network.pump()
        self.assertEqual(client.received, b"HTTP/1.1 100 Continue\r\n\r\n")
        self.send(client, b"body")
        self.assertEqual((bytes(self.call.body), self.call.whole), (b"body", True))
        self.call.respond(b"thanks")
        self.network.pump()
        self.assertEqual(self.answer(client).interim, [100])
        self.assertEqual(self.answer(client).body, b"thanks")

    def test_a_client_that_expects_continue_can_be_refused(self) -> None:
        client = self.ask(POST + b"Expect: 100-continue\r\nContent-Length: 400000\r\n\r\n")
        self.call.respond(b"no", 417)
        self.network.pump()
        self.assertEqual((self.answer(client).status, self.answer(client).interim), (417, []))
        client.transport.loseConnection()
        self.network.pump()
        self.assertTrue(self.call.over)

    def test_a_client_of_http_1_0(self) -> None:
        client = self.ask(b"GET /x HTTP/1.0\r\n\r\n")
        self.assertEqual(self.call.head.minor, 1)
        self.call.begin()
        self.call.write(b"in ")
        self.call.write(b"pieces")
        self.call.end()
        self.network.pump()
        self.assertNotIn(b"chunked", client.received)
        self.assertEqual(self.answer(client).body, b"in pieces")
        self.assertIsNot(client.lost, None)

    def test_a_client_of_http_1_0_that_keeps_its_connection(self) -> None:
        asked = b"GET /now HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        client = self.ask(asked)
        self.send(client, asked, requests=1)
        self.assertEqual(client.received.count(b"Connection: keep-alive\r\n"), 2)

    # -- bodies

    def test_chunks_and_trailers_both_ways(self) -> None:
        client = self.ask(CHUNKED + b"5\r\nhello\r\n6;ext=1\r\n world\r\n")
        self.assertEqual(bytes(self.call.body), b"hello world")
        self.assertFalse(self.call.whole)
        self.send(client, b"0\r\nX-Sum: 11\r\n\r\n")
        self.assertEqual(self.call.trailers, ((b"X-Sum", b"11"),))
        self.call.begin()
        self.call.write(b"good bye")
        self.network.pump()
        self.assertEqual(self.answer(client).body, b"good bye")
        self.call.end(((b"X-Count", b"8"),))
        self.network.pump()
        self.assertEqual(self.answer(client).body, b"good bye")
        self.assertTrue(client.received.endswith(b"0\r\nX-Count: 8\r\n\r\n"))

    def test_echo_as_it_comes(self) -> None:
        client = self.ask(CHUNKED.replace(b"/x", b"/echo"))
        for piece in (b"one", b"two", b"three"):
            self.send(client, b"%x\r\n%b\r\n" % (len(piece), piece))
            self.assertTrue(self.answer(client).body.endswith(piece))
        self.send(client, b"0\r\n\r\n")
        self.assertEqual(self.answer(client).body, b"onetwothree")

    def test_an_answer_that_ends_before_its_request(self) -> None:
        client = self.ask(CHUNKED + b"3\r\none\r\n")
        self.call.respond(b"early")
        self.network.pump()
        self.assertTrue(self.answer(client).whole)
        self.assertEqual(self.pool["running"], 1)
        self.send(client, b"3\r\ntwo\r\n0\r\n\r\n")
        self.assertEqual((bytes(self.call.body), self.call.whole), (b"onetwo", True))
        self.assertEqual(self.pool["running"], 0)
        self.send(client, get("/now"), requests=1)
        self.assertEqual(self.answers(client, b"POST", b"GET")[1].body, b"now")

    def test_an_upload_that_the_application_does_not_read_is_held_back(self) -> None:
        body = pattern(self.size)
        client = self.ask(POST + b"Content-Length: %d\r\n\r\n" % len(body))
        self.call.exchange.pause_body()
        flood = Upload(client.transport, body)
        flood.start()
        self.network.pump()
        self.assertEqual(flood.is_done, self.size < BUFFERS)
        self.assertLess(self.size - flood.left, BUFFERS)
        self.assertLess(self.held(), BUFFERS)
        self.call.exchange.resume_body()
        self.network.pump()
        self.assertTrue(self.call.whole)
        self.assertEqual(bytes(self.call.body), body)
        self.call.respond()

    def test_a_download_that_the_client_does_not_read_is_held_back(self) -> None:
        body = pattern(self.size)
        client = self.ask(get("/x"))
        (link,) = self.links_to(FRONT)
        link.freeze("client")
        self.call.begin(200, (b"Content-Length", b"%d" % len(body)))
        written = self.write_while_wanted(body)
        self.network.pump()
        self.assertLess(written[0], BUFFERS)
        self.assertLess(self.held(), BUFFERS)
        link.thaw("client")
        self.network.pump()
        self.assertEqual(written[0], len(body))
        self.call.end()
        self.network.pump()
        self.assertEqual(self.answer(client).body, body)

    def write_while_wanted(self, body: bytes) -> list[int]:
        """The application writes as long as the router takes it; how much it has written."""
        call, written = self.call, [0]

        def more() -> None:
            while not call.slow and written[0] < len(body):
                piece = body[written[0] : written[0] + 16384]
                written[0] += len(piece)
                call.write(piece)

        call.on_ready = more
        more()
        return written

    def held(self) -> int:
        """Octets on their way in the sockets and transports of client, router and instance."""
        octets = 0
        for link in self.links_to(FRONT) + self.links_to(CONTROL):
            octets += sum(len(end.inbox) for end in link.sockets.values())
            for transport in (link.client, link.server):
                assert transport is not None
                octets += len(transport.dataBuffer) + transport._tempDataLen
        return octets

    def test_an_echo_of_any_size_is_held_back_by_a_slow_reader(self) -> None:
        body = pattern(self.size)
        head = CHUNKED.replace(b"/x", b"/echo")
        client = self.ask(head)
        (link,) = self.links_to(FRONT)
        link.freeze("client")
        flood = Upload(client.transport, b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        flood.start()
        self.network.pump()
        self.assertLess(self.size - flood.left, 2 * BUFFERS)
        link.thaw("client")
        self.network.pump()
        self.assertEqual(self.answer(client).body, body)


class ByteByByteHttpTests(HttpTests):
    """The same, one byte at a time."""

    chunk = 1
    size = 1_500
