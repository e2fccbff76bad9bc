from __future__ import annotations

from twisted.internet import task
from twisted.internet.error import (
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
)

from tests.memory.network import MemoryNetwork
from tests.memory.pair import CountingFactory, NetworkTestCase
from tests.memory.recorders import Recorder, pattern


class MovingTests(NetworkTestCase):
    def test_settings_are_checked(self) -> None:
        for setting in ({"chunk": 0}, {"latency": -1.0}, {"window": 0}):
            error = self.assertRaises(ValueError, MemoryNetwork, task.Clock(), **setting)
            self.assertIn(next(iter(setting)), str(error))
        self.assertRaises(ValueError, self.network.advance, -1)
        self.assertRaises(ValueError, self.network.advance, 1, 0)

    def test_byte_by_byte(self) -> None:
        self.build(chunk=1)
        self.transport.write(pattern(500))
        self.network.pump()
        self.assertEqual(self.server.received, pattern(500))
        self.assertEqual(self.server.pieces, [1] * 500)

    def test_window_bounds_what_is_on_the_way(self) -> None:
        self.build(window=1000)
        self.server.transport.pauseProducing()
        self.transport.write(pattern(5000))
        self.network.pump()
        sockets = self.network.links[0].sockets
        self.assertEqual(sockets["client"].unacknowledged, 1000)
        self.assertEqual(len(sockets["server"].inbox), 1000)
        self.server.transport.resumeProducing()
        self.network.pump()
        self.assertEqual(self.server.received, pattern(5000))
        self.assertEqual(sockets["client"].unacknowledged, 0)

    def test_latency(self) -> None:
        self.build(latency=2.0)
        self.transport.write(b"one")
        self.network.advance(1.5)
        self.transport.write(b"two")
        self.transport.loseConnection()
        self.network.advance(0.25)
        self.assertEqual(self.client.events, ["made", ConnectionDone])
        self.assertEqual(self.server.events, ["made"])
        self.network.advance(0.25)
        self.assertEqual(self.server.received, b"one")
        self.network.advance(1.25)
        self.assertEqual(self.server.received, b"one")
        self.network.advance(0.25)
        self.assertEqual(self.server.received, b"onetwo")
        self.assertEqual(self.server.events, ["made", "data", ConnectionDone])

    def test_abort_drops_bytes_in_flight(self) -> None:
        self.build(latency=2.0)
        self.transport.write(b"on the way")
        self.network.advance(1)
        self.transport.abortConnection()
        self.network.advance(1)
        self.assertEqual(self.client.events, ["made", ConnectionAborted])
        self.assertEqual(self.server.events, ["made"])
        self.network.advance(1)
        self.assertEqual(self.server.events, ["made", ConnectionLost])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_connecting_takes_the_latency(self) -> None:
        self.build(latency=2.0)
        connecting = self.network.connect_endpoint("127.0.0.1", 5000).connect(CountingFactory())
        self.network.advance(1.9)
        self.assertNoResult(connecting)
        self.network.advance(0.1)
        self.successResultOf(connecting)


class LinkTests(NetworkTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.link = self.network.links[0]

    def test_links_are_the_live_ones(self) -> None:
        self.assertIs(self.link.client, self.transport)
        self.assertIs(self.link.server, self.server.transport)
        other = self.network.connect(Recorder(), 5000)
        self.assertEqual(len(self.network.links), 2)
        self.transport.loseConnection()
        self.network.pump()
        self.assertEqual([link.client for link in self.network.links], [other])

    def test_socket_cannot_block(self) -> None:
        self.assertRaises(ValueError, self.transport.getHandle().setblocking, True)

    def test_cut(self) -> None:
        self.server.transport.pauseProducing()
        self.transport.write(b"unread")
        self.network.pump()
        self.link.cut()
        self.server.transport.resumeProducing()
        self.server.transport.write(b"lost")
        self.transport.write(b"lost")
        self.transport.loseConnection()
        self.network.advance(1000)
        self.assertEqual(self.client.events, ["made", ConnectionDone])
        self.assertEqual(self.server.events, ["made"])
        self.assertEqual(self.network.links, [self.link])
        self.server.transport.abortConnection()
        self.network.pump()
        self.assertEqual(self.server.events, ["made", ConnectionAborted])
        self.assertEqual(self.network.links, [])

    def test_cut_blocks_the_writer_in_the_end(self) -> None:
        self.link.cut()
        self.transport.write(bytes(65537))
        self.transport.loseConnection()
        self.network.advance(1000)
        self.assertEqual(self.client.events, ["made"])
        self.transport.abortConnection()
        self.network.pump()
        self.assertEqual(self.client.events, ["made", ConnectionAborted])

    def test_cut_takes_what_is_in_flight(self) -> None:
        self.build(latency=1.0)
        self.transport.write(b"on the way")
        self.transport.loseConnection()
        self.network.advance(0.5)
        self.network.links[0].cut()
        self.network.advance(10)
        self.assertEqual(self.server.events, ["made"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_reset(self) -> None:
        self.server.transport.pauseProducing()
        self.transport.write(b"unread")
        self.network.pump()
        self.server.transport.resumeProducing()
        self.link.reset()
        self.assertEqual(self.client.events, ["made"])
        self.network.pump()
        for end in (self.client, self.server):
            self.assertEqual(end.events, ["made", ConnectionLost])
        self.assertEqual(self.network.links, [])

    def test_freeze(self) -> None:
        self.link.freeze("server")
        self.transport.write(bytes(100_000))
        self.server.transport.write(b"still writes")
        self.network.advance(100)
        self.assertEqual(self.server.events, ["made"])
        self.assertEqual(self.client.received, b"still writes")
        self.transport.loseConnection()
        self.network.advance(100)
        self.assertEqual(self.client.events, ["made", "data"])
        self.link.thaw("server")
        self.network.pump()
        self.assertEqual(len(self.server.received), 100_000)
        self.assertEqual(self.server.events, ["made", "data", ConnectionDone])
        self.assertEqual(self.client.events, ["made", "data", ConnectionDone])
