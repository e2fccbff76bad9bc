"""Any HTTP server on a loopback port, scripted, behind a PortHost."""

from __future__ import annotations

from lambda_side.hosts.host import HostError
from lambda_side.hosts.port import PortHost
from tests.adapters.hosts_rig import AppConnection, Client, HostCase, Rig, ScriptedApp, request
from tests.memory.link import Link
from tests.memory.recorders import Flood, pattern

PORT = 3001
MIB = 1 << 20


class PortCase(HostCase):
    """A scripted application; ``links`` to it come after those of clients."""

    def setUp(self) -> None:
        self.app = ScriptedApp()
        self.rig = Rig(self.make_host, self.chunk)
        self.listen()

    def make_host(self, rig: Rig) -> PortHost:
        return PortHost(rig.clock, rig.network.connect_endpoint("127.0.0.1", PORT), PORT)

    def listen(self) -> None:
        listening = self.rig.network.listen_endpoint(PORT).listen(self.app)
        self.port = self.successResultOf(listening)

    def ask(self, method: str = "GET", path: str = "/", body: bytes = b"") -> Client:
        return self.rig.ask(request(method, path, body=body))

    def loopback(self) -> Link:
        """The link to the application."""
        return next(link for link in self.rig.network.links if link.client and link.server
                    and link.server.getHost().port == PORT)  # fmt: skip

    def assert_refused(self, client: Client, reason: str, method: bytes = b"GET") -> None:
        answer = client.answer(method)
        self.assertEqual((answer.status, answer.whole), (502, True))
        self.assertEqual(answer.field("Content-Type"), "application/json")
        self.assertEqual(answer.body, b'{"component":"instance","reason":"%b"}\n' % reason.encode())


class RelayTests(PortCase):
    """Exchanges that go well."""

    def test_get(self) -> None:
        answer = self.get("/path?q=1", "X-A: 1", "Connection: close, x-hop", "X-Hop: 1")
        self.assertEqual((answer.status, answer.body), (200, b"ok"))
        head = b"GET /path?q=1 HTTP/1.1\r\nHost: test:81\r\nX-A: 1"
        self.assertEqual(self.app.heads, [head])
        self.assertEqual(self.rig.ended, 1)

    def test_kept_connection_is_used_again(self) -> None:
        for _ in range(3):
            self.assertEqual(self.get("/").body, b"ok")
        self.assertEqual((len(self.app.heads), len(self.app.connections)), (3, 1))

    def test_the_latest_is_used_first_and_no_more_are_opened_than_needed(self) -> None:
        self.app.script = lambda connection: None
        clients = [self.ask(), self.ask(), self.ask()]
        for connection in self.app.connections:
            connection.answer()
        self.rig.network.pump()
        self.assertEqual([client.answer().status for client in clients], [200] * 3)
        self.app.script = AppConnection.answer
        for _ in range(4):
            self.get("/")
        self.assertEqual(len(self.app.connections), 3)
        self.assertEqual(self.app.connections[2].received.count(b"GET"), 5)

    def test_application_that_closes_after_each_answer(self) -> None:
        def script(connection: AppConnection) -> None:
            connection.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end")
            connection.close()

        self.app.script = script
        for _ in range(3):
            answer = self.get("/")
            self.assertEqual(answer.body, b"to the end")
            self.assertEqual(answer.field("Transfer-Encoding"), "chunked")
        self.assertEqual((len(self.app.connections), self.rig.ended), (3, 3))

    def test_idle_connection_that_was_closed_is_dropped(self) -> None:
        self.get("/")
        self.app.connections[0].close()
        self.rig.network.pump()
        self.assertEqual(self.get("/").body, b"ok")
        self.assertEqual(len(self.app.connections), 2)

    def test_idle_connection_with_unasked_data_is_dropped(self) -> None:
        self.get("/")
        self.app.connections[0].answer()
        self.rig.network.pump()
        self.assertEqual(self.get("/").body, b"ok")
        self.assertEqual(len(self.app.connections), 2)

    def test_body_and_interim_answers(self) -> None:
        def script(connection: AppConnection) -> None:
            connection.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            connection.answer(b"created", "201 Created")

        self.app.script = script
        client = self.ask("POST", body=b"the body")
        answer = client.answer(b"POST")
        self.assertEqual((answer.status, answer.interim, answer.body), (201, [103], b"created"))
        self.assertTrue(self.app.connections[0].received.endswith(b"\r\n\r\nthe body"))

    def test_answer_is_streamed(self) -> None:
        def script(connection: AppConnection) -> None:
            connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")

        self.app.script = script
        client = self.ask()
        self.assertTrue(client.received.endswith(b"01234"))
        self.assertEqual(self.rig.ended, 0)
        self.app.connections[0].write(b"56789")
        self.rig.network.pump()
        self.assertTrue(client.answer().whole)
        self.assertEqual(self.rig.ended, 1)


class RelayBytewiseTests(RelayTests):
    """The same, byte by byte."""

    chunk = 1


class BackPressureTests(PortCase):
    """Slow sides hold fast ones back."""

    def test_large_upload_to_a_slow_application(self) -> None:
        self.app.script = lambda connection: None
        client = self.rig.ask(request("PUT", "/", f"Content-Length: {4 * MIB}"))
        self.loopback().freeze("server")
        data = pattern(4 * MIB)
        assert client.transport is not None
        flood = Flood(client.transport, data)  # type: ignore[arg-type]
        flood.start()
        self.rig.network.pump()
        self.assertFalse(flood.is_done)
        self.loopback().thaw("server")
        self.rig.network.pump()
        self.assertTrue(flood.is_done)
        self.assertTrue(self.app.connections[0].received.endswith(b"\r\n\r\n" + data))

    def test_large_answer_to_a_slow_client(self) -> None:
        data = pattern(4 * MIB)
        floods: list[Flood] = []

        def script(connection: AppConnection) -> None:
            connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data))
            assert connection.transport is not None
            floods.append(Flood(connection.transport, data))  # type: ignore[arg-type]
            floods[0].start()

        self.app.script = script
        client = self.rig.client()
        client.link.freeze("client")
        self.rig.send(client, request("GET", "/"))
        self.assertFalse(floods[0].is_done)
        client.link.thaw("client")
        self.rig.network.pump()
        self.assertEqual(client.answer().body, data)


class LossTests(PortCase):
    """Applications that close, die or are not there."""

    def close_kept(self, script: object = AppConnection.close, until: int = 1) -> None:
        """Make the application close, at the next request, connections it has kept."""

        def closing(connection: AppConnection) -> None:
            if connection in self.app.connections[:until]:
                script(connection)  # type: ignore[operator]
            else:
                connection.answer()

        self.get("/")
        self.app.script = closing

    def test_not_there(self) -> None:
        self.port.stopListening()
        client = self.ask()
        self.assert_refused(client, "application_unreachable")
        self.assertEqual(self.rig.ended, 1)
        self.assertIsNone(client.lost)

    def test_not_there_for_a_body(self) -> None:
        self.port.stopListening()
        self.assert_refused(self.ask("POST", body=b"x" * 100), "application_unreachable", b"POST")
        self.assertEqual(self.rig.ended, 1)

    def test_kept_connection_that_closes_is_replaced(self) -> None:
        self.close_kept()
        self.assertEqual(self.get("/again").body, b"ok")
        self.assertEqual((len(self.app.connections), self.rig.ended), (2, 2))
        self.assertEqual(self.app.heads[1], self.app.heads[2])

    def test_kept_connection_that_is_reset_is_replaced(self) -> None:
        def reset(connection: AppConnection) -> None:
            self.loopback().reset()

        self.close_kept(reset)
        self.assertEqual(self.get("/again").body, b"ok")

    def test_once_more_and_not_twice(self) -> None:
        self.close_kept(until=2)
        self.assert_refused(self.ask(), "answer_lost")
        self.assertEqual((len(self.app.heads), self.rig.ended), (3, 2))

    def test_new_connection_that_closes(self) -> None:
        self.app.script = AppConnection.close
        self.assert_refused(self.ask(), "answer_lost")
        self.assertEqual(len(self.app.heads), 1)

    def test_body_that_was_passed_on_is_not_sent_again(self) -> None:
        self.close_kept()
        self.assert_refused(self.ask("PUT", body=b"a body"), "answer_lost", b"PUT")
        self.assertEqual(len(self.app.connections), 1)

    def test_body_that_was_not_passed_on(self) -> None:
        self.close_kept()
        client = self.rig.ask(request("POST", "/", "Content-Length: 6"))
        self.rig.send(client, b"a body")
        self.assertEqual(client.answer(b"POST").status, 200)
        self.assertEqual((len(self.app.connections), self.rig.ended), (2, 2))
        self.assertTrue(self.app.connections[1].received.endswith(b"\r\n\r\na body"))

    def test_method_that_is_not_idempotent_is_not_sent_again(self) -> None:
        self.close_kept()
        self.assert_refused(self.ask("POST"), "answer_lost", b"POST")
        self.assertEqual(len(self.app.connections), 1)

    def test_interim_answer_shows_that_the_application_had_the_request(self) -> None:
        def script(connection: AppConnection) -> None:
            connection.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            connection.close()

        self.close_kept(script)
        self.assert_refused(self.ask(), "answer_lost")

    def test_dying_within_the_head(self) -> None:
        def script(connection: AppConnection) -> None:
            connection.write(b"HTTP/1.1 200 O")
            connection.close()

        self.close_kept(script)
        self.assert_refused(self.ask(), "answer_lost")

    def test_dying_within_the_answer(self) -> None:
        def script(connection: AppConnection) -> None:
            connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
            connection.close()

        self.app.script = script
        client = self.ask()
        self.assertIsNotNone(client.lost)
        self.assertFalse(client.received.endswith(b"\r\n0\r\n\r\n"))
        self.assertEqual(self.rig.ended, 1)

    def test_answer_that_is_not_http(self) -> None:
        self.app.script = lambda connection: connection.write(b"220 smtp.example.com\r\n\r\n")
        self.assert_refused(self.ask(), "bad_answer")

    def test_client_leaves(self) -> None:
        self.app.script = lambda connection: None
        client = self.ask()
        self.rig.leave(client)
        self.assertTrue(self.app.connections[0].lost)
        self.assertEqual(self.rig.ended, 1)


class ConnectingTests(PortCase):
    """What happens while a connection is being opened."""

    def test_client_leaves_meanwhile(self) -> None:
        client = self.rig.client()
        self.rig.network.latency = 0.05
        self.rig.send(client, request("GET", "/"))
        self.assertEqual((len(self.rig.served), self.app.connections), (1, []))
        self.rig.leave(client)
        self.assertEqual(self.rig.ended, 1)
        self.rig.network.advance(0.2)
        self.assertEqual((len(self.app.connections), self.app.heads), (1, []))
        self.rig.ask(request("GET", "/"), 0.5)
        self.assertEqual((len(self.app.connections), len(self.app.heads)), (1, 1))

    def test_stop(self) -> None:
        self.rig.network.latency = 0.05
        self.app.script = lambda connection: None
        clients = [self.rig.ask(request("GET", "/"), 0.5)]
        clients.append(self.rig.ask(request("GET", "/"), 0.06))
        self.successResultOf(self.rig.host.stop())
        self.assertEqual(self.rig.ended, 2)
        self.rig.network.advance(1)
        self.assertEqual((clients[0].received, bool(clients[0].lost)), (b"", True))
        self.assertEqual(clients[1].answer().status, 503)
        self.assertTrue(all(connection.lost for connection in self.app.connections))
        self.rig.leave(clients[1])
        self.rig.network.advance(1)
        self.assertEqual(self.rig.network.links, [])


class ReadinessTests(PortCase):
    """``start`` asks until the application answers."""

    def make_host(self, rig: Rig) -> PortHost:
        endpoint = rig.network.connect_endpoint("127.0.0.1", PORT)
        return PortHost(rig.clock, endpoint, PORT, health_path="/up?x=1", ready_limit=2.5)

    def statuses(self, *statuses: str) -> None:
        left = list(statuses)
        self.app.script = lambda connection: connection.answer(status=left.pop(0))

    def test_ready_at_the_first_answer_below_500(self) -> None:
        for status in ("200 OK", "204 No Content", "302 Found", "404 Not Found", "499 Odd"):
            self.setUp()
            self.app.script = lambda connection, status=status: connection.write(  # type: ignore[misc]
                b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % status.encode()
            )
            started = self.rig.host.start()
            self.rig.network.pump()
            self.assertIsNone(self.successResultOf(started))
            self.assertIn(b"GET /up?x=1 HTTP/1.1\r\nHost: 127.0.0.1:3001", self.app.heads[0])

    def test_asks_every_10_ms(self) -> None:
        self.statuses(*["503 Not Yet"] * 5, "200 OK")
        started = self.rig.host.start()
        self.rig.network.advance(0.0499)
        self.assertNoResult(started)
        self.assertEqual(len(self.app.heads), 5)
        self.rig.network.advance(0.001)
        self.successResultOf(started)
        self.assertEqual(len(self.app.connections), 1)
        self.assertEqual(self.rig.clock.getDelayedCalls(), [])

    def test_waits_until_it_listens(self) -> None:
        self.port.stopListening()
        started = self.rig.host.start()
        self.rig.network.advance(1)
        self.assertNoResult(started)
        self.listen()
        self.rig.network.advance(0.01)
        self.successResultOf(started)

    def test_connection_is_used_for_the_first_request(self) -> None:
        self.rig.host.start()
        self.rig.network.pump()
        self.get("/")
        self.assertEqual(len(self.app.connections), 1)

    def fails_with(self) -> str:
        started = self.rig.host.start()
        self.rig.network.advance(2.4)
        self.assertNoResult(started)
        self.rig.network.advance(0.2)
        error = self.failureResultOf(started)
        self.assertIsInstance(error.value, HostError)
        self.assertEqual(self.rig.clock.getDelayedCalls(), [])
        return str(error.value)

    def test_limit_with_an_application_that_is_not_there(self) -> None:
        self.port.stopListening()
        said = self.fails_with()
        self.assertIn("port 3001 was not ready within 2.5 s: GET /up?x=1: ", said)
        self.assertIn("nobody listens on 127.0.0.1:3001", said)

    def test_limit_with_an_application_that_fails(self) -> None:
        self.statuses(*["500 Broken"] * 300)
        self.assertTrue(self.fails_with().endswith("GET /up?x=1: status 500"))

    def test_limit_with_an_application_that_does_not_answer(self) -> None:
        self.app.script = lambda connection: None
        self.assertTrue(self.fails_with().endswith("no answer"))
        self.rig.network.pump()
        self.assertTrue(self.app.connections[0].lost)

    def test_limit_with_an_application_that_closes(self) -> None:
        self.app.script = AppConnection.close
        self.assertTrue(self.fails_with().endswith("connection lost"))

    def test_can_be_cancelled(self) -> None:
        self.app.script = lambda connection: None
        started = self.rig.host.start()
        self.rig.network.pump()
        started.cancel()
        self.failureResultOf(started)
        self.rig.network.pump()
        self.assertTrue(self.app.connections[0].lost)
        self.assertEqual(self.rig.clock.getDelayedCalls(), [])

    def test_path_that_cannot_be_asked_for(self) -> None:
        endpoint = self.rig.network.connect_endpoint("127.0.0.1", PORT)
        for path in ("", "health", "/a b", "/a\r\nX: 1"):
            error = self.assertRaises(
                HostError, PortHost, self.rig.clock, endpoint, PORT, health_path=path
            )
            self.assertIn(f"health path {path!r}", str(error))
