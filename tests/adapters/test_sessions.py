"""A session at either end: pings, orders, reports, and what silence means."""

from __future__ import annotations

from collections.abc import Callable

from lambda_side.session import InstanceSession
from lambdadispatch.control.claims import Claim
from lambdadispatch.control.session import Session
from lambdadispatch.wire.session import IDLE, LEAVING, READY, Message
from tests.adapters.control_rig import NetworkCase

PING, PONG = b'{"kind": "ping"}\n', b'{"kind": "pong"}\n'


class Later:
    """A delayed call that has not been made; the test makes it."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self.seconds = seconds
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Owner:
    """Notes what it is told of sessions."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def session_opened(self, session: Session) -> None:
        self.told.append("opened")

    def session_message(self, session: Session, message: Message) -> None:
        self.told.append(message)

    def session_closed(self, session: Session, reason: str) -> None:
        self.told.append(reason)


class RouterEndTests(NetworkCase):
    def setUp(self) -> None:
        super().setUp()
        self.listen()
        self.calls: list[Later] = []
        self.owner = Owner()
        self.session = Session(self.owner, Claim("i1", 1), self.later, 2.0)
        self.peer = self.connect(self.session)

    def later(self, seconds: float, call: Callable[[], None]) -> Later:
        self.calls.append(Later(seconds, call))
        return self.calls[-1]

    def beat(self) -> None:
        self.assertFalse(self.calls[-1].cancelled)
        self.calls[-1].call()
        self.network.pump()

    def test_it_tells_of_its_opening_once(self) -> None:
        self.assertEqual(self.owner.told, ["opened"])
        self.assertEqual(self.session.instance, "i1")
        self.assertEqual([call.seconds for call in self.calls], [2.0])

    def test_it_pings(self) -> None:
        self.beat()
        self.assertEqual(self.peer.received, PING)
        self.assertEqual(len(self.calls), 2)

    def test_after_three_unanswered_pings_the_instance_is_lost(self) -> None:
        for _ in range(3):
            self.beat()
            self.assertEqual(self.owner.told, ["opened"])
        self.beat()
        self.assertEqual(self.owner.told, ["opened", "silent"])
        self.assertEqual(self.peer.received, 3 * PING)
        self.assertIsNot(self.peer.lost, None)

    def test_whatever_it_says_counts_as_an_answer(self) -> None:
        for answer in (PONG, b'{"kind": "idle"}\n', b'{"ki', b'nd": "pong"}\n'):
            for _ in range(3):
                self.beat()
            self.say(answer)
        self.assertNotIn("silent", self.owner.told)

    def test_reports_are_passed_on(self) -> None:
        self.say(b'{"kind": "ready", "environment": "e1"}\n{"kind": "idle"}\n')
        self.say(b'{"kind": "leaving", "reason": "deadline"}\n')
        self.assertEqual(
            self.owner.told[1:],
            [Message(READY, "e1"), Message(IDLE), Message(LEAVING, "deadline")],
        )

    def test_orders(self) -> None:
        self.session.drain("idle")
        self.session.retire("given_up")
        self.network.pump()
        self.assertEqual(
            self.peer.received,
            b'{"kind": "drain", "reason": "idle"}\n{"kind": "retire", "reason": "given_up"}\n',
        )

    def test_a_reason_is_cut_so_that_it_fits_into_a_line(self) -> None:
        for text in ("x" * 5000, "\U0001f600" * 5000, "\x00" * 5000):
            self.session.drain(text)
            self.session.retire(text)
        self.network.pump()
        self.assertEqual(self.peer.received.count(b"\n"), 6)
        self.assertLess(max(map(len, self.peer.received.split(b"\n"))), 4096)

    def test_a_broken_rule_ends_it(self) -> None:
        self.say(b"nonsense\n")
        self.assertEqual(self.owner.told, ["opened", "bad_session_line"])
        self.assertIsNot(self.peer.lost, None)

    def test_the_instance_hangs_up(self) -> None:
        self.hang_up()
        self.assertEqual(self.owner.told, ["opened", "closed"])
        self.assertTrue(self.calls[-1].cancelled)

    def test_the_first_reason_to_cut_it_is_told(self) -> None:
        self.session.cut("invocation_ended")
        self.session.cut("silent")
        self.network.pump()
        self.assertEqual(self.owner.told, ["opened", "invocation_ended"])
        self.assertTrue(self.calls[-1].cancelled)


class Orders:
    """Notes the orders."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def drain(self, reason: str) -> None:
        self.given.append(f"drain {reason}")

    def retire(self, reason: str) -> None:
        self.given.append(f"retire {reason}")

    def router_lost(self) -> None:
        self.given.append("lost")


class InstanceEndTests(NetworkCase):
    def setUp(self) -> None:
        super().setUp()
        self.listen()
        self.orders = Orders()
        self.session = InstanceSession(self.clock, self.orders, 2.0)
        self.peer = self.connect(self.session)

    def test_reports(self) -> None:
        self.session.ready("e1", 12.3456)
        self.session.idle()
        self.session.nack("00ff", "unreachable")
        self.session.leaving("deadline")
        self.network.pump()
        self.assertEqual(
            self.peer.received,
            b'{"kind": "ready", "environment": "e1", "leaves_in": 12.346}\n'
            b'{"kind": "idle"}\n'
            b'{"kind": "nack", "reason": "unreachable", "channel": "00ff"}\n'
            b'{"kind": "leaving", "reason": "deadline"}\n',
        )

    def test_a_ping_is_answered(self) -> None:
        self.say(PING + PING)
        self.assertEqual(self.peer.received, PONG + PONG)

    def test_orders(self) -> None:
        self.say(b'{"kind": "drain", "reason": "idle"}\n{"kind": "retire", "reason": "x"}\n')
        self.say(b'{"kind": "unknown"}\n' + PONG)
        self.assertEqual(self.orders.given, ["drain idle", "retire x"])

    def test_a_router_that_is_silent_for_four_intervals_is_lost(self) -> None:
        self.network.advance(7.9)
        self.assertEqual(self.orders.given, [])
        self.network.advance(0.2)
        self.assertEqual(self.orders.given, ["lost"])
        self.assertIsNot(self.peer.lost, None)

    def test_pings_keep_it(self) -> None:
        for _ in range(10):
            self.network.advance(7.0)
            self.say(PING)
        self.assertEqual(self.orders.given, [])

    def test_the_router_hangs_up(self) -> None:
        self.hang_up()
        self.assertEqual(self.orders.given, ["lost"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closing(self) -> None:
        self.session.leaving("deadline")
        self.session.close()
        self.network.pump()
        self.assertIn(b"deadline", self.peer.received)
        self.assertEqual(self.orders.given, ["lost"])

    def test_a_broken_rule_ends_it(self) -> None:
        self.say(b"[]\n")
        self.assertEqual(self.orders.given, ["lost"])
