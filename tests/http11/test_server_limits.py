"""Limits on clients: slow heads and bodies, long targets, large bodies, requests, connections."""

from __future__ import annotations

import gc

import pytest

from lambdadispatch.http11.pace import GRACE_SWEEPS, ConnectionLimits, Pace
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.http11.server_connection import ServerConnection
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.heads import response
from lambdadispatch.wire.reader import Limits
from tests.http11.stage import Body, HalfClosingPeer, Peer, ServerStage
from tests.memory.link import Link

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

CHUNKS = pytest.mark.parametrize("chunk", [None, 1])
HEAD_TIME = 3
RATE = 10


def slow_stage(chunk: int | None = None, **changes: int) -> ServerStage:
    limits = {"head_sweeps": HEAD_TIME, "body_rate": RATE} | changes
    return ServerStage(chunk, connection_limits=ConnectionLimits(**limits))


def assert_late(stage: ServerStage, client: Peer, reason: str) -> None:
    head, body, *rest = client.answers()
    assert str(head).startswith("408 Request Timeout ")
    assert (body, rest[:1]) == (reason.encode(), ["end"])
    assert b"Connection: close\r\n" in client.received
    assert stage.refused == [reason]


# -- heads


@CHUNKS
@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\nHost: a\r\n", b"\r\nG", GET[:-1]])
def test_a_head_must_be_whole_in_time(chunk: int | None, begun: bytes) -> None:
    stage = slow_stage(chunk)
    client = stage.client(begun)
    stage.sweep(HEAD_TIME)
    assert client.received == b""
    stage.sweep(1)
    assert_late(stage, client, "head_timeout")
    assert client.ended == "done"
    assert not stage.server.connections


def test_a_head_that_comes_an_octet_at_a_time_is_late_too() -> None:
    stage = slow_stage()
    client = stage.client()
    for octet in GET[:-1]:
        if client.ended is None:
            client.send(bytes([octet]))
            stage.sweep(1)
    assert_late(stage, client, "head_timeout")
    assert stage.exchanges == []


def test_each_head_has_its_own_time() -> None:
    stage = slow_stage()
    client = stage.client()
    for _ in range(10):
        client.send(GET[:5])
        stage.pump()
        stage.sweep(HEAD_TIME - 1)
        client.send(GET[5:])
        stage.pump()
        stage.exchanges.pop().respond(200)
    assert (stage.refused, client.ended) == ([], None)
    client.send(GET[:5])
    stage.pump()
    stage.sweep(HEAD_TIME + 1)
    assert stage.refused == ["head_timeout"]


def test_a_head_that_waits_behind_an_open_request_is_not_late() -> None:
    """It waits for the server, not the server for it."""
    stage = slow_stage()
    client = stage.client(GET + GET[:-1])
    stage.sweep(10 * HEAD_TIME)
    assert (stage.refused, client.received) == ([], b"")
    stage.exchanges[0].respond(200)
    client.send(GET[-1:])
    stage.pump()
    stage.exchanges[1].respond(200)
    stage.pump()
    assert len(client.answers(b"GET", b"GET")) >= 4


def test_a_silent_client_is_idle_and_not_late() -> None:
    stage = slow_stage()
    client = stage.client()
    stage.sweep(10 * HEAD_TIME)
    assert (stage.refused, client.ended) == ([], None)


def test_a_head_that_is_coming_is_not_idle() -> None:
    limits = ConnectionLimits(head_sweeps=10)
    stage = ServerStage(patience=2, connection_limits=limits)
    begun, silent = stage.client(GET[:-1]), stage.client()
    stage.sweep(5)
    assert (begun.ended, silent.ended) == (None, "done")
    stage.sweep(6)
    assert_late(stage, begun, "head_timeout")


def test_without_a_limit_a_head_takes_as_long_as_a_connection_may_idle() -> None:
    stage = ServerStage(patience=20)
    client = stage.client(GET[:-1])
    stage.sweep(20)
    assert client.ended is None
    stage.sweep(1)
    assert (client.received, client.ended, stage.refused) == (b"", "done", [])


def test_a_late_client_that_does_not_close_is_cut() -> None:
    stage = slow_stage()
    client = HalfClosingPeer()
    stage.client(b"G", client)
    stage.sweep(HEAD_TIME + 1)
    assert client.finished
    stage.sweep(3)
    assert not stage.server.connections


# -- bodies


def trickle(stage: ServerStage, client: Peer, octets: int, seconds: int) -> None:
    for _ in range(seconds):
        if client.ended is None:
            client.send(bytes(octets))
            stage.pump()
            stage.sweep(1)


@pytest.mark.parametrize("octets", [0, 1, RATE - 1])
def test_a_body_must_keep_pace(octets: int) -> None:
    stage = slow_stage()
    client = stage.client(POST)
    sink = Body()
    stage.exchanges[0].take(sink)
    trickle(stage, client, octets, GRACE_SWEEPS)
    assert (stage.refused, sink.lost) == ([], [])
    trickle(stage, client, octets, 2)
    assert_late(stage, client, "body_too_slow")
    assert sink.lost == ["body_too_slow"]


def test_a_connection_that_is_gone_holds_its_exchange_no_more() -> None:
    """Else each holds the other until the garbage collector looks, which is seldom."""
    stage = slow_stage()
    client = stage.client(POST)
    exchange = stage.exchanges[0]
    exchange.take(Body())
    connection = exchange.connection
    trickle(stage, client, 0, GRACE_SWEEPS + 2)
    assert_late(stage, client, "body_too_slow")
    client.transport.loseConnection()
    stage.pump()
    assert stage.server.connections == set()
    held = gc.get_referents(connection)
    within = [each for pace in held if isinstance(pace, Pace) for each in gc.get_referents(pace)]
    assert not any(each is exchange for each in (*held, *within))


def test_a_body_that_keeps_pace_may_take_for_ever() -> None:
    stage = slow_stage()
    client = stage.client(POST)
    stage.exchanges[0].take(Body())
    trickle(stage, client, RATE, 10 * GRACE_SWEEPS)
    assert (stage.refused, client.ended) == ([], None)


def test_a_body_that_was_fast_may_not_live_on_that() -> None:
    stage = slow_stage()
    client = stage.client(POST)
    stage.exchanges[0].take(Body())
    trickle(stage, client, 500, GRACE_SWEEPS + 1)
    trickle(stage, client, 0, GRACE_SWEEPS + 1)
    assert stage.refused == ["body_too_slow"]


def test_the_octets_of_chunks_count_and_not_their_framing() -> None:
    stage = slow_stage()
    client = stage.client(CHUNKED)
    stage.exchanges[0].take(Body())
    for _ in range(GRACE_SWEEPS + 2):
        if client.ended is None:
            client.send(b"1;" + b"x" * 200 + b"\r\na\r\n")
            stage.sweep(1)
    assert stage.refused == ["body_too_slow"]


def test_a_body_that_nobody_takes_is_not_slow() -> None:
    stage = slow_stage()
    stage.client(POST)
    stage.sweep(10 * GRACE_SWEEPS)
    assert stage.refused == []
    stage.exchanges[0].take(Body())
    stage.sweep(GRACE_SWEEPS)
    assert stage.refused == []
    stage.sweep(1)
    assert stage.refused == ["body_too_slow"]


def test_a_client_that_is_held_back_is_not_slow() -> None:
    stage = slow_stage()
    stage.client(POST)
    stage.exchanges[0].take(Body())
    for _ in range(5):
        stage.sweep(GRACE_SWEEPS - 2)
        stage.exchanges[0].pause_body()
        stage.sweep(GRACE_SWEEPS)
        stage.exchanges[0].resume_body()
    assert stage.refused == []


def test_a_body_beside_its_answer_may_be_slow() -> None:
    stage = slow_stage()
    client = stage.client(CHUNKED)
    stage.exchanges[0].take(Body())
    stage.exchanges[0].answer(response(200))
    stage.exchanges[0].write(b"listening")
    stage.sweep(10 * GRACE_SWEEPS)
    assert (stage.refused, client.ended) == ([], None)


def test_a_body_that_goes_on_after_its_answer_must_keep_pace() -> None:
    """Else it would hold the channel on which it is passed on."""
    stage = slow_stage()
    client = stage.client(POST)
    sink = Body()
    stage.exchanges[0].take(sink)
    stage.exchanges[0].answer(response(200))
    stage.exchanges[0].end()
    stage.sweep(GRACE_SWEEPS)
    assert (sink.lost, client.ended) == ([], None)
    stage.sweep(1)
    assert sink.lost == ["body_too_slow"]
    assert client.answers()[:2] == ["200 OK HTTP/1.1 chunked", "end"]
    assert (stage.refused, client.ended) == ([], "done")


def test_a_body_that_is_passed_over_has_no_longer_than_an_idle_connection() -> None:
    """Though it keeps the pace that a body must keep which somebody takes."""
    limits = ConnectionLimits(body_rate=RATE)
    stage = ServerStage(patience=5, connection_limits=limits)
    client = stage.client(POST.replace(b"1000000", b"60000"))
    stage.exchanges[0].respond(200)
    trickle(stage, client, 10 * RATE, 5)
    assert client.ended is None
    trickle(stage, client, 10 * RATE, 1)
    assert client.ended is not None
    assert stage.refused == []


def test_a_whole_body_is_not_waited_for() -> None:
    stage = slow_stage()
    client = stage.client(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
    stage.exchanges[0].take(Body())
    stage.sweep(10 * GRACE_SWEEPS)
    assert (stage.refused, client.ended) == ([], None)


# -- answers that are not read

UNREAD_TIME = 5
LARGE = bytes(1_000_000)


def unread_stage() -> ServerStage:
    return ServerStage(connection_limits=ConnectionLimits(unread_sweeps=UNREAD_TIME))


def answering(stage: ServerStage) -> tuple[Peer, Link, Body]:
    """A client that is sent more than it takes."""
    client = stage.client(CHUNKED)
    (link,) = stage.network.links
    sink = Body()
    stage.exchanges[0].take(sink)
    link.freeze("client")
    stage.exchanges[0].answer(response(200))
    stage.exchanges[0].write(LARGE)
    stage.pump()
    return client, link, sink


def test_an_answer_must_be_read() -> None:
    stage = unread_stage()
    _, link, sink = answering(stage)
    assert sink.pace == ["slow"]
    stage.sweep(UNREAD_TIME)
    assert sink.lost == []
    stage.sweep(1)
    assert sink.lost == ["client_stalled"]
    assert not stage.server.connections
    assert stage.refused == []
    link.thaw("client")


def test_a_client_that_reads_in_time_may_be_slow_for_ever() -> None:
    stage = unread_stage()
    _, link, sink = answering(stage)
    for _ in range(5):
        stage.sweep(UNREAD_TIME)
        link.thaw("client")
        stage.pump()
        link.freeze("client")
        stage.exchanges[0].write(LARGE)
        stage.pump()
    assert sink.lost == []
    assert sink.pace == ["slow", "ready"] * 5 + ["slow"]
    link.thaw("client")


def test_the_end_of_an_answer_must_be_read_before_the_connection_can_close() -> None:
    stage = unread_stage()
    client = stage.client(GET.replace(b"1.1", b"1.0"))
    (link,) = stage.network.links
    link.freeze("client")
    stage.exchanges[0].respond(200, body=LARGE)
    stage.pump()
    stage.sweep(UNREAD_TIME)
    assert len(stage.server.connections) == 1
    stage.sweep(1)
    assert not stage.server.connections
    link.thaw("client")
    stage.pump()
    assert client.ended == "lost"


def test_the_end_of_an_answer_must_be_read_on_a_connection_that_is_kept() -> None:
    stage = unread_stage()
    stage.client(GET)
    (link,) = stage.network.links
    link.freeze("client")
    stage.exchanges[0].respond(200, body=LARGE)
    stage.pump()
    stage.sweep(UNREAD_TIME)
    assert len(stage.server.connections) == 1
    stage.sweep(2)
    assert not stage.server.connections
    link.thaw("client")


# -- bodies and targets that are too large


def sized_stage(chunk: int | None) -> ServerStage:
    return ServerStage(chunk, limits=Limits(target_octets=20, body_octets=10))


@CHUNKS
def test_a_target_too_long(chunk: int | None) -> None:
    stage = sized_stage(chunk)
    client = stage.client(GET.replace(b"/ ", b"/" + b"x" * 20 + b" ") + GET)
    assert client.answers()[:2] == ["414 URI Too Long HTTP/1.1 12", b"uri_too_long"]
    assert (stage.refused, stage.exchanges, client.ended) == (["uri_too_long"], [], "done")


@CHUNKS
def test_a_declared_body_too_large(chunk: int | None) -> None:
    stage = sized_stage(chunk)
    client = stage.client(POST.replace(b"1000000", b"11") + bytes(11))
    assert client.answers()[:2] == ["413 Content Too Large HTTP/1.1 14", b"body_too_large"]
    assert (stage.refused, stage.exchanges, client.ended) == (["body_too_large"], [], "done")


@CHUNKS
def test_chunks_too_large_before_the_answer(chunk: int | None) -> None:
    stage = sized_stage(chunk)
    client = stage.client(CHUNKED + b"a\r\n0123456789\r\n")
    sink = Body()
    stage.exchanges[0].take(sink)
    client.send(b"1\r\n")
    stage.pump()
    assert (sink.data, sink.lost) == (b"0123456789", ["body_too_large"])
    assert client.answers()[:2] == ["413 Content Too Large HTTP/1.1 14", b"body_too_large"]
    assert (stage.refused, client.ended) == (["body_too_large"], "done")


@CHUNKS
def test_chunks_too_large_within_the_answer(chunk: int | None) -> None:
    stage = sized_stage(chunk)
    client = stage.client(CHUNKED)
    sink = Body()
    stage.exchanges[0].take(sink)
    stage.exchanges[0].answer(response(200))
    stage.exchanges[0].write(b"part")
    client.send(b"b\r\n")
    stage.pump()
    assert sink.lost == ["body_too_large"]
    assert client.answers() == ["200 OK HTTP/1.1 chunked", b"part", "more"]
    assert (stage.refused, client.ended) == ([], "lost")


# -- requests


@CHUNKS
def test_a_connection_is_closed_after_its_last_request(chunk: int | None) -> None:
    stage = ServerStage(chunk, connection_limits=ConnectionLimits(requests=2))
    client = stage.client(GET + GET + GET)
    stage.exchanges[0].respond(200)
    stage.pump()
    assert b"Connection: close" not in client.received
    stage.exchanges[1].respond(200)
    stage.pump()
    assert client.received.count(b"Connection: close\r\n") == 1
    assert client.ended is not None
    assert len(stage.exchanges) == 2


def test_the_body_of_the_last_request_is_read() -> None:
    stage = ServerStage(connection_limits=ConnectionLimits(requests=1))
    client = stage.client(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
    sink = Body()
    stage.exchanges[0].take(sink)
    client.send(b"cd")
    stage.pump()
    assert (sink.data, sink.trailers) == (b"abcd", ())
    stage.exchanges[0].respond(200)
    stage.pump()
    assert client.ended == "done"


# -- connections


class Door:
    """Lets the first ``most`` in."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.log: list[str] = []
        self.open: set[ServerConnection] = set()

    def opened(self, connection: ServerConnection) -> bool:
        self.log.append("opened")
        if len(self.open) >= self.most:
            return False
        self.open.add(connection)
        return True

    def closed(self, connection: ServerConnection) -> None:
        self.log.append("closed")
        self.open.discard(connection)


@CHUNKS
def test_who_is_not_admitted_is_cut_unheard(chunk: int | None) -> None:
    door = Door(1)
    stage = ServerStage(chunk, admission=door)
    first, second = stage.client(GET), stage.client(GET)
    assert (second.received, second.ended) == (b"", "lost")
    assert len(stage.exchanges) == len(stage.server.connections) == len(door.open) == 1
    first.transport.loseConnection()
    stage.pump()
    assert door.open == set()
    third = stage.client(GET)
    stage.exchanges[1].respond(200)
    stage.pump()
    assert third.answers()[0] == "200 OK HTTP/1.1 0"


def test_a_connection_that_changes_hands_is_no_longer_counted() -> None:
    door = Door(1)
    stage = ServerStage(admission=door)
    stage.client(GET)
    stage.exchanges[0].switch(response(101), Peer())
    assert door.open == set()


# -- lines of the server's own


@CHUNKS
def test_own_lines_are_on_every_answer(chunk: int | None) -> None:
    stage = ServerStage(chunk)

    def number(exchange: ServerExchange) -> None:
        exchange.own_lines = b"X-Own: %d\r\n" % len(stage.exchanges)
        stage.exchanges.append(exchange)

    stage.server.on_request = number
    client = stage.client(GET + CHUNKED)
    stage.exchanges[0].answer(response(200))
    stage.exchanges[0].write(b"x")
    stage.exchanges[0].end()
    stage.exchanges[1].take(Body())
    client.send(b"zz\r\n")
    stage.pump()
    assert client.received.count(b"X-Own: ") == 2
    assert b"X-Own: 0\r\n" in client.received.partition(b"400 Bad Request")[0]
    assert b"X-Own: 1\r\n" in client.received.partition(b"400 Bad Request")[2]


def test_a_server_has_no_limits_of_itself() -> None:
    stage = ServerStage()
    assert isinstance(stage.server, HttpServer)
    client = stage.client(POST)
    stage.exchanges[0].take(Body())
    stage.sweep(1000)
    assert (stage.refused, client.ended) == ([], None)
