from __future__ import annotations

from twisted.internet import task

from tests.memory.pair import NetworkTestCase


class TurnTests(NetworkTestCase):
    def test_pump_runs_what_is_due_now(self) -> None:
        ran: list[str] = []
        self.clock.callLater(0, ran.append, "now")
        self.clock.callLater(0.001, ran.append, "later")
        self.clock.callLater(0, self.clock.callLater, 0, ran.append, "next turn")
        self.network.pump()
        self.assertEqual(ran, ["now", "next turn"])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertEqual(self.clock.seconds(), 0)

    def test_endless_echo_is_a_livelock(self) -> None:
        self.server.on_data = self.server.transport.write
        self.client.on_data = self.transport.write
        self.transport.write(b"ball")
        error = self.assertRaises(AssertionError, self.network.pump, 50)
        self.assertIn("after 50 rounds", str(error))
        self.assertIn("<MemoryTransport 127.0.0.1:", str(error))
        self.client.on_data = lambda data: None
        self.network.pump()

    def test_endless_calls_are_a_livelock(self) -> None:
        def again() -> None:
            self.clock.callLater(0, again)

        again()
        self.assertRaises(AssertionError, self.network.pump, 50)
        self.assertRaises(AssertionError, self.network.advance, 1, None, 50)

    def test_pump_from_a_protocol_is_refused(self) -> None:
        self.server.on_data = lambda data: self.network.pump()
        self.transport.write(b"x")
        self.network.pump()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.server.events, ["made", "data", RuntimeError])

    def test_error_in_a_delayed_call_passes_through(self) -> None:
        self.clock.callLater(0, lambda: 1 / 0)
        self.assertRaises(ZeroDivisionError, self.network.pump)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.network.pump()

    def test_advance_pumps_at_each_call_on_the_way(self) -> None:
        seen: list[tuple[float, bytes]] = []
        self.server.on_data = lambda data: seen.append((self.clock.seconds(), data))
        for at in (0.1, 0.2, 0.3, 7.0):
            self.clock.callLater(at, self.transport.write, b"%.1f" % at)
        self.network.advance(5)
        self.assertEqual([data for _, data in seen], [b"0.1", b"0.2", b"0.3"])
        self.assertEqual([round(at, 6) for at, _ in seen], [0.1, 0.2, 0.3])
        self.assertEqual(self.clock.seconds(), 5)

    def test_advance_by_steps(self) -> None:
        times: list[float] = []
        turn = self.network.poller.turn

        def noting() -> list[object]:
            times.append(self.clock.seconds())
            return list(turn())

        self.network.poller.turn = noting
        self.network.advance(2, step=0.5)
        self.assertEqual(times, [0.0, 0.5, 1.0, 1.5, 2.0])

    def test_looping_calls(self) -> None:
        times: list[float] = []
        loop = task.LoopingCall(lambda: times.append(self.clock.seconds()))
        loop.clock = self.clock
        loop.start(10, now=False)
        self.network.advance(35)
        self.assertEqual(times, [10, 20, 30])
        loop.stop()
