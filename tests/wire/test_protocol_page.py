"""The examples and numbers of docs/protocol.md are what the code produces."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock

from lambda_side.session import SILENT_PINGS as INSTANCE_SILENT_PINGS
from lambdadispatch.control.claims import (
    DENIAL_STATUS,
    NONCES_REMEMBERED,
    Claim,
    Claims,
    Denial,
)
from lambdadispatch.control.resources import control_tree
from lambdadispatch.control.session import SILENT_PINGS as ROUTER_SILENT_PINGS
from lambdadispatch.endpoints import HANDSHAKE_TIME
from lambdadispatch.front.relay import REPLAY_OCTETS
from lambdadispatch.http11.resource import ResourceServer
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.router.compose import CONTROL_LIMITS, CONTROL_PATIENCE
from lambdadispatch.router.fleet import SPARE_CHANNELS
from lambdadispatch.router.invocations import CLAIM_SECONDS
from lambdadispatch.settings import settings_from
from lambdadispatch.wire.control import CERTIFICATE_NAME, upgrade_request
from lambdadispatch.wire.heads import (
    RequestHead,
    ResponseHead,
    render_own,
    render_request,
    render_response,
)
from lambdadispatch.wire.payload import PROTOCOL, InvokeAnswer, InvokePayload
from lambdadispatch.wire.proof import CHANNEL, SECRET_OCTETS, SESSION, make_proof, proof_holds
from lambdadispatch.wire.reader import CHUNK_LINE_LIMIT, DEFAULT_LIMITS, End
from lambdadispatch.wire.request_reader import RequestReader
from lambdadispatch.wire.response_reader import ResponseReader
from lambdadispatch.wire.session import LINE_LIMIT, TEXT_OF, SessionReader, encode_message
from lambdadispatch.wire.upgrade import (
    UPGRADES_OF_CHANNELS,
    Upgrades,
    switched_to,
    upgrade_lines,
)
from tests.memory.network import MemoryNetwork
from tests.memory.system import CONTROL, Client

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
EXAMPLES: dict[str, str] = dict(
    re.findall(r"<!-- example: (.+?) -->\n```\w+\n(.*?)```\n", PAGE, re.DOTALL)
)


def on_the_wire(name: str) -> bytes:
    """An example of HTTP, whose lines end in CRLF."""
    return EXAMPLES[name].replace("\n", "\r\n").encode()


def payload() -> InvokePayload:
    return InvokePayload.decode(EXAMPLES["payload"].encode())


def request_of(name: str) -> RequestHead:
    reader = RequestReader()
    reader.feed(on_the_wire(name))
    head = reader.next_event()
    assert isinstance(head, RequestHead)
    return head


def field(head: RequestHead, name: bytes) -> str:
    value = head.fields.get(name)
    assert value is not None, name
    return value.decode()


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, its own head left out."""
    table = re.search(r"(?:^\|.*\n)+", PAGE[PAGE.index(heading) :], re.MULTILINE)
    assert table is not None
    lines = table[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_example_of_the_page_is_looked_at_here() -> None:
    assert set(EXAMPLES) == {
        "payload",
        "answer",
        "session request",
        "channel request",
        "proof message",
        "proof",
        "channel answer",
        "session answer",
        "denial",
        "client request",
        "channel exchange request",
        "channel exchange answer",
        "upgrade request",
        "upgrade answer",
        "messages",
        "certificate name",
    }
    assert PAGE.count("<!-- example:") == len(EXAMPLES)


def test_the_payload_is_read_and_written_as_it_stands() -> None:
    assert json.loads(payload().encode()) == json.loads(EXAMPLES["payload"])
    assert payload().secret == bytes(range(SECRET_OCTETS))


def test_the_table_of_the_payload_names_its_keys() -> None:
    values = json.loads(payload().encode())
    keys = set(values) - {"callback"} | {f"callback.{key}" for key in values["callback"]}
    assert {row[0].strip("`") for row in rows("## 1.")} == keys


def test_the_answer_is_read_and_written_as_it_stands() -> None:
    answer = InvokeAnswer.decode(EXAMPLES["answer"].encode())
    assert answer == InvokeAnswer("idle", 42)
    assert answer.encode().decode() == EXAMPLES["answer"].strip()


@pytest.mark.parametrize("purpose", [CHANNEL, SESSION])
def test_the_requests_that_open_connections(purpose: str) -> None:
    given = payload()
    nonce = field(request_of(f"{purpose} request"), b"lambda-dispatch-nonce")
    made = upgrade_request(given.callback.host, given.instance, purpose, given.secret, nonce)
    assert on_the_wire(f"{purpose} request") == render_own(made)


def test_the_worked_proof() -> None:
    message, proof = EXAMPLES["proof message"].split("\n"), EXAMPLES["proof"].strip()
    version, instance, purpose, nonce, rest = message
    assert (version, instance, purpose, rest) == (
        f"lambdadispatch/{PROTOCOL}",
        payload().instance,
        CHANNEL,
        "",
    )
    assert make_proof(payload().secret, instance, purpose, nonce) == proof
    sent = request_of("channel request")
    assert field(sent, b"lambda-dispatch-proof") == proof
    assert field(sent, b"lambda-dispatch-nonce") == nonce
    other = field(request_of("session request"), b"lambda-dispatch-proof")
    assert not proof_holds(payload().secret, instance, purpose, nonce, other)


def answers(claims: Claims, request: bytes) -> bytes:
    """What a control port with these claims answers."""
    network = MemoryNetwork(Clock())
    denied: list[str] = []
    successors = {CHANNEL: lambda *_: Protocol(), SESSION: opened}
    tree = ResourceServer(control_tree(claims, successors, denied.append))
    server = HttpServer(tree.on_request, lambda exchange, error: exchange.respond(error.status))
    network.listen_endpoint(CONTROL).listen(server)
    client = Client()
    network.connect(client, CONTROL).write(request)  # type: ignore[no-untyped-call]
    network.pump()
    assert bool(denied) is not client.received.startswith(b"HTTP/1.1 101 ")
    return client.received


def opened(claim: Claim, nonce: str) -> Protocol:
    claim.session_open = True
    return Protocol()


def test_the_control_port_answers_the_examples_as_the_page_says() -> None:
    claims = Claims(lambda: 0.0)
    claims.add(Claim(payload().instance, 2 * payload().channels, secret=payload().secret))
    assert answers(claims, on_the_wire("session request")) == on_the_wire("session answer")
    assert answers(claims, on_the_wire("channel request")) == on_the_wire("channel answer")
    used, denied = answers(claims, on_the_wire("channel request")), Denial.NONCE_USED
    assert used.startswith(b"HTTP/1.1 %d " % DENIAL_STATUS[denied])
    assert used.endswith(b'"reason": "%b"}\n' % denied.encode())
    unknown = answers(Claims(lambda: 0.0), on_the_wire("channel request"))
    assert unknown.partition(b"\r\n\r\n")[2].decode() == EXAMPLES["denial"]


def test_the_denials_with_their_statuses() -> None:
    told = {row[1].strip("`"): int(row[0]) for row in rows("### The router's answer")}
    assert told.pop("method_not_allowed") == 405
    assert told.pop("upgrade_required") == 426
    assert told == {denial.value: status for denial, status in DENIAL_STATUS.items()}
    assert json.loads(EXAMPLES["denial"])["reason"] in told


def test_what_becomes_of_a_request_on_a_channel() -> None:
    sent = render_request(request_of("client request"))
    assert sent == on_the_wire("channel exchange request")


def test_the_example_of_a_response_is_read_to_its_end() -> None:
    reader = ResponseReader()
    reader.expect(b"GET")
    reader.feed(on_the_wire("channel exchange answer"))
    head = reader.next_event()
    assert isinstance(head, ResponseHead)
    assert head.keep_alive
    assert [reader.next_event(), reader.next_event()] == [b"hello", End(())]
    assert not reader.buffered


def test_the_example_of_an_upgrade() -> None:
    """As the router writes the request, and takes the answer."""
    head = request_of("upgrade request")
    asked = Upgrades([b"websocket"]).asked(head)
    assert asked == UPGRADES_OF_CHANNELS.asked(head) == (b"websocket",)
    assert render_request(head, upgrade_lines(asked)) == on_the_wire("upgrade request")
    reader = ResponseReader()
    reader.expect(b"GET")
    reader.feed(on_the_wire("upgrade answer"))
    answer = reader.next_event()
    assert isinstance(answer, ResponseHead)
    assert switched_to(answer, asked) == b"websocket"
    assert render_response(answer, None, upgrade_lines(asked)) == on_the_wire("upgrade answer")


def test_the_messages_are_read_and_written_as_they_stand() -> None:
    lines = EXAMPLES["messages"].encode()
    messages = list(SessionReader().feed(lines))
    assert b"".join(encode_message(message) for message in messages) == lines
    assert [message.kind for message in messages] == list(
        dict.fromkeys(message.kind for message in messages)
    )
    assert {message.kind for message in messages} == set(TEXT_OF)


def test_the_table_of_messages_names_their_kinds_and_fields() -> None:
    told = {row[0].strip("`"): row[2].partition("`")[2].partition("`")[0] for row in rows("## 5.")}
    assert told == {kind: key or "" for kind, key in TEXT_OF.items()}


def test_the_name_in_the_certificate() -> None:
    assert EXAMPLES["certificate name"].strip() == CERTIFICATE_NAME


def test_the_numbers() -> None:
    settings, _ = settings_from({"function-name": "web"}, {}, None)
    assert (settings.head_limit, settings.header_count_limit) == DEFAULT_LIMITS[:2]
    assert {row[0]: int(row[1]) for row in rows("## 8.")} == {
        "octets of the secret": SECRET_OCTETS,
        "nonces the router takes from an instance": NONCES_REMEMBERED,
        "open channels the router allows, times `channels`": SPARE_CHANNELS,
        "seconds without a request until the control port closes a connection": CONTROL_PATIENCE,
        "octets of a session line": LINE_LIMIT,
        "seconds for a TLS handshake with the control port": HANDSHAKE_TIME,
        "octets of a head on the control port": CONTROL_LIMITS.head_octets,
        "fields of a head on the control port": CONTROL_LIMITS.fields,
        "seconds from the start of an invocation until its secret expires": CLAIM_SECONDS,
        "unanswered pings until the router cuts a session": ROUTER_SILENT_PINGS,
        "silent ping intervals until the instance takes the router for lost": INSTANCE_SILENT_PINGS,
        "octets of a channel's head, default of `head_limit`": settings.head_limit,
        "fields of a channel's head, default of `header_count_limit`": settings.header_count_limit,
        "octets of a chunk's size line": CHUNK_LINE_LIMIT,
        "octets of a request's body that the router keeps to send it again": REPLAY_OCTETS,
    }
