"""One worker's place: what is started, what it is told, and what becomes of it at its end."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from lambdadispatch.router.tls_files import TlsMaterial
from lambdadispatch.workers.orders import patience
from lambdadispatch.workers.place import LEFT_BEHIND, Place
from lambdadispatch.workers.sockets import close_sockets, listens, number_of, open_sockets
from lambdadispatch.workers.supervision import STEADY
from tests.adapters.workers_rig import FakeProcess, Spawner, free_ports


class Owning:
    """Keeps what an owner of places is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def place_ready(self) -> None:
        self.told.append(("ready",))

    def gave_up(self, reason: str, code: int) -> None:
        self.told.append(("gave up", reason, code))


class PlaceCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.owner = Owning()
        self.spawner = Spawner()
        self.settings = free_ports(max_instances=9, drain_timeout=20)
        other, self.sockets = open_sockets(self.settings)
        close_sockets(other)
        self.addCleanup(close_sockets, self.sockets)
        self.place = Place(self.clock, 1, self.settings, self.sockets, self.spawner, self.owner)
        self.numbers = {name: number_of(each) for name, each in self.sockets.items()}

    def serving(self) -> FakeProcess:
        """The first worker, ready."""
        self.place.start(None)
        self.spawner.last.ready()
        return self.spawner.last


class StartTests(PlaceCase):
    def test_what_a_worker_is_given(self) -> None:
        self.place.start("http://127.0.0.1:9")
        [process] = self.spawner.started
        share = process.share
        self.assertEqual((process.worker, share.worker), (1, 1))
        self.assertEqual(share.local_url, "http://127.0.0.1:9")
        self.assertEqual(share.settings.max_instances, 4)
        self.assertEqual(share.settings.port, self.numbers["port"])
        self.assertEqual(share.settings.admin_port, self.numbers["admin-port"])
        expected = {
            ("127.0.0.1", self.numbers[name]): fd for fd, name in enumerate(self.numbers, 4)
        }
        self.assertEqual(share.sockets, expected)
        self.assertEqual(process.sockets, [each.fileno() for each in self.sockets.values()])
        self.assertEqual(self.place.pid, process.pid)

    def test_certificates_go_to_the_worker_and_to_the_next_one(self) -> None:
        first, second = TlsMaterial(client_ca=b"first"), TlsMaterial(client_ca=b"second")
        self.place.renew(first)
        process = self.serving()
        self.assertEqual((process.share.tls, process.orders), (first, []))
        self.place.renew(second)
        self.assertEqual((process.orders, process.renewed), (["renew"], second))
        process.crash()
        self.clock.advance(10)
        self.assertEqual(self.spawner.last.share.tls, second)

    def test_it_is_up_and_then_ready(self) -> None:
        self.place.start(None)
        self.assertEqual((self.place.supervision.up, self.place.ready), (False, False))
        self.spawner.last.keeper.came_up()
        self.assertEqual((self.place.supervision.up, self.place.ready), (True, False))
        self.spawner.last.keeper.became_ready()
        self.assertTrue(self.place.ready)
        self.assertEqual(self.owner.told, [("ready",)])

    def test_one_that_cannot_start_tells_why(self) -> None:
        self.place.start(None)
        self.spawner.last.keeper.failed("lambdadispatch: no credentials")
        self.assertEqual(self.owner.told, [])
        self.spawner.last.end("exited with code 1", 1)
        self.assertEqual(self.owner.told, [("gave up", "lambdadispatch: no credentials", 1)])

    def test_one_that_dies_before_it_is_up(self) -> None:
        for how, code, told in (("exited with code 3", 3, 3), ("exited with code 0", 0, 1)):
            self.setUp()
            self.place.start(None)
            self.spawner.last.end(how, code)
            reason = f"lambdadispatch: worker 1 {how} before it could serve"
            self.assertEqual(self.owner.told, [("gave up", reason, told)])
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_process_can_be_made(self) -> None:
        self.spawner.error = OSError(11, "try again")
        self.place.start(None)
        [(_, reason, code)] = self.owner.told
        self.assertIn("worker 1 could not be started: [Errno 11] try again", reason)
        self.assertEqual(code, 1)


class RestartTests(PlaceCase):
    def test_the_next_one_gets_the_same(self) -> None:
        first = self.serving()
        self.clock.advance(STEADY)
        first.crash()
        self.assertEqual((self.place.supervision.up, self.place.ready), (False, False))
        self.assertEqual(self.place.pid, None)
        self.clock.advance(0)
        [_, second] = self.spawner.started
        self.assertEqual(second.share, first.share)
        self.assertEqual(second.sockets, first.sockets)
        self.assertTrue(listens(self.sockets["port"]))
        self.assertEqual(self.place.supervision.starts, 2)

    def test_one_that_keeps_dying_waits_and_leaves_the_group(self) -> None:
        self.serving().crash()
        self.clock.advance(0)
        self.spawner.last.crash()
        self.assertTrue(listens(self.sockets["port"]))
        self.clock.advance(0.4)
        self.assertEqual(len(self.spawner.started), 2)
        self.clock.advance(0.1)
        self.assertEqual(len(self.spawner.started), 3)
        self.spawner.last.crash()
        self.assertFalse(listens(self.sockets["port"]))
        self.assertTrue(listens(self.sockets["control-port"]))
        self.assertEqual(number_of(self.sockets["port"]), self.numbers["port"])
        self.clock.advance(1)
        self.assertEqual(len(self.spawner.started), 4)
        self.assertEqual(
            self.spawner.last.sockets, [each.fileno() for each in self.sockets.values()]
        )
        self.assertEqual(self.owner.told, [("ready",)])

    def test_a_later_start_that_fails_is_tried_again(self) -> None:
        self.serving().crash()
        self.spawner.error = OSError(11, "try again")
        self.clock.advance(0)
        self.assertEqual(len(self.spawner.started), 1)
        self.spawner.error = None
        self.clock.advance(0.5)
        self.assertEqual(len(self.spawner.started), 2)
        self.assertEqual(self.owner.told, [("ready",)])

    def test_sockets_that_a_worker_has_shut_down_are_made_good(self) -> None:
        process = self.serving()
        for each in self.sockets.values():
            each.shutdown(socket.SHUT_RDWR)
        process.end()
        self.clock.advance(0)
        self.assertEqual(len(self.spawner.started), 2)
        self.assertEqual(
            {name: number_of(each) for name, each in self.sockets.items()}, self.numbers
        )
        for each in self.sockets.values():
            each.listen(1)  # what a worker does
        socket.create_connection(("127.0.0.1", self.numbers["port"]), timeout=10).close()


class EndTests(PlaceCase):
    def test_a_drain_ends_with_the_process(self) -> None:
        process = self.serving()
        gone = self.place.drain()
        self.assertEqual(process.orders, ["drain"])
        self.assertNoResult(gone)
        process.end()
        self.successResultOf(gone)
        self.assertEqual(self.place.failed_end, None)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.spawner.started), 1)

    def test_a_place_without_a_process_is_drained_at_once(self) -> None:
        self.successResultOf(self.place.drain())
        self.setUp()
        self.serving().crash()
        self.successResultOf(self.place.drain())
        self.clock.advance(60)
        self.assertEqual(len(self.spawner.started), 1)

    def test_one_that_does_not_end_is_killed(self) -> None:
        process = self.serving()
        gone = self.place.drain()
        self.clock.advance(patience(self.settings) - 0.1)
        self.assertEqual(process.orders, ["drain"])
        self.clock.advance(0.2)
        self.assertEqual(process.orders, ["drain", "kill"])
        self.assertNoResult(gone)
        process.crash()
        self.successResultOf(gone)
        self.assertEqual(self.place.failed_end, "worker 1 was ended by SIGKILL")

    def test_one_that_is_hurried_has_less_time(self) -> None:
        process = self.serving()
        self.place.drain()
        self.place.hurry()
        self.assertEqual(process.orders, ["drain", "hurry"])
        self.clock.advance(LEFT_BEHIND)
        self.assertEqual(process.orders, ["drain", "hurry", "kill"])

    def test_one_that_fails_as_it_drains_is_told(self) -> None:
        process = self.serving()
        gone = self.place.drain()
        process.end("exited with code 1", 1)
        self.successResultOf(gone)
        self.assertEqual(self.place.failed_end, "worker 1 exited with code 1")
        self.place.hurry()
        self.assertEqual(self.clock.getDelayedCalls(), [])
