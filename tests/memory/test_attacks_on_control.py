"""The control port against who has seen everything a client or a neighbour on the network can see.

Each attempt is refused with a word of its own, counted once under ``denied``, logged once, and
leaves the instance as it was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lambdadispatch.control.claims import Denial
from lambdadispatch.wire.control import NONCE_FIELD, PROOF_FIELD, UPGRADES
from lambdadispatch.wire.proof import CHANNEL, SESSION
from tests.memory.system import BEGINNING, CONTROL, FRONT, Client, Running, get
from tests.memory.system_case import SystemCase
from tests.memory.test_system_control import ControlCase


class AttackCase(ControlCase):
    """The instance has its session and one channel; the test attacks beside it."""

    def setUp(self) -> None:
        super().setUp()
        self.session = self.say(self.opening(SESSION))
        self.seen = self.opening(CHANNEL)
        self.channel = self.say(self.seen)
        self.assertIn(b" 101 ", self.channel.received)
        self.system.send(self.channel, b"HTTP/1.1 204 No Content\r\n\r\n")

    def denials(self) -> list[Any]:
        """What the log says was denied."""
        return [event["denial"] for event in self.events if "denial" in event]

    def assert_only(self, *reasons: str) -> None:
        """These were denied, each counted and logged once; the instance is as it was."""
        self.assertEqual(sum(self.outcomes("denied").values()), len(reasons))
        self.assertEqual(sorted(self.denials()), sorted(reasons))
        (instance,) = self.pool["instances"]
        self.assertEqual((instance["channels"], instance["leaving"]), (1, False))
        self.assertIs(self.session.lost, None)
        self.assertIs(self.channel.lost, None)

    def attack(self, raw: bytes, status: int, reason: str) -> None:
        """Refused, told why, and the connection closed."""
        client = self.say(raw)
        self.assert_refused(client, status, reason)
        self.assertIn("close", self.answer(client).field("connection"))
        self.assertIsNot(client.lost, None)
        self.assert_only(reason)


class ProofTests(AttackCase):
    def test_a_wrong_secret(self) -> None:
        self.attack(self.opening(CHANNEL, secret=b"x" * 32), 403, "bad_proof")

    def test_what_a_neighbour_has_seen_is_of_no_use_again(self) -> None:
        self.attack(self.seen, 403, "nonce_used")

    def test_nor_with_another_nonce(self) -> None:
        nonce = f"{self.nonces:032x}".encode()
        self.attack(self.seen.replace(nonce, b"f" * 32), 403, "bad_proof")

    def test_nor_for_a_session(self) -> None:
        raw = self.seen.replace(b"/channel ", b"/session ")
        self.attack(raw.replace(UPGRADES[CHANNEL], UPGRADES[SESSION]), 403, "bad_proof")

    def test_a_proof_in_other_letters(self) -> None:
        head, proof, end = self.opening(CHANNEL).rpartition(PROOF_FIELD + b": ")
        self.attack(head + proof + end.upper(), 403, "bad_proof")

    def test_two_proofs_or_two_nonces(self) -> None:
        for name in (PROOF_FIELD, NONCE_FIELD):
            opening = self.opening(CHANNEL)[:-2] + name + b": " + b"0" * 32 + b"\r\n\r\n"
            self.assert_refused(self.say(opening), 403, "bad_proof")
        self.assert_only("bad_proof", "bad_proof")

    def test_a_second_session(self) -> None:
        self.attack(self.opening(SESSION), 429, "too_many")

    def test_an_instance_that_does_not_exist(self) -> None:
        self.attack(self.opening(CHANNEL, instance="i99-000000"), 409, "unknown_instance")

    def test_another_path(self) -> None:
        path = b"/v1/instances/" + self.payload.instance.encode() + b"/channel"
        for other in (path + b"/", path + b"/x", path.upper(), b"/" + path, path + b"%00"):
            raw = self.opening(CHANNEL).replace(path, other)
            self.assertNotIn(b" 101 ", self.say(raw).received)
        self.assertEqual(self.pool["instances"][0]["channels"], 1)

    def test_a_name_forges_no_line_of_the_log(self) -> None:
        name = "i1%0aeverything%20is%20fine%1b[2J" + "x" * 300
        self.attack(self.opening(CHANNEL, instance=name), 409, "unknown_instance")
        (event,) = (event for event in self.events if "denial" in event)
        line = event["log_format"].format(**event)
        self.assertTrue(line.isprintable(), line)
        self.assertLess(len(line), 300)

    def test_an_escaped_path_is_the_same_instance_and_needs_the_same_proof(self) -> None:
        raw = self.opening(CHANNEL, secret=b"x" * 32).replace(b"/channel ", b"/%63hannel ")
        self.attack(raw, 403, "bad_proof")


class ExpiryTests(AttackCase):
    def test_a_secret_expires_though_nobody_told_that_the_invocation_ended(self) -> None:
        self.advance(961)
        self.assert_refused(self.say(self.opening(CHANNEL)), 403, "expired")
        self.assertEqual(self.outcomes("denied"), {"expired": 1})
        self.assertEqual(self.denials(), ["expired"])

    def test_before_that_it_holds(self) -> None:
        claim = self.system.parts.fleet.invocation_of(self.payload.instance).claim
        self.assertEqual(claim.expires, 960.0)
        self.assertEqual(self.payload.expires, BEGINNING.timestamp() + 960)

    def test_the_secret_ends_with_the_invocation(self) -> None:
        opening = self.opening(CHANNEL)
        self.held[0].end(self.held_outcome(), b"{}")
        self.network.pump()
        self.assert_refused(self.say(opening), 409, "unknown_instance")

    def held_outcome(self) -> Any:
        from lambdadispatch.invoker.outcomes import Outcome

        return Outcome.RETURNED


class OtherInstanceTests(ControlCase):
    def setUp(self) -> None:
        self.build(max_concurrent_count=1, instance_count_multiplier=1)
        self.held: list[Running] = []
        self.system.aws.on_start = self.held.append
        self.nonces = 0
        self.clients = [self.ask(get("/a")), self.ask(get("/b"))]

    def test_the_proof_of_one_is_none_for_another(self) -> None:
        mine, other = (running.payload for running in self.held)
        self.assertNotEqual(mine.secret, other.secret)
        named = self.opening(SESSION, instance=other.instance, secret=mine.secret)
        self.deny(named, 403, "bad_proof")
        renamed = self.opening(SESSION).replace(mine.instance.encode(), other.instance.encode())
        self.deny(renamed, 403, "bad_proof")
        self.assertEqual(self.outcomes("denied"), {"bad_proof": 2})
        self.assertEqual([each["called_back"] for each in self.pool["instances"]], [False] * 2)


class HeadTests(AttackCase):
    def test_a_head_too_large(self) -> None:
        raw = self.opening(CHANNEL)[:-2] + b"X: " + b"x" * 8192 + b"\r\n\r\n"
        self.attack(raw, 431, "head_too_large")

    def test_a_head_that_does_not_end(self) -> None:
        self.attack(b"GET /" + b"x" * 9000, 431, "head_too_large")

    def test_too_many_fields(self) -> None:
        raw = self.opening(CHANNEL)[:-2] + b"X: x\r\n" * 40 + b"\r\n"
        self.attack(raw, 431, "too_many_fields")

    def test_what_is_not_http(self) -> None:
        self.attack(b"\x16\x03\x01\x00\r\n\r\n", 400, "bad_request_line")

    def test_what_asks_for_something_else(self) -> None:
        self.attack(get("/state"), 404, "unknown_path")

    def test_another_method(self) -> None:
        self.attack(b"POST" + self.opening(CHANNEL)[3:], 405, "method_not_allowed")

    def test_another_upgrade(self) -> None:
        raw = self.opening(CHANNEL).replace(UPGRADES[CHANNEL], b"h2c")
        self.attack(raw, 426, "upgrade_required")

    def test_nobody_keeps_a_connection_by_asking_again(self) -> None:
        client = self.say(self.opening(CHANNEL, secret=b"x" * 32) * 3)
        self.assertIsNot(client.lost, None)
        self.assertEqual(len(self.answers(client, b"GET")), 1)
        self.assert_only("bad_proof")

    def test_each_word_is_another_one(self) -> None:
        words = [denial.value for denial in Denial]
        self.assertEqual(len(set(words)), len(words))


class SlowTests(AttackCase):
    def test_silence_and_heads_octet_by_octet(self) -> None:
        silent, slow = self.say(b""), self.say(b"")
        for octet in b"GET /v1/":
            self.system.send(slow, bytes([octet]))
            self.advance(1)
        self.assertIsNot(silent.lost, None)
        self.assertIsNot(slow.lost, None)
        self.assertEqual(self.outcomes("denied"), {"too_slow": 2})
        self.assertEqual(self.denials(), ["too_slow"] * 2)


class CapTests(ControlCase):
    MOST = 6

    def setUp(self) -> None:
        self.build(control_connection_limit=self.MOST, max_concurrent_count=1, max_instances=1)
        self.held: list[Running] = []
        self.system.aws.on_start = self.held.append
        self.nonces = 0
        self.client = self.ask(get("/x"))

    def test_so_many_and_no_more(self) -> None:
        self.admit(SESSION)
        self.system.send(self.admit(CHANNEL), b"HTTP/1.1 204 No Content\r\n\r\n")
        idle = [self.say(b"") for _ in range(self.MOST - 2)]
        refused = [self.say(self.opening(CHANNEL)) for _ in range(20)]
        self.assertEqual([client.received for client in refused], [b""] * 20)
        self.assertTrue(all(client.lost is not None for client in refused))
        self.assertTrue(all(client.lost is None for client in idle))
        self.assertEqual(self.outcomes("denied"), {"too_many_connections": 20})
        told = [event for event in self.events if "denial" in event]
        self.assertEqual(len(told), 1, "a flood does not fill the log")
        self.advance(7)
        self.assertTrue(all(client.lost is not None for client in idle))
        self.admit(CHANNEL)

    def test_those_of_one_instance(self) -> None:
        self.admit(SESSION)
        self.system.send(self.admit(CHANNEL), b"HTTP/1.1 204 No Content\r\n\r\n")
        for _ in range(3):
            self.admit(CHANNEL)
        self.deny(self.opening(CHANNEL), 429, "too_many")


class FrontTests(SystemCase):
    """Nothing that a client can send is read as control, not even what an instance has sent."""

    def test_an_opening_on_the_front_is_a_request(self) -> None:
        self.build()
        held: list[Running] = []
        self.system.aws.on_start = held.append
        first = self.ask(get("/first"))
        payload = held[0].payload
        case = _Opening(payload)
        opening = case.opening(SESSION)
        stolen = [
            opening,
            opening.replace(b"GET ", b"POST ").replace(
                b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n"
            ),
            get("/x", *opening.decode().split("\r\n")[2:-2]),
            b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(opening) + opening,
            b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
            + b"\r\n".join(opening.split(b"\r\n")[4:]),
        ]
        clients = [self.ask(raw) for raw in stolen]
        self.assertEqual([client.received for client in (first, *clients)], [b""] * 6)
        self.assertEqual([each["called_back"] for each in self.pool["instances"]], [False])
        self.assertEqual(self.outcomes("denied"), {})
        # The nonce is still good: nothing of this was looked at as a proof.
        control = Client()
        self.network.connect(control, CONTROL)
        self.system.send(control, opening)
        self.assertIn(b" 101 ", control.received)
        for client in (first, *clients):
            client.transport.loseConnection()
        self.network.pump()

    def test_what_comes_of_it_is_the_applications(self) -> None:
        self.build()
        self.ask(get("/now"))
        name = self.system.aws.started[0].payload.instance
        opening = _Opening(self.system.aws.started[0].payload).opening(SESSION)
        client = self.ask(opening + b'{"kind": "leaving", "reason": "x"}\n')
        self.assertEqual(self.call.path, f"/v1/instances/{name}/session")
        self.call.respond(b"mine")
        self.network.pump()
        self.assertEqual(self.answers(client, b"GET", b"GET")[0].body, b"mine")
        self.assertEqual(self.answers(client, b"GET", b"GET")[1].status, 400)
        self.assertEqual([each["leaving"] for each in self.pool["instances"]], [False])

    def test_names_and_proofs_are_shown_to_nobody(self) -> None:
        self.build()
        clients = [self.ask(get("/now")), self.ask(get("/nowhere")), self.ask(b"bad\r\n\r\n", 0)]
        self.call.respond(b"x")
        self.network.pump()
        payload = self.system.aws.started[0].payload
        names = (payload.instance, payload.invocation, payload.secret.hex())
        hidden = [name.encode() for name in names]
        told = [client.received for client in clients]
        told += [repr((call.head, call.head.fields.pairs)).encode() for call in self.host.calls]
        for text in told:
            for secret in hidden:
                self.assertNotIn(secret, text)
        self.assertEqual(len(self.links_to(FRONT)), 2)
        events = "".join(repr(event) for event in self.events)
        self.assertNotIn("Lambda-Dispatch-Proof", events)


class _Opening(ControlCase):
    """Makes openings for a payload, outside of a test."""

    __test__ = False

    def __init__(self, payload: Any) -> None:
        self.held = [Running(payload, None)]  # type: ignore[arg-type]
        self.nonces = 0

    def runTest(self) -> None:
        """Not a test."""


class StormTests(SystemCase):
    """The Lambda side stops at a final refusal: no storm of tries."""

    def test_a_session_that_is_refused_is_asked_for_once(self) -> None:
        self.build(queue_timeout=100, start_timeout=900)
        self.system.aws.on_start = self.serve_with_another_secret
        client = self.ask(get("/x"))
        self.advance(0.05)
        self.assertEqual(self.outcomes("denied"), {"bad_proof": 1})
        self.assertEqual(self.outcomes("invocations"), {"returned": 1})
        client.transport.loseConnection()
        self.network.pump()

    def serve_with_another_secret(self, running: Running) -> None:
        running.payload = replace(running.payload, secret=b"x" * 32)
        self.system.aws.serve(running)

    def test_channels_that_are_refused_are_not_asked_for_again(self) -> None:
        self.build(max_concurrent_count=2)
        self.ask(get("/now"))
        running = self.system.aws.started[0]
        invocation = self.system.parts.fleet.invocation_of(running.payload.instance)
        assert invocation is not None
        wanted = running.payload.channels
        invocation.claim.expires = -1.0
        for channel in tuple(invocation.channels):
            channel.cut()
        self.advance(30)
        self.assertEqual(self.outcomes("denied"), {"expired": wanted})
        self.assertEqual(self.outcomes("invocations"), {"returned": 1})
        self.assertLessEqual(len(self.system.aws.started), 2)
