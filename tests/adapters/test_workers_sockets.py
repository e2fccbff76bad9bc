"""The sockets of workers: real ones, since what the kernel does with them is relied upon."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase, TestCase

from lambda_side.dial import Dialer
from lambda_side.endpoint import callback_endpoint
from lambdadispatch.endpoints import InheritedEndpoints
from lambdadispatch.router.certificate import make_certificate
from lambdadispatch.router.ports import CannotListen
from lambdadispatch.settings import Settings
from lambdadispatch.wire.payload import Callback
from lambdadispatch.wire.proof import CHANNEL
from lambdadispatch.workers.sockets import (
    Sockets,
    close_sockets,
    listens,
    number_of,
    open_sockets,
    renew,
)
from tests.adapters.control_rig import Peer
from tests.adapters.test_dialling import PAYLOAD
from tests.adapters.test_router_parts import Admitting
from tests.adapters.workers_rig import free_ports


def accepted(listening: socket.socket) -> int:
    """How many connections wait in a socket's queue; they are closed."""
    count = 0
    with contextlib.suppress(BlockingIOError, OSError):
        while True:
            listening.accept()[0].close()
            count += 1
    return count


class SocketsCase(SynchronousTestCase):
    def open(self, settings: Settings) -> list[Sockets]:
        places = open_sockets(settings)
        for sockets in places:
            self.addCleanup(close_sockets, sockets)
        return places

    def connect(self, port: int, count: int = 1) -> None:
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", port), timeout=10)
            self.addCleanup(client.close)


class OpenTests(SocketsCase):
    def test_each_place_has_its_own_but_for_the_clients_port(self) -> None:
        one, two = self.open(free_ports(control_tls_port=0))
        names = ["port", "control-port", "control-tls-port", "admin-port"]
        self.assertEqual(sorted(one), sorted(names))
        self.assertEqual(number_of(one["port"]), number_of(two["port"]))
        others = [number_of(each[name]) for each in (one, two) for name in names[1:]]
        self.assertEqual(len(set(others)), 6)
        for each in (*one.values(), *two.values()):
            self.assertTrue(listens(each))
            self.assertFalse(os.get_inheritable(each.fileno()))
            self.assertEqual(each.getsockname()[0], "127.0.0.1")

    def test_ports_that_are_off_have_none(self) -> None:
        for sockets in self.open(free_ports(admin_port="off")):
            self.assertEqual(list(sockets), ["port", "control-port"])

    def test_control_ports_follow_one_another(self) -> None:
        first = two_free_ports()
        one, two = self.open(free_ports(control_port=first))
        self.assertEqual(number_of(one["control-port"]), first)
        self.assertEqual(number_of(two["control-port"]), first + 1)

    def test_the_private_port_is_on_the_loopback_whatever_the_interface(self) -> None:
        for sockets in self.open(free_ports(interface="", admin_interface="")):
            self.assertEqual(sockets["admin-port"].getsockname()[0], "127.0.0.1")
            self.assertEqual(sockets["port"].getsockname()[0], "0.0.0.0")

    def test_connections_are_spread(self) -> None:
        one, two = self.open(free_ports())
        self.connect(number_of(one["port"]), 60)
        parts = accepted(one["port"]), accepted(two["port"])
        self.assertEqual(sum(parts), 60)
        self.assertGreater(min(parts), 5)

    def test_a_port_that_is_taken_is_named_and_all_are_closed_again(self) -> None:
        first = two_free_ports()
        for flag, number in (("port", first), ("control-port", first + 1)):
            with socket.create_server(("127.0.0.1", number)):
                given = {flag.replace("-", "_"): first}
                error = self.assertRaises(CannotListen, open_sockets, free_ports(**given))
                self.assertIn(f"--{flag} {number}: cannot listen: ", str(error))
                self.assertIn(f"in use; choose another by --{flag} or LAMBDA_DISPATCH_", str(error))
                self.assertIn(", or 0 for a free one", str(error))
            socket.create_server(("127.0.0.1", first)).close()

    def test_where_connections_are_not_spread_there_can_be_one_worker_only(self) -> None:
        error = self.assertRaises(CannotListen, open_sockets, free_ports(), "darwin")
        self.assertIn("--workers 2: needs Linux", str(error))

    def test_a_port_of_another_group_is_taken(self) -> None:
        one, _ = self.open(free_ports())
        number = number_of(one["port"])
        error = self.assertRaises(CannotListen, open_sockets, free_ports(port=number))
        self.assertIn(f"--port {number}: cannot listen: ", str(error))


class RenewTests(SocketsCase):
    def test_the_new_one_gets_nothing_until_it_listens(self) -> None:
        one, two = self.open(free_ports())
        port = number_of(one["port"])
        renew(one, "port")
        self.assertEqual(number_of(one["port"]), port)
        self.assertFalse(listens(one["port"]))
        self.connect(port, 40)
        self.assertEqual(accepted(two["port"]), 40)
        one["port"].listen(64)
        self.connect(port, 60)
        self.assertGreater(accepted(one["port"]), 5)

    def test_one_that_was_shut_down_is_made_good(self) -> None:
        one, _ = self.open(free_ports())
        port = number_of(one["control-port"])
        one["control-port"].shutdown(socket.SHUT_RDWR)
        self.assertFalse(listens(one["control-port"]))
        renew(one, "control-port")
        one["control-port"].listen(64)
        self.connect(port)
        self.assertEqual(accepted(one["control-port"]), 1)

    def test_the_old_one_stays_if_there_can_be_no_new_one(self) -> None:
        one, _ = self.open(free_ports())
        old, number = one["control-port"], number_of(one["control-port"])
        self.assertRaises(CannotListen, renew, one, "control-port")
        self.assertIs(one["control-port"], old)
        self.connect(number)
        self.assertEqual(accepted(old), 1)


def two_free_ports() -> int:
    """The first of two free ports in a row, below those that the kernel hands out."""
    for number in range(20_000, 32_000, 7):
        with contextlib.suppress(OSError):
            socket.create_server(("127.0.0.1", number)).close()
            socket.create_server(("127.0.0.1", number + 1)).close()
            return number
    raise AssertionError("no two free ports in a row")


class Greeting(Protocol):
    """Says hello."""

    def connectionMade(self) -> None:
        self.transport.write(b"hello")
        self.transport.loseConnection()


class InheritedTests(TestCase):
    """Serving on sockets that were bound before, with Twisted's own transports."""

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor = reactor
        [self.sockets, other] = open_sockets(free_ports())
        close_sockets(other)
        self.addCleanup(close_sockets, self.sockets)

    def endpoints(self, name: str) -> tuple[InheritedEndpoints, int]:
        own = self.sockets[name]
        number = number_of(own)
        # What a worker has is a copy.
        return InheritedEndpoints(
            self.reactor, {("127.0.0.1", number): os.dup(own.fileno())}
        ), number

    async def listen(self, endpoint: Any, build: type[Protocol]) -> None:
        factory = Factory.forProtocol(build)
        factory.noisy = False
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)

    async def test_what_waits_in_the_queue_is_served(self) -> None:
        endpoints, number = self.endpoints("port")
        waiting = socket.create_connection(("127.0.0.1", number), timeout=10)
        self.addCleanup(waiting.close)
        await self.listen(endpoints.tcp(number, "127.0.0.1"), Greeting)
        self.assertEqual(await self.received(waiting), b"hello")

    async def test_one_that_did_not_listen_yet_does(self) -> None:
        renew(self.sockets, "port")
        endpoints, number = self.endpoints("port")
        await self.listen(endpoints.tcp(number, "127.0.0.1"), Greeting)
        self.assertTrue(listens(self.sockets["port"]))
        client = socket.create_connection(("127.0.0.1", number), timeout=10)
        self.addCleanup(client.close)
        self.assertEqual(await self.received(client), b"hello")

    async def test_over_tls(self) -> None:
        endpoints, number = self.endpoints("control-port")
        pair = make_certificate(datetime.now(UTC))
        await self.listen(endpoints.tls(number, "127.0.0.1", pair), Admitting)
        callback = Callback("127.0.0.1", number, True, pair.certificate.decode())
        successor, closed = Peer(), Deferred[None]()
        endpoint = callback_endpoint(self.reactor, callback)
        await Dialer(self.reactor, endpoint, replace(PAYLOAD, callback=callback)).dial(
            CHANNEL, successor, lambda: closed.callback(None)
        )
        successor.transport.loseConnection()
        await closed

    async def received(self, client: socket.socket) -> bytes:
        from twisted.internet.threads import deferToThread

        return await deferToThread(client.recv, 100)
