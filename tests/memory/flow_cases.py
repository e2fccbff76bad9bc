"""Flow control, reading and writing: cases for each kind of network."""

from __future__ import annotations

import os
import socket

from twisted.internet.error import ConnectionDone, ConnectionLost

from tests.memory.cases import Cases, Steps, case
from tests.memory.recorders import Flood, RecordingProducer, pattern


class FlowCases(Cases):
    """Paused readers and producers."""

    # Reading paused.

    @case
    def test_paused_reading_stops_data_and_hides_the_end(self) -> Steps:
        yield self.connected()
        self.server.transport.pauseProducing()
        self.client.transport.write(b"kept")
        self.client.transport.loseConnection()
        yield self.until(lambda: self.client.lost)
        yield self.settled()
        self.assertEqual(self.server.events, ["made"])
        self.server.transport.resumeProducing()
        self.assertEqual(self.server.events, ["made"])
        yield self.until(lambda: self.server.lost)
        self.assertEqual(self.server.received, b"kept")
        self.assertEqual(self.server.events, ["made", "data", ConnectionDone])

    @case
    def test_pause_while_handling_data(self) -> Steps:
        yield self.connected()
        self.server.on_data = lambda data: self.server.transport.pauseProducing()
        sent = pattern(200_000)
        self.client.transport.write(sent)
        count = 0
        while len(self.server.received) < len(sent):
            count += 1
            yield self.until(lambda: len(self.server.pieces) == count)  # noqa: B023
            yield self.settled()
            self.assertEqual(len(self.server.pieces), count)
            self.server.transport.resumeProducing()
        self.assertEqual(bytes(self.server.received), sent)

    @case
    def test_abort_by_the_peer_while_paused_and_idle(self) -> Steps:
        # A descriptor registered for neither event is not polled: noticed on resuming.
        yield self.connected()
        self.server.transport.pauseProducing()
        self.client.transport.write(b"arrived")
        yield self.settled()
        self.client.transport.abortConnection()
        yield self.until(lambda: self.client.lost)
        yield self.settled()
        self.assertEqual(self.server.events, ["made"])
        self.server.transport.resumeProducing()
        yield self.until(lambda: self.server.lost)
        self.assertEqual(self.server.events, ["made", "data", ConnectionLost])

    @case
    def test_abort_by_the_peer_while_paused_and_writing(self) -> Steps:
        yield self.connected()
        self.server.transport.pauseProducing()
        self.client.transport.abortConnection()
        yield self.until(lambda: self.client.lost)
        self.server.transport.write(b"nobody reads this")
        yield self.until(lambda: self.server.lost)
        self.assertEqual(self.server.events, ["made", ConnectionLost])

    @case
    def test_stop_producing_closes(self) -> Steps:
        yield self.connected()
        self.client.transport.write(b"last")
        self.client.transport.stopProducing()
        yield self.until(self.both_lost)
        self.assertEqual(self.server.received, b"last")
        self.assertEqual(self.client.events, ["made", ConnectionDone])

    # Producers.

    @case
    def test_streaming_producer_is_paused_and_resumed(self) -> Steps:
        yield self.connected()
        transport = self.client.transport
        producer = RecordingProducer(transport)
        transport.registerProducer(producer, True)
        transport.write(bytes(self.BUFFER))
        self.assertEqual(producer.orders, [])
        transport.write(b"x")
        self.assertEqual(producer.orders, ["pause"])
        yield self.until(lambda: len(producer.orders) == 2)
        self.assertEqual(producer.orders, ["pause", "resume"])
        yield self.until(lambda: len(self.server.received) == self.BUFFER + 1)
        transport.write(b"small")
        yield self.until(lambda: len(self.server.received) == self.BUFFER + 6)
        self.assertEqual(producer.orders, ["pause", "resume"])
        transport.unregisterProducer()

    @case
    def test_pull_producer_is_asked_when_empty(self) -> Steps:
        yield self.connected()
        transport = self.client.transport
        producer = RecordingProducer(transport, [b"a" * 10, b"b" * 100_000, b"c" * 10])
        transport.registerProducer(producer, False)
        self.assertEqual(producer.orders, ["resume"])
        self.assertEqual(self.server.received, b"")
        yield self.until(lambda: len(producer.orders) == 4)
        yield self.settled()
        self.assertEqual(producer.orders, ["resume"] * 4)
        self.assertEqual(bytes(self.server.received), b"a" * 10 + b"b" * 100_000 + b"c" * 10)
        transport.unregisterProducer()

    @case
    def test_lose_connection_waits_for_a_paused_producer(self) -> Steps:
        yield self.connected()
        transport = self.client.transport
        producer = RecordingProducer(transport)
        transport.registerProducer(producer, True)
        transport.write(bytes(self.BUFFER + 1))
        transport.loseConnection()
        yield self.until(lambda: producer.orders == ["pause", "resume"])
        yield self.settled()
        self.assertEqual(self.client.events, ["made"])
        transport.unregisterProducer()
        self.assertEqual(self.client.events, ["made"])
        yield self.until(self.both_lost)
        self.assertEqual(len(self.server.received), self.BUFFER + 1)
        self.assertEqual(self.client.events, ["made", ConnectionDone])
        self.assertEqual(producer.orders, ["pause", "resume"])

    @case
    def test_lose_connection_with_an_unpaused_producer_stops_it(self) -> Steps:
        yield self.connected()
        producer = RecordingProducer(self.client.transport)
        self.client.transport.registerProducer(producer, True)
        self.client.transport.loseConnection()
        yield self.until(self.both_lost)
        self.assertEqual(producer.orders, ["stop"])

    @case
    def test_producer_of_a_lost_connection_is_stopped(self) -> Steps:
        yield self.connected()
        producer = RecordingProducer(self.client.transport)
        self.client.transport.registerProducer(producer, True)
        self.server.transport.abortConnection()
        yield self.until(self.both_lost)
        self.assertEqual(producer.orders, ["stop"])
        late = RecordingProducer(self.client.transport)
        self.client.transport.registerProducer(late, True)
        self.assertEqual(late.orders, ["stop"])

    @case
    def test_second_producer_is_refused(self) -> Steps:
        yield self.connected()
        transport = self.client.transport
        transport.registerProducer(RecordingProducer(transport), True)
        other = RecordingProducer(transport)
        self.assertRaises(RuntimeError, transport.registerProducer, other, True)
        transport.unregisterProducer()
        transport.registerProducer(other, True)
        self.assertEqual(other.orders, [])
        transport.unregisterProducer()

    @case
    def test_paused_reader_holds_up_the_writer(self) -> Steps:
        yield self.connected()
        for transport in (self.client.transport, self.server.transport):
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                transport.getHandle().setsockopt(socket.SOL_SOCKET, option, 16384)
        sent = os.urandom(8_000_000)
        self.server.transport.pauseProducing()
        flood = Flood(self.client.transport, sent)
        flood.start()
        yield self.settled()
        self.assertFalse(flood.is_done)
        self.assertEqual(self.server.events, ["made"])
        self.server.transport.resumeProducing()
        yield self.until(lambda: len(self.server.received) >= len(sent))
        self.assertTrue(bytes(self.server.received) == sent)
        self.assertTrue(flood.is_done)
        self.assertGreater(flood.pauses, 1)
