"""The demo application, in process and behind a loopback port."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape

from lambda_side.demo import BLOCK, FACTS, PATHS, Demo, serve
from lambda_side.hosts.host import Host
from lambda_side.hosts.port import PortHost
from lambda_side.hosts.web import WebHost
from lambdadispatch.http11.server import HttpServer
from tests.adapters.hosts_rig import Answer, Client, HostCase, Rig, chunked, request
from tests.memory.link import Link
from tests.memory.recorders import Flood, pattern

PORT = 3001
MIB = 1 << 20


def in_process(rig: Rig) -> Host:
    return WebHost(rig.clock, Demo())


def on_a_port(rig: Rig) -> Host:
    """The demo as a server of its own, the rig's host passing on to it."""
    demo = WebHost(rig.clock, Demo())
    server = HttpServer(
        lambda exchange: demo.serve(exchange, lambda: None),
        lambda exchange, error: exchange.respond(error.status),
    )
    rig.network.listen_endpoint(PORT).listen(server)
    return PortHost(rig.clock, rig.network.connect_endpoint("127.0.0.1", PORT), PORT)


class DemoCase(HostCase):
    """The demo behind ``make_host``."""

    make_host: staticmethod[[Rig], Host] | Callable[[Rig], Host] = staticmethod(in_process)

    def setUp(self) -> None:
        self.rig = Rig(self.make_host, self.chunk)
        started = self.rig.host.start()
        self.rig.network.pump()
        self.successResultOf(started)

    def check_json(self, answer: Answer) -> dict[str, str]:
        self.assertEqual(answer.field("Content-Type"), "application/json")
        found: dict[str, str] = json.loads(answer.body)
        return found


class PathTests(DemoCase):
    """Each path."""

    def test_index_links_to_every_path(self) -> None:
        answer = self.get("/")
        self.assertEqual(answer.field("Content-Type"), "text/html; charset=utf-8")
        for path, what in PATHS:
            self.assertIn(f'<a href="/{path}">/{path}</a>: {escape(what)}'.encode(), answer.body)

    def test_fact(self) -> None:
        found = [json.loads(self.get("/fact").body) for _ in range(len(FACTS) + 1)]
        self.assertEqual([each["fact"] for each in found], [*FACTS, FACTS[0]])
        requests = [each["requests"] for each in found]
        self.assertEqual(requests, list(range(requests[0], requests[0] + len(found))))
        self.assertGreater(found[0]["process"], 1)
        self.assertGreaterEqual(found[1]["uptime_seconds"], found[0]["uptime_seconds"])

    def test_ping_and_health(self) -> None:
        self.assertEqual(self.get("/ping").body, b"pong\n")
        self.assertEqual(self.get("/health").body, b"ok\n")

    def test_headers(self) -> None:
        found = self.check_json(self.get("/headers", "X-A: \xe9", "X-B: 1", "X-B: 2"))
        self.assertEqual(found["Host"], "test:81")
        self.assertEqual(found["X-B"], "1, 2")
        self.assertEqual(found["X-A"].encode("latin-1").decode(), "\xe9")

    def test_status(self) -> None:
        for code in (200, 204, 304, 404, 418, 503, 599):
            self.assertEqual(self.get(f"/status?code={code}").status, code)

    def test_unknown_paths(self) -> None:
        for path in ("/nowhere", "/ping/more", "/ping/"):
            self.assertEqual(self.get(path).status, 404)

    def test_bad_arguments_are_named(self) -> None:
        for path, said in [
            ("/status?code=600", "code is '600': a whole number from 200 to 599"),
            ("/status?code=100", "code is '100'"),
            ("/delay?ms=-1", "ms is '-1': a whole number from 0 to 900000"),
            ("/delay?ms=900001", "ms is '900001'"),
            ("/delay?ms=", "ms is ''"),
            ("/bytes?n=1e3", "n is '1e3'"),
            ("/bytes?n=" + "9" * 50, "a whole number from 0 to 1099511627776 is needed"),
            ("/bytes?n=%C2%B2", "n is '\xc2\xb2'"),
        ]:
            answer = self.get(path)
            self.assertEqual(answer.status, 400)
            self.assertIn(said.encode(), answer.body)

    def test_methods(self) -> None:
        self.assertEqual(self.ask_for("DELETE", "/ping").status, 501)
        self.assertEqual(self.ask_for("POST", "/ping", body=b"x").status, 405)
        head = self.ask_for("HEAD", "/ping")
        self.assertEqual((head.status, head.field("Content-Length")), (200, "5"))


class LinkTests(DemoCase):
    """What the index links to."""

    def test_every_linked_path_is_there(self) -> None:
        for path, _ in PATHS:
            client = self.rig.ask(request("GET", f"/{path}"), 6)
            expected = 404 if path.startswith("status") else 200
            self.assertEqual(client.answer().status, expected, path)


class TimedTests(DemoCase):
    """Paths that take their time, on the clock."""

    def test_delay(self) -> None:
        client = self.rig.ask(request("GET", "/delay?ms=2500"), 2.4)
        self.assertEqual(client.received, b"")
        self.rig.network.advance(0.2)
        self.assertEqual(client.answer().body, b"waited 2500 ms\n")

    def test_no_delay(self) -> None:
        self.assertEqual(self.get("/delay?ms=0").body, b"waited 0 ms\n")

    def test_client_that_leaves_a_delay(self) -> None:
        client = self.rig.ask(request("GET", "/delay?ms=900000"))
        self.rig.leave(client)
        self.assertEqual((self.rig.clock.getDelayedCalls(), self.rig.ended), ([], 1))

    def test_two_parts(self) -> None:
        client = self.rig.ask(request("GET", "/chunked-response"), 4.9)
        self.assertTrue(client.received.endswith(b"the first part\n\r\n"))
        self.rig.network.advance(0.2)
        answer = client.answer()
        self.assertEqual((answer.body, answer.whole), (b"the first part\nthe second part\n", True))


class BytesTests(DemoCase):
    """``/bytes``."""

    def test_content(self) -> None:
        self.assertEqual(self.get("/bytes?n=300").body, bytes(range(256)) + bytes(range(44)))
        answer = self.get("/bytes?n=1000000")
        self.assertEqual(answer.body, (BLOCK * 16)[:1_000_000])
        self.assertEqual(answer.field("Content-Length"), "1000000")

    def test_none(self) -> None:
        answer = self.get("/bytes?n=0")
        self.assertEqual((answer.body, answer.field("Content-Length")), (b"", "0"))

    def test_head(self) -> None:
        answer = self.ask_for("HEAD", "/bytes?n=1099511627776")
        self.assertEqual(answer.field("Content-Length"), "1099511627776")

    def test_slow_client_holds_it_back(self) -> None:
        client = self.rig.client()
        client.link.freeze("client")
        self.rig.send(client, request("GET", f"/bytes?n={1 << 40}"))
        self.assertLess(waiting_in(self.rig), 2 * MIB)
        self.assertEqual(self.rig.clock.getDelayedCalls(), [])
        self.rig.leave(client)
        self.assertEqual(self.rig.ended, 1)


class EchoTests(DemoCase):
    """``/echo`` streams in both directions."""

    def test_body_and_type(self) -> None:
        for method in ("POST", "PUT", "PATCH"):
            answer = self.ask_for(method, "/echo", "Content-Type: text/x", body=b"hello")
            self.assertEqual((answer.body, answer.field("Content-Type")), (b"hello", "text/x"))
            self.assertEqual(answer.field("Content-Length"), "5")

    def test_without_a_body(self) -> None:
        answer = self.get("/echo")
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_first_octets_come_back_before_the_last_are_sent(self) -> None:
        client = self.rig.ask(request("POST", "/echo", "Transfer-Encoding: chunked"))
        for piece in (b"first", b"second"):
            self.rig.send(client, chunked(piece))
            self.assertTrue(self.partial(client).endswith(piece))
        self.rig.send(client, b"0\r\n\r\n")
        answer = client.answer(b"POST")
        self.assertEqual((answer.body, answer.whole, self.rig.ended), (b"firstsecond", True, 1))

    def partial(self, client: Client) -> bytes:
        return client.answer(b"POST").body

    def test_reader_that_is_slow_holds_the_sender_back(self) -> None:
        data = pattern(4 * MIB)
        client = self.rig.client()
        client.link.freeze("client")
        self.rig.send(client, request("POST", "/echo", f"Content-Length: {len(data)}"))
        assert client.transport is not None
        flood = Flood(client.transport, data)  # type: ignore[arg-type]
        flood.start()
        self.rig.network.pump()
        self.assertFalse(flood.is_done)
        self.assertLess(len(data) - len(flood._rest), 2 * MIB)
        client.link.thaw("client")
        self.rig.network.pump()
        self.assertTrue(flood.is_done)
        self.assertEqual(client.answer(b"POST").body, data)

    def test_client_that_leaves(self) -> None:
        client = self.rig.ask(request("POST", "/echo", "Content-Length: 100") + b"some")
        self.rig.leave(client)
        self.assertEqual(self.rig.ended, 1)


class PathBytewiseTests(PathTests):
    chunk = 1


class TimedBytewiseTests(TimedTests):
    chunk = 1


class PathOnPortTests(PathTests):
    make_host = staticmethod(on_a_port)


class TimedOnPortTests(TimedTests):
    make_host = staticmethod(on_a_port)


class BytesOnPortTests(BytesTests):
    make_host = staticmethod(on_a_port)


class EchoOnPortTests(EchoTests):
    make_host = staticmethod(on_a_port)


class ServerTests(HostCase):
    """``serve`` listens."""

    def test_serve(self) -> None:
        self.rig = Rig(in_process)
        clock, network = self.rig.clock, self.rig.network

        class Reactor:
            seconds = staticmethod(clock.seconds)
            callLater = staticmethod(clock.callLater)

            def listenTCP(self, port: int, factory: HttpServer, interface: str) -> object:
                return self_.successResultOf(
                    network.listen_endpoint(port, interface).listen(factory)
                )

        self_ = self
        number = serve(Reactor(), 0)
        client = Client()
        network.connect(client, number)
        self.rig.send(client, request("GET", "/ping") + b"not http\r\n\r\n")
        self.assertIn(b"pong\n", client.received)
        self.assertIn(b"HTTP/1.1 400 ", client.received)
        idle = Client()
        network.connect(idle, number)
        network.advance(80)
        self.assertIsNotNone(idle.lost)


def waiting_in(rig: Rig) -> int:
    """Octets that wait in transports and in the network, on all links."""

    def of(link: Link) -> int:
        ends = [end for end in (link.client, link.server) if end is not None]
        buffered = sum(len(end.dataBuffer) + end._tempDataLen for end in ends)
        return buffered + sum(len(socket.inbox) for socket in link.sockets.values())

    return sum(of(link) for link in rig.network.links)
