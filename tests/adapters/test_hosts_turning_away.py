"""What a host does with requests that it has not touched and will not: it declines them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.web.resource import Resource

from lambda_side.channels import ChannelConnection
from lambda_side.hosts.child import ChildHost
from lambda_side.hosts.host import Host
from lambda_side.hosts.port import PortHost
from lambda_side.hosts.web import WebHost
from lambdadispatch.http11.server import HttpServer
from tests.adapters.hosts_rig import Client, HostCase, Rig, ScriptedApp, request
from tests.adapters.hosts_wsgi_rig import WsgiCase, hello
from tests.adapters.test_hosts_child import ChildClock

PORT = 3001
PUT = request("PUT", "/", "Content-Length: 4") + b"body"


class DecliningRig(Rig):
    """Its connections are channels, whose router hears what is declined and cuts them.

    ``declined`` are the reasons that it has heard.
    """

    def __init__(self, make_host: Callable[[Rig], Host]) -> None:
        super().__init__(make_host)
        self.declined: list[str] = []
        self.server._make = self.channel

    def channel(self, server: HttpServer) -> ChannelConnection:
        def decline(nonce: str, reason: str) -> bool:
            self.declined.append(reason)
            self.clock.callLater(0, connection.transport.abortConnection)
            return True

        connection = ChannelConnection(server, decline)
        return connection


class TurningAwayCase(HostCase):
    rig: DecliningRig

    def assert_declined(self, client: Client, reason: str) -> None:
        """Nothing was answered, and the exchange has ended once."""
        self.assertEqual((self.rig.declined, client.received), ([reason], b""))
        self.assertIsNotNone(client.lost)
        self.assertEqual(self.rig.ended, 1)
        self.rig.declined.clear()
        self.rig.ended = 0

    def assert_all_declined(self, reason: str) -> None:
        """Whatever comes, with a body or without."""
        for raw in (request("GET", "/"), PUT, PUT[:-2]):
            self.assert_declined(self.rig.ask(raw), reason)


class WebTests(TurningAwayCase):
    def test_stopped(self) -> None:
        self.rig = DecliningRig(lambda rig: WebHost(rig.clock, Resource()))
        self.successResultOf(self.rig.host.stop())
        self.assert_all_declined("stopping")


class PortTests(TurningAwayCase):
    def setUp(self) -> None:
        def make(rig: Rig) -> PortHost:
            endpoint = rig.network.connect_endpoint("127.0.0.1", PORT)
            return PortHost(rig.clock, endpoint, PORT)

        self.rig = DecliningRig(make)
        self.app = ScriptedApp()

    def listen(self) -> None:
        self.rig.network.listen_endpoint(PORT).listen(self.app)

    def test_stopped(self) -> None:
        self.listen()
        self.successResultOf(self.rig.host.stop())
        self.assert_all_declined("stopping")
        self.assertEqual(self.app.connections, [])

    def test_nobody_listens(self) -> None:
        self.assert_all_declined("application_unreachable")

    def test_stopped_while_it_connects(self) -> None:
        self.listen()
        client = self.rig.client()
        self.rig.network.latency = 0.05
        self.rig.send(client, PUT)
        self.assertEqual((len(self.rig.served), self.app.connections), (1, []))
        self.successResultOf(self.rig.host.stop())
        self.rig.network.advance(1)
        self.assert_declined(client, "stopping")
        self.assertEqual(self.app.heads, [])

    def test_stopped_with_the_application_at_work(self) -> None:
        self.app.script = lambda connection: None
        self.listen()
        client = self.rig.ask(PUT)
        self.assertEqual(len(self.app.heads), 1)
        self.successResultOf(self.rig.host.stop())
        self.rig.network.pump()
        self.assertEqual((self.rig.declined, client.received, self.rig.ended), ([], b"", 1))
        self.assertIsNotNone(client.lost)

    def test_the_client_leaves_first(self) -> None:
        """A nack would then be for nobody's request."""
        self.listen()
        client = self.rig.client()
        self.rig.network.latency = 0.05
        self.rig.send(client, PUT)
        self.rig.leave(client)
        self.successResultOf(self.rig.host.stop())
        self.rig.network.advance(1)
        self.assertEqual((self.rig.declined, self.rig.ended), ([], 1))


class ChildTests(TurningAwayCase):
    def test_a_child_that_has_died(self) -> None:
        clock: Any = ChildClock()

        def make(rig: Rig) -> ChildHost:
            endpoint = rig.network.connect_endpoint("127.0.0.1", PORT)
            port_host = PortHost(rig.clock, endpoint, PORT)
            exits: list[str] = []
            return ChildHost(clock, "sh", PORT, port_host, environ={}, on_exit=exits.append)

        self.rig = DecliningRig(make)
        self.rig.network.listen_endpoint(PORT).listen(ScriptedApp())
        self.rig.host.start()
        self.rig.network.pump()
        answered = self.rig.ask(request("GET", "/"))
        self.assertEqual(answered.answer().status, 200)
        self.rig.ended = 0
        clock.processes[0].exit(1)
        self.assert_all_declined("application_exited")


class WsgiTests(WsgiCase):
    """Two threads, and an application that waits until ``self.free`` is set."""

    rig: DecliningRig

    def setUp(self) -> None:
        super().setUp()
        self.rig.host.stop()
        self.rig = DecliningRig(self.make_host)
        self.rig.host.start()
        self.calls: list[str] = []
        self.began: list[Deferred[None]] = [Deferred(), Deferred()]

        def app(environ: Any, start_response: Any) -> list[bytes]:
            self.calls.append(environ["PATH_INFO"])
            if len(self.calls) <= 2:
                self.later(self.began[len(self.calls) - 1].callback, None)
                self.free.wait()
            return hello(environ, start_response)

        self.app = app

    async def fill(self) -> list[Client]:
        """Requests in both threads."""
        clients = [self.rig.ask(request("GET", f"/{number}")) for number in range(2)]
        await gatherResults(self.began)
        return clients

    async def test_stopped(self) -> None:
        await self.rig.host.stop()
        client = self.rig.ask(PUT)
        self.assertEqual((self.rig.declined, client.received), (["stopping"], b""))
        self.assertEqual(self.rig.ended, 1)

    async def test_stopped_before_there_was_a_thread(self) -> None:
        busy = await self.fill()
        waiting = self.rig.ask(PUT)
        stopped = self.rig.host.stop()
        self.rig.network.pump()
        self.assertEqual((self.rig.declined, self.rig.ended), (["stopping"], 3))
        self.assertTrue(all(client.lost for client in [*busy, waiting]))
        self.assertEqual([client.received for client in [*busy, waiting]], [b""] * 3)
        self.free.set()
        await stopped
        self.assertEqual(sorted(self.calls), ["/0", "/1"])

    async def test_a_thread_that_nobody_waits_for(self) -> None:
        """Its slot is free for the router, which would have the next request wait for it."""
        busy = await self.fill()
        self.rig.leave(busy[0])
        self.assertEqual(self.rig.ended, 1)
        client = self.rig.ask(PUT)
        self.assertEqual((self.rig.declined, client.received), (["threads_busy"], b""))
        self.assertEqual(self.rig.ended, 2)
        self.free.set()
        self.assertEqual((await self.answer(busy[1])).body, b"hello")
        self.assertEqual(sorted(self.calls), ["/0", "/1"])

    async def test_fewer_threads_than_slots(self) -> None:
        """That is no reason to send a request elsewhere: there it would be the same."""
        await self.fill()
        client = self.rig.ask(request("GET", "/next"))
        self.assertEqual((self.rig.declined, client.lost), ([], None))
        self.free.set()
        self.assertEqual((await self.answer(client)).body, b"hello")

    async def test_a_client_that_left_while_it_waited_for_a_thread(self) -> None:
        await self.fill()
        self.rig.leave(self.rig.ask(request("GET", "/left")))
        client = self.rig.ask(request("GET", "/next"))
        self.free.set()
        self.assertEqual((await self.answer(client)).body, b"hello")
        self.assertEqual((self.rig.declined, sorted(self.calls)), ([], ["/0", "/1", "/next"]))
