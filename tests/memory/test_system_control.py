"""The control port: who is admitted, who is not, and what nobody gets to know."""

from __future__ import annotations

import base64
import json

import txaio
from twisted.internet.error import ConnectionDone
from twisted.logger import formatEvent

from lambdadispatch.control.claims import Claim
from lambdadispatch.invoker.outcomes import Outcome
from lambdadispatch.wire.control import NONCE_FIELD, PROOF_FIELD, UPGRADES, upgrade_request
from lambdadispatch.wire.heads import render_own
from lambdadispatch.wire.payload import InvokePayload
from lambdadispatch.wire.proof import CHANNEL, SESSION
from tests.memory.stage_host import Call
from tests.memory.system import CONTROL, Client, Running, get
from tests.memory.system_case import SystemCase


class ControlCase(SystemCase):
    """The test is the instance: it has the payload and opens the connections by hand."""

    def setUp(self) -> None:
        self.build(forwarding="off", request_id_header="off")
        self.held: list[Running] = []
        self.system.aws.on_start = self.held.append
        self.nonces = 0
        self.client = self.ask(get("/x"))

    @property
    def payload(self) -> InvokePayload:
        return self.held[0].payload

    def nonce(self) -> str:
        self.nonces += 1
        return f"{self.nonces:032x}"

    def opening(
        self,
        purpose: str,
        instance: str | None = None,
        secret: bytes | None = None,
        nonce: str | None = None,
    ) -> bytes:
        """The request that opens a connection, right in all that is not said."""
        head = upgrade_request(
            "127.0.0.1",
            self.payload.instance if instance is None else instance,
            purpose,
            secret or self.payload.secret,
            nonce or self.nonce(),
        )
        return render_own(head)

    def say(self, raw: bytes) -> Client:
        """Send something to the control port."""
        client = Client()
        self.network.connect(client, CONTROL)
        self.system.send(client, raw)
        return client

    def admit(self, purpose: str) -> Client:
        """Open a connection that is admitted."""
        client = self.say(self.opening(purpose))
        self.assertTrue(client.received.startswith(b"HTTP/1.1 101 "), client.received)
        return client

    def deny(self, raw: bytes, status: int, reason: str) -> None:
        self.assert_refused(self.say(raw), status, reason)

    def open_calls(self) -> list[Call]:
        return [run for run in self.host.calls if not run.over]


class AdmissionTests(ControlCase):
    def test_a_session_then_channels(self) -> None:
        session = self.admit(SESSION)
        self.assertIn(UPGRADES[SESSION], session.received)
        self.assertEqual(self.client.received, b"")
        channel = self.admit(CHANNEL)
        self.assertTrue(channel.received.endswith(b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"))
        self.system.send(channel, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        self.assertEqual(self.answer(self.client).body, b"hi")

    def test_messages_right_behind_the_upgrade(self) -> None:
        client = self.say(self.opening(SESSION) + b'{"kind":"ready","environment":"e1"}\n')
        self.assertIn(b"101", client.received)
        (instance,) = self.pool["instances"]
        self.assertEqual(instance["environment"], "e1")

    def test_what_an_instance_says_writes_no_lines_of_its_own_into_the_log(self) -> None:
        """Its function may be somebody else's."""
        evil = "\\n\\u001b[2J\\u2028forged"
        session = self.say(
            self.opening(SESSION)
            + b'{"kind":"ready","environment":"%b"}\n' % evil.encode()
            + b'{"kind":"leaving","reason":"%b"}\n' % evil.encode()
        )
        self.assertIn(b'"kind": "drain"', session.received)
        answer = '{"reason":"%s","requests":0}' % evil  # noqa: UP031
        self.held[0].end(Outcome.RETURNED, answer.encode())
        self.network.pump()
        said = [formatEvent(event) for event in self.events]
        self.assertEqual(len([text for text in said if "forged" in text]), 3)
        self.assertEqual([text for text in said if not text.isprintable()], [])

    def test_a_wrong_secret(self) -> None:
        self.deny(self.opening(SESSION, secret=b"x" * 32), 403, "bad_proof")
        self.assertEqual(self.outcomes("denied"), {"bad_proof": 1})

    def test_the_proof_of_a_session_opens_no_channel(self) -> None:
        self.admit(SESSION)
        opening = self.opening(SESSION).replace(b"/session ", b"/channel ")
        opening = opening.replace(UPGRADES[SESSION], UPGRADES[CHANNEL])
        self.deny(opening, 403, "bad_proof")

    def test_no_proof(self) -> None:
        bare = b"\r\n".join(
            line
            for line in self.opening(SESSION).split(b"\r\n")
            if not line.startswith((NONCE_FIELD, PROOF_FIELD))
        )
        self.deny(bare, 403, "bad_proof")

    def test_a_malformed_nonce(self) -> None:
        for nonce in ("0" * 31, "G" * 32, "0" * 33):
            self.deny(self.opening(SESSION, nonce=nonce), 403, "bad_proof")

    def test_a_replayed_nonce(self) -> None:
        opening = self.opening(SESSION)
        self.say(opening)
        self.deny(opening, 403, "nonce_used")

    def test_an_unknown_instance(self) -> None:
        self.deny(self.opening(SESSION, instance="i9-000000"), 409, "unknown_instance")
        self.deny(self.opening(CHANNEL, instance="%69%39"), 409, "unknown_instance")

    def test_an_instance_that_has_ended(self) -> None:
        opening = self.opening(SESSION)
        self.held[0].end(Outcome.RETURNED, b"{}")
        self.deny(opening, 409, "unknown_instance")

    def test_a_closing_instance(self) -> None:
        session = self.admit(SESSION)
        self.system.send(session, b'{"kind":"leaving","reason":"deadline"}\n')
        self.deny(self.opening(CHANNEL), 409, "closing_instance")

    def test_a_second_session_after_the_first_was_lost(self) -> None:
        session = self.admit(SESSION)
        self.deny(self.opening(SESSION), 429, "too_many")
        session.transport.abortConnection()
        self.network.pump()
        self.deny(self.opening(SESSION), 409, "closing_instance")

    def test_a_channel_before_the_session(self) -> None:
        self.deny(self.opening(CHANNEL), 409, "no_session")

    def test_too_many_channels(self) -> None:
        self.admit(SESSION)
        channels = [self.admit(CHANNEL) for _ in range(40)]
        self.deny(self.opening(CHANNEL), 429, "too_many")
        channels[0].transport.loseConnection()
        self.network.pump()
        self.admit(CHANNEL)


class UpgradeTests(ControlCase):
    def test_another_method(self) -> None:
        self.deny(b"POST" + self.opening(SESSION)[3:], 405, "method_not_allowed")

    def test_a_body(self) -> None:
        opening = self.opening(SESSION)[:-2] + b"Content-Length: 3\r\n\r\nabc"
        self.deny(opening, 405, "method_not_allowed")

    def test_no_upgrade(self) -> None:
        opening = self.opening(SESSION).replace(b"Connection: Upgrade\r\n", b"")
        client = self.say(opening)
        self.assert_refused(client, 426, "upgrade_required")
        self.assertEqual(self.answer(client).field("upgrade"), "lambdadispatch-session/1")
        self.assertIn(b"\r\nConnection: Upgrade\r\n", client.received)
        self.assertIn(b"\r\nConnection: close\r\n", client.received)

    def test_another_upgrade(self) -> None:
        opening = self.opening(SESSION).replace(UPGRADES[SESSION], b"websocket")
        self.deny(opening, 426, "upgrade_required")

    def test_other_paths(self) -> None:
        for path in ("/", "/v1", "/v1/instances", "/v1/instances/i1", "/v2/instances/i1/session"):
            self.deny(get(path), 404, "unknown_path")

    def test_what_is_not_http(self) -> None:
        self.deny(b"\x16\x03\x01\r\n\r\n", 400, "bad_request_line")

    def test_who_was_denied_is_closed_unless_it_asks_again(self) -> None:
        client = self.say(self.opening(CHANNEL))
        self.assert_refused(client, 409, "no_session")
        self.advance(8)
        self.assertIsNot(client.lost, None)

    def test_a_slow_handshake_is_closed(self) -> None:
        for begun in (b"", b"GET /v1/inst", self.opening(SESSION)[:-2]):
            client = self.say(begun)
            self.advance(4)
            self.assertIs(client.lost, None)
            self.advance(4)
            self.assertIsNot(client.lost.check(ConnectionDone), None)

    def test_a_session_that_breaks_the_rules(self) -> None:
        session = self.admit(SESSION)
        self.system.send(session, b"nonsense\n")
        self.assertIsNot(session.lost, None)
        self.assertEqual(self.outcomes("sessions"), {"bad_session_line": 1})
        self.assertEqual(self.pool["open_instances"], 0)

    def test_a_reason_that_is_longer_than_a_line_once_it_is_escaped(self) -> None:
        session = self.admit(SESSION)
        line = json.dumps({"kind": "leaving", "reason": "\u00e9" * 1900}, ensure_ascii=False)
        self.system.send(session, line.encode() + b"\n")
        self.assertEqual(self.pool["draining_instances"], 1)
        self.assertIs(session.lost, None)
        self.assertIn(b'"drain"', session.received)

    def test_unknown_messages_are_passed_over(self) -> None:
        session = self.admit(SESSION)
        self.system.send(session, b'{"kind":"news","what":1}\n{"kind":"pong"}\n')
        self.assertIs(session.lost, None)


class ByteByByteAdmissionTests(AdmissionTests):
    chunk = 1


class SecretTests(SystemCase):
    """Nobody gets to see a secret: not the log, not a client, not the application."""

    def test_secrets_are_told_to_nobody(self) -> None:
        txaio.use_twisted()
        txaio.set_global_log_level("debug")
        self.addCleanup(txaio.set_global_log_level, "info")
        self.build(max_concurrent_count=1, first_byte_timeout=1)
        clients = [self.ask(get(path)) for path in ("/now", "/wait/0.5", "/x", "/now")]
        self.advance(3)
        self.kill_instances()
        clients.append(self.ask(get("/now")))
        wrong = Client()
        self.network.connect(wrong, CONTROL)
        opening = upgrade_request("a", "i1-000000", SESSION, b"x" * 32, "0" * 32)
        self.system.send(wrong, render_own(opening))
        clients.append(wrong)
        state = json.dumps(self.state())
        self.stop()
        secrets = [running.payload.secret for running in self.system.aws.started]
        self.assertEqual(len(set(secrets)), len(secrets))
        received = [client.received.decode() for client in clients]
        heads = [repr(call.head.fields.pairs) for call in self.host.calls]
        events = [repr(event) for event in self.events]
        events += [event["log_format"].format(**event) for event in self.events]
        self.assertGreater(len(events), 20)
        self.assertTrue([event for event in events if "channel" in event and "opened" in event])
        for secret in secrets:
            for told in [state, *received, *heads, *events]:
                self.assert_not_in(secret, told)

    def assert_not_in(self, secret: bytes, told: str) -> None:
        forms = (secret.hex(), base64.b64encode(secret).decode(), repr(secret)[2:-1])
        for form in forms:
            self.assertNotIn(form, told)

    def test_secrets_are_not_shown(self) -> None:
        claim = Claim("i1", 1, b"\x01" * 32)
        self.assertNotIn("x01", repr(claim))
