"""What a stream transport does, as cases to run on the in-memory network and on real TCP alike."""

from __future__ import annotations

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost

from tests.memory.cases import Steps, case
from tests.memory.connecting_cases import ConnectingCases
from tests.memory.flow_cases import FlowCases
from tests.memory.recorders import Flood, HalfCloseRecorder, Recorder, pattern


class TransportCases(ConnectingCases, FlowCases):
    """All the cases: those of connecting, those of flow control, and here bytes and ends."""

    # Bytes.

    @case
    def test_bytes_go_both_ways_in_order(self) -> Steps:
        yield self.connected()
        sent = pattern(300_000)
        self.server.on_data = self.server.transport.write
        for start in range(0, len(sent), 7001):
            self.client.transport.write(sent[start : start + 7001])
        yield self.until(lambda: len(self.client.received) >= len(sent))
        yield self.settled()
        self.assertEqual(bytes(self.server.received), sent)
        self.assertEqual(bytes(self.client.received), sent)
        self.assertLessEqual(max(self.server.pieces), self.PIECE)

    @case
    def test_write_delivers_nothing_at_once(self) -> Steps:
        yield self.connected()
        seen: list[bytes] = []
        self.client.on_data = lambda data: seen.append(bytes(self.server.received))
        self.server.on_data = lambda data: self.server.transport.write(b"answer")
        self.client.transport.write(b"question")
        self.assertEqual(self.server.events, ["made"])
        yield self.until(lambda: bool(seen))
        self.assertEqual(seen, [b"question"])

    @case
    def test_write_sequence(self) -> Steps:
        yield self.connected()
        self.client.transport.writeSequence([b"one ", b"", b"two ", b"three"])
        self.client.transport.write(b"")
        yield self.until(lambda: self.server.received == b"one two three")

    @case
    def test_write_takes_bytes_only(self) -> Steps:
        yield self.connected()
        for wrong in ("text", bytearray(b"x"), memoryview(b"x"), None, 1):
            self.assertRaises(TypeError, self.client.transport.write, wrong)
            self.assertRaises(TypeError, self.client.transport.writeSequence, [b"x", wrong])
        self.client.transport.write(b"good")
        yield self.until(lambda: self.server.received == b"good")

    # Ends.

    @case
    def test_lose_connection_flushes(self) -> Steps:
        yield self.connected()
        sent = pattern(1_000_000)
        self.client.transport.write(sent)
        self.client.transport.loseConnection()
        self.assertTrue(self.client.transport.disconnecting)
        self.assertEqual(self.client.events, ["made"])
        yield self.until(self.both_lost)
        yield self.settled()
        self.assertEqual(bytes(self.server.received), sent)
        self.assertEqual(self.server.events, ["made", "data", ConnectionDone])
        self.assertEqual(self.client.events, ["made", ConnectionDone])
        self.assertFalse(self.client.transport.connected)
        self.assertTrue(self.client.transport.disconnected)

    @case
    def test_write_between_lose_connection_and_the_end(self) -> Steps:
        yield self.connected()
        self.client.transport.loseConnection()
        self.client.transport.write(b"late")
        yield self.until(self.both_lost)
        self.assertEqual(self.server.received, b"late")
        self.client.transport.write(b"too late")
        self.client.transport.writeSequence([b"too", b"late"])
        self.client.transport.loseConnection()
        self.client.transport.abortConnection()
        yield self.settled()
        self.assertEqual(self.client.events, ["made", ConnectionDone])

    @case
    def test_both_ends_close_at_once(self) -> Steps:
        yield self.connected()
        self.client.transport.loseConnection()
        self.server.transport.loseConnection()
        yield self.until(self.both_lost)
        yield self.settled()
        for end in (self.client, self.server):
            self.assertEqual(len(end.events), 2)

    @case
    def test_no_data_after_lose_connection(self) -> Steps:
        yield self.connected()
        self.client.on_data = lambda data: self.client.transport.loseConnection()
        flood = Flood(self.server.transport, pattern(1_000_000))
        flood.start()
        yield self.until(self.both_lost)
        yield self.settled()
        self.assertEqual(self.client.events, ["made", "data", ConnectionDone])
        self.assertEqual(len(self.client.pieces), 1)
        self.assertEqual(len(self.server.events), 2)

    @case
    def test_abort(self) -> Steps:
        yield self.connected()
        self.client.transport.write(b"never sent")
        self.client.transport.abortConnection()
        self.client.transport.abortConnection()
        self.assertEqual(self.client.events, ["made"])
        yield self.until(self.both_lost)
        yield self.settled()
        self.assertEqual(self.client.events, ["made", ConnectionAborted])
        self.assertEqual(self.server.events, ["made", ConnectionLost])

    @case
    def test_abort_overtakes_lose_connection(self) -> Steps:
        yield self.connected()
        self.client.transport.write(b"never sent")
        self.client.transport.loseConnection()
        self.client.transport.abortConnection()
        yield self.until(self.both_lost)
        self.assertEqual(self.client.events, ["made", ConnectionAborted])
        self.assertEqual(self.server.events, ["made", ConnectionLost])

    @case
    def test_abort_while_handling_data(self) -> Steps:
        yield self.connected()
        self.server.on_data = lambda data: self.server.transport.abortConnection()
        self.client.transport.write(pattern(200_000))
        yield self.until(self.both_lost)
        yield self.settled()
        self.assertEqual(self.server.events, ["made", "data", ConnectionAborted])
        self.assertEqual(len(self.server.pieces), 1)
        self.assertEqual(self.client.events, ["made", ConnectionLost])

    @case
    def test_error_in_data_received(self) -> Steps:
        yield self.connected()
        other = Recorder()
        first, self.server = self.server, Recorder()
        yield self.joined(other)

        def fail(data: bytes) -> None:
            raise ZeroDivisionError("in dataReceived")

        first.on_data = fail
        self.client.transport.write(b"trouble")
        yield self.until(lambda: first.lost and self.client.lost)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(first.events, ["made", "data", ZeroDivisionError])
        self.assertEqual(self.client.events, ["made", ConnectionDone])
        other.transport.write(b"unaffected")
        yield self.until(lambda: self.server.received == b"unaffected")

    @case
    def test_close_answers_unread_bytes_with_a_reset(self) -> Steps:
        yield self.connected()
        self.server.transport.pauseProducing()
        self.client.transport.write(b"unread")
        yield self.settled()
        self.server.transport.write(b"last words")
        self.client.transport.pauseProducing()
        self.server.transport.loseConnection()
        yield self.until(lambda: self.server.lost)
        yield self.settled()
        self.assertEqual(self.client.events, ["made"])
        self.client.transport.write(b"into the void")
        yield self.until(lambda: self.client.lost)
        self.assertEqual(self.client.events, ["made", ConnectionLost])

    @case
    def test_write_to_an_end_that_has_closed(self) -> Steps:
        yield self.connected()
        self.client.transport.pauseProducing()
        self.server.transport.loseConnection()
        yield self.until(lambda: self.server.lost)
        self.client.transport.write(b"answered by a reset")
        yield self.settled()
        self.assertEqual(self.client.events, ["made"])
        self.client.transport.write(b"fails")
        yield self.until(lambda: self.client.lost)
        self.assertEqual(self.client.events, ["made", ConnectionLost])

    # Half close.

    @case
    def test_half_close(self) -> Steps:
        yield self.connected(HalfCloseRecorder(), HalfCloseRecorder())
        self.client.transport.write(b"question")
        self.client.transport.loseWriteConnection()
        self.assertEqual(self.client.events, ["made"])
        yield self.until(lambda: "read ended" in self.server.events)
        self.assertEqual(self.server.events, ["made", "data", "read ended"])
        self.assertEqual(self.client.events, ["made", "write ended"])
        self.client.transport.write(b"not sent")
        answer = pattern(200_000)
        self.server.transport.write(answer)
        yield self.until(lambda: len(self.client.received) == len(answer))
        self.server.transport.loseConnection()
        yield self.until(lambda: self.server.lost and "read ended" in self.client.events)
        self.assertEqual(self.server.events[-1], ConnectionDone)
        self.assertEqual(self.server.received, b"question")
        self.assertEqual(self.client.events, ["made", "write ended", "data", "read ended"])
        self.client.transport.loseConnection()
        self.assertEqual(self.client.events[-1], ConnectionDone)

    @case
    def test_half_close_to_a_plain_protocol_ends_all(self) -> Steps:
        yield self.connected(Recorder(), HalfCloseRecorder())
        self.client.transport.loseWriteConnection()
        yield self.until(lambda: self.server.lost and "read ended" in self.client.events)
        self.assertEqual(self.server.events, ["made", ConnectionDone])
        self.assertEqual(self.client.events, ["made", "write ended", "read ended"])

    @case
    def test_both_directions_ended_while_paused(self) -> Steps:
        # Polled for writing only, such a connection is a hang-up, not a clean end (EPOLLHUP).
        yield self.connected(HalfCloseRecorder(), HalfCloseRecorder())
        self.client.transport.pauseProducing()
        self.client.transport.loseWriteConnection()
        self.server.transport.loseWriteConnection()
        yield self.until(lambda: "read ended" in self.server.events)
        yield self.until(lambda: "write ended" in self.client.events)
        yield self.settled()
        self.assertEqual(self.client.events, ["made", "write ended"])
        self.client.transport.loseWriteConnection()
        yield self.until(lambda: self.client.lost)
        self.assertEqual(self.client.events, ["made", "write ended", ConnectionLost])
