"""Tunnels: what a relayed exchange becomes after a 101 that was asked for."""

from __future__ import annotations

import pytest

from lambdadispatch.http11.outcomes import RelayOutcome
from lambdadispatch.http11.pace import ConnectionLimits
from lambdadispatch.http11.server_connection import HELD_OCTETS
from lambdadispatch.http11.watched_connection import LINGER_SWEEPS
from lambdadispatch.wire.exchange_state import State
from lambdadispatch.wire.upgrade import Upgrades
from tests.http11.stage import Peer, Pusher, RelayStage
from tests.http11.test_relay_flow import APPLICATION, FRONT, ON_THE_WAY, side

GET = b"GET /chat HTTP/1.1\r\nHost: a\r\n"
FIELDS = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
ASK = GET + b"connection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\nKey: 1\r\n\r\n"
ASKED = GET + b"Key: 1\r\n" + FIELDS + b"\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n" + FIELDS + b"Accept: 1\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nAccept: 1\r\n" + FIELDS + b"\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
NO = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
CLOSED, CUT = RelayOutcome.TUNNEL_CLOSED, RelayOutcome.TUNNEL_CUT
LARGE = 8 << 20


def make_stage(chunk: int | None = None, **options: object) -> RelayStage:
    return RelayStage(chunk, upgrades=Upgrades([b"websocket"]), **options)


def opened(stage: RelayStage) -> Peer:
    """A client that has a tunnel."""
    client = stage.client(ASK)
    stage.application.send(SWITCH)
    stage.pump()
    assert stage.outcomes == [[]]
    return client


@pytest.fixture(params=[None, 1], ids=["whole", "byte by byte"])
def stage(request: pytest.FixtureRequest) -> RelayStage:
    return make_stage(request.param)


def test_both_directions_carry_what_comes_as_it_comes(stage: RelayStage) -> None:
    client = opened(stage)
    assert stage.application.received == ASKED
    assert client.received == SWITCHED
    client.send(NEXT + bytes(range(256)))
    stage.application.send(NO + b"\r\n\x00")
    stage.pump()
    assert stage.application.received == ASKED + NEXT + bytes(range(256))
    assert client.received == SWITCHED + NO + b"\r\n\x00"
    assert len(stage.exchanges) == 1
    assert stage.connection.state is State.TUNNELLED


def test_what_comes_early_waits_for_the_101(stage: RelayStage) -> None:
    client = stage.client(ASK + NEXT + b"early")
    assert stage.application.received == ASKED
    stage.application.send(SWITCH + b"at once")
    stage.pump()
    assert stage.application.received == ASKED + NEXT + b"early"
    assert client.received == SWITCHED + b"at once"
    assert len(stage.exchanges) == 1


def test_an_interim_response_before_the_101_is_passed_on(stage: RelayStage) -> None:
    client = stage.client(ASK)
    stage.application.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" + SWITCH)
    stage.pump()
    assert client.received == b"HTTP/1.1 103 Early Hints\r\n\r\n" + SWITCHED


def test_another_answer_is_an_answer_and_nothing_is_a_tunnel(stage: RelayStage) -> None:
    client = stage.client(ASK)
    stage.application.send(NO)
    stage.pump()
    assert client.received == NO
    assert stage.outcomes == [[RelayOutcome.ANSWERED]]
    client.send(NEXT)
    stage.pump()
    stage.application.send(NO)
    stage.pump()
    assert stage.application.received == ASKED + NEXT
    stage.application.send(SWITCH)
    stage.pump()
    assert stage.closed == ["unasked"]


def test_the_next_request_on_a_connection_has_not_asked(stage: RelayStage) -> None:
    client = stage.client(ASK)
    stage.application.send(NO)
    stage.pump()
    client.send(NEXT)
    stage.pump()
    stage.application.send(SWITCH)
    stage.pump()
    assert client.received.endswith(b"\r\n\r\nbad_answer")
    assert stage.outcomes[1] == [RelayOutcome.BAD_ANSWER]
    assert stage.closed == ["unasked_upgrade"]


@pytest.mark.parametrize(
    "lines",
    [
        FIELDS.replace(b"websocket", b"other"),
        FIELDS.replace(b"websocket", b"websocket, other"),
        FIELDS.replace(b"websocket", b"h2c"),
        FIELDS.replace(b"Connection: Upgrade\r\n", b""),
        FIELDS.replace(b"Upgrade: websocket\r\n", b""),
        FIELDS + b"Content-Length: 0\r\n",
        FIELDS + b"Transfer-Encoding: chunked\r\n",
    ],
)
def test_a_101_that_is_not_the_one_asked_for_is_a_bad_answer(
    stage: RelayStage, lines: bytes
) -> None:
    client = stage.client(ASK)
    stage.application.send(b"HTTP/1.1 101 X\r\n" + lines + b"\r\nbytes")
    stage.pump()
    assert client.received.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert client.received.endswith(b"\r\n\r\nbad_answer")
    assert stage.application.received == ASKED
    assert stage.outcomes == [[RelayOutcome.BAD_ANSWER]]
    assert stage.closed == ["unasked_upgrade"]


def test_without_leave_nothing_is_asked_for() -> None:
    stage = RelayStage()
    client = stage.client(ASK)
    assert stage.application.received == GET + b"Key: 1\r\n\r\n"
    stage.application.send(SWITCH)
    stage.pump()
    assert client.received.startswith(b"HTTP/1.1 502 ")


# -- its ends


@pytest.mark.parametrize("reads", [True, False], ids=["reads", "slow"])
def test_a_client_ends_and_the_application_gets_all_before_its_end(reads: bool) -> None:
    stage = make_stage()
    client = opened(stage)
    if not reads:
        stage.application.transport.pauseProducing()
    client.send(bytes(100_000))
    client.transport.loseConnection()
    stage.pump()
    stage.application.transport.resumeProducing()
    stage.pump()
    assert len(stage.application.received) == len(ASKED) + 100_000
    assert (client.ended, stage.application.ended) == ("done", "done")
    assert stage.outcomes == [[CLOSED]]
    assert stage.closed == ["tunnel_closed"]
    assert not stage.server.connections


@pytest.mark.parametrize("reads", [True, False], ids=["reads", "slow"])
def test_an_application_ends_and_the_client_gets_all_before_its_end(reads: bool) -> None:
    stage = make_stage()
    client = opened(stage)
    if not reads:
        client.transport.pauseProducing()
    stage.application.send(bytes(100_000))
    stage.application.transport.loseConnection()
    stage.pump()
    client.transport.resumeProducing()
    stage.pump()
    assert len(client.received) == len(SWITCHED) + 100_000
    assert (client.ended, stage.application.ended) == ("done", "done")
    assert stage.outcomes == [[CLOSED]]
    assert stage.closed == ["tunnel_closed"]
    assert not stage.server.connections


def test_an_application_ends_right_behind_its_101() -> None:
    stage = make_stage()
    client = stage.client(ASK)
    stage.application.send(SWITCH + b"bye")
    stage.application.transport.loseConnection()
    stage.pump()
    assert client.received == SWITCHED + b"bye"
    assert client.ended == "done"
    assert stage.outcomes == [[CLOSED]]


def test_a_client_that_does_not_close_its_side_is_cut_after_a_while() -> None:
    """What it sends meanwhile is passed over: a reset would take from it what it has not read."""
    stage = make_stage()
    client = opened(stage)
    pusher = Pusher(client.transport, bytes(LARGE))
    stage.application.send(b"bye")
    stage.application.transport.loseConnection()
    client.transport.pauseProducing()
    stage.pump()
    pusher.start()
    stage.pump()
    assert len(stage.server.connections) == 1
    stage.sweep(LINGER_SWEEPS + 1)
    client.transport.resumeProducing()
    stage.pump()
    assert client.received == SWITCHED + b"bye"
    assert not stage.server.connections


def test_a_client_that_breaks_breaks_the_other_side() -> None:
    stage = make_stage()
    client = opened(stage)
    client.transport.abortConnection()
    stage.pump()
    assert stage.application.ended == "lost"
    assert stage.outcomes == [[RelayOutcome.CLIENT_GONE]]
    assert stage.closed == ["client_gone"]


def test_an_application_that_breaks_breaks_the_other_side() -> None:
    stage = make_stage()
    client = opened(stage)
    stage.application.transport.abortConnection()
    stage.pump()
    assert client.ended == "lost"
    assert stage.outcomes == [[CUT]]
    assert stage.closed == ["lost"]


@pytest.mark.parametrize("reason", ["nacked", "session_silent"])
def test_a_channel_that_is_given_up(reason: str) -> None:
    """A nack, too, which means nothing here any more."""
    stage = make_stage()
    client = opened(stage)
    stage.connection.lose(reason, reason)
    stage.pump()
    assert (client.ended, stage.application.ended) == ("lost", "lost")
    assert stage.outcomes == [[CUT]]
    assert stage.closed == [reason]


def test_a_server_that_is_cut_cuts_its_tunnels() -> None:
    stage = make_stage()
    client = opened(stage)
    stage.server.cut()
    stage.pump()
    assert (client.ended, stage.application.ended) == ("lost", "lost")
    assert stage.outcomes == [[RelayOutcome.CLIENT_GONE]]


def test_a_101_for_a_client_that_was_just_cut() -> None:
    """Its connection does not know yet that it is gone."""
    stage = make_stage()
    client = stage.client(ASK)
    stage.server.cut()
    stage.connection.dataReceived(SWITCH + b"bytes")
    stage.pump()
    assert client.received == b""
    assert client.ended == "lost"
    assert stage.application.ended == "lost"
    assert stage.outcomes == [[RelayOutcome.CLIENT_GONE]]


def test_a_server_that_drains_waits_for_its_tunnels() -> None:
    stage = make_stage()
    client = opened(stage)
    stage.server.drain()
    empty = stage.server.when_empty()
    client.send(b"on")
    stage.pump()
    assert stage.application.received == ASKED + b"on"
    assert not empty.called
    client.transport.loseConnection()
    stage.pump()
    assert empty.called


# -- flow


def test_a_slow_client_holds_the_application_back() -> None:
    stage = make_stage()
    client = opened(stage)
    client.transport.pauseProducing()
    pusher = Pusher(stage.application.transport, bytes(LARGE))
    pusher.start()
    stage.pump()
    assert 65536 < pusher.sent < ON_THE_WAY
    assert not stage.reads(side(stage, APPLICATION, "client"))
    client.transport.resumeProducing()
    stage.pump()
    assert client.received == SWITCHED + bytes(LARGE)


def test_a_slow_application_holds_the_client_back() -> None:
    stage = make_stage()
    client = opened(stage)
    stage.application.transport.pauseProducing()
    pusher = Pusher(client.transport, bytes(LARGE))
    pusher.start()
    stage.pump()
    assert 65536 < pusher.sent < ON_THE_WAY
    assert not stage.reads(side(stage, FRONT, "server"))
    assert stage.held == 0
    stage.application.transport.resumeProducing()
    stage.pump()
    assert stage.application.received == ASKED + bytes(LARGE)


@pytest.mark.parametrize("slow", [False, True], ids=["ready", "slow"])
def test_early_bytes_are_bounded_and_all_arrive(slow: bool) -> None:
    stage = make_stage()
    client = stage.client(ASK)
    pusher = Pusher(client.transport, bytes(LARGE))
    pusher.start()
    stage.pump()
    assert HELD_OCTETS < stage.held < 3 * HELD_OCTETS
    assert pusher.sent < ON_THE_WAY
    assert not stage.reads(side(stage, FRONT, "server"))
    if slow:
        stage.application.transport.pauseProducing()
    stage.application.send(SWITCH)
    stage.pump()
    assert stage.held == 0
    assert slow is (pusher.sent < LARGE)
    stage.application.transport.resumeProducing()
    stage.pump()
    assert stage.application.received == ASKED + bytes(LARGE)
    assert client.received == SWITCHED


# -- sweeps


def test_a_silent_tunnel_is_left_alone_by_every_sweep() -> None:
    limits = ConnectionLimits(head_sweeps=2, body_rate=1000, requests=1, unread_sweeps=2)
    stage = make_stage(patience=2, connection_limits=limits)
    client = opened(stage)
    stage.sweep(100)
    client.send(b"still")
    stage.application.send(b"here")
    stage.pump()
    assert stage.application.received == ASKED + b"still"
    assert client.received == SWITCHED + b"here"


def test_a_client_that_reads_nothing_is_cut_as_within_an_answer() -> None:
    stage = make_stage(connection_limits=ConnectionLimits(unread_sweeps=5))
    client = opened(stage)
    client.transport.pauseProducing()
    Pusher(stage.application.transport, bytes(LARGE)).start()
    stage.pump()
    stage.sweep(5)
    assert stage.outcomes == [[]]
    stage.sweep(1)
    assert stage.outcomes == [[RelayOutcome.CLIENT_STALLED]]
    assert stage.application.ended == "lost"


class Counted:
    """An Admission that lets everybody in."""

    def __init__(self) -> None:
        self.open = 0

    def opened(self, connection: object) -> bool:
        self.open += 1
        return True

    def closed(self, connection: object) -> None:
        self.open -= 1


def test_a_tunnel_counts_as_a_connection_until_it_ends() -> None:
    admission = Counted()
    stage = make_stage(admission=admission)
    client = opened(stage)
    assert admission.open == 1
    client.transport.loseConnection()
    stage.pump()
    assert admission.open == 0
