"""The body of a request: held until someone takes it, held back, passed over."""

from __future__ import annotations

import pytest

from lambdadispatch.http11.server_connection import HELD_OCTETS
from lambdadispatch.http11.server_exchange import DISCARDED_OCTETS
from lambdadispatch.wire.heads import response
from tests.http11.stage import Body, HalfClosingPeer, Peer, Pusher, ServerStage

GET = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
LARGE = 1 << 20
# What may stand between one end and the other: a window and a transport's buffer, and some.
BETWEEN = 4 * 65536


def post(body: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def uploading(stage: ServerStage, length: int) -> tuple[Peer, Pusher]:
    """A client that sends the head of a request and then its body as fast as it is let."""
    client = stage.client()
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length
    pusher = Pusher(client.transport, head + bytes(length))
    pusher.start()
    stage.pump()
    return client, pusher


def server_side(stage: ServerStage) -> object:
    return stage.network.links[-1].server


@pytest.mark.parametrize("chunk", [None, 1])
def test_a_body_waits_until_it_is_taken(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    stage.client(post(b"hello") + GET)
    exchange = stage.exchanges[0]
    sink = Body()
    assert stage.held == 5 + len(GET)
    exchange.take(sink)
    assert (sink.data, sink.trailers) == (b"hello", ())
    assert stage.held == len(GET)


@pytest.mark.parametrize("chunk", [None, 1])
def test_a_body_taken_at_once_streams(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    sink = Body()
    stage.server.on_request = lambda exchange: exchange.take(sink)
    client = stage.client(post(b"hello")[:-3])
    assert (sink.data, sink.trailers) == (b"he", None)
    client.send(b"llo")
    stage.pump()
    assert (sink.data, sink.trailers) == (b"hello", ())


def test_the_client_is_held_back_while_nobody_takes_its_body() -> None:
    stage = ServerStage()
    _, pusher = uploading(stage, LARGE)
    assert HELD_OCTETS < stage.held <= 2 * HELD_OCTETS
    assert pusher.sent < stage.held + BETWEEN
    assert not stage.reads(server_side(stage))
    sink = Body()
    stage.exchanges[0].take(sink)
    stage.pump()
    assert (len(sink.data), sink.trailers) == (LARGE, ())
    assert stage.reads(server_side(stage))
    assert stage.held == 0


def test_the_client_is_held_back_while_it_pipelines_too_much() -> None:
    stage = ServerStage()
    client = stage.client(GET)
    pusher = Pusher(client.transport, GET * 20_000)
    pusher.start()
    stage.pump()
    assert HELD_OCTETS < stage.held <= 2 * HELD_OCTETS
    assert pusher.sent < stage.held + BETWEEN
    stage.server.on_request = lambda exchange: exchange.respond(204)
    stage.exchanges[0].respond(204)
    stage.pump()
    assert client.answers(*[b"GET"] * 20_001).count("end") == 20_001
    assert stage.held == 0


def test_a_body_is_held_back_and_let_go_on() -> None:
    stage = ServerStage()
    _, pusher = uploading(stage, LARGE)
    exchange, sink = stage.exchanges[0], Body()
    exchange.pause_body()
    exchange.take(sink)
    stage.pump()
    assert sink.data == b""
    assert pusher.sent < stage.held + BETWEEN
    assert not stage.reads(server_side(stage))
    exchange.resume_body()
    stage.pump()
    assert (len(sink.data), sink.trailers) == (LARGE, ())


def test_a_client_is_read_while_its_complete_request_is_slow_to_pass_on() -> None:
    """There is no more of the body to hold back, and reading tells that a client has left."""
    stage = ServerStage()
    client = stage.client(post(b"hello"))
    sink = Body()
    stage.exchanges[0].take(sink)
    stage.exchanges[0].pause_body()
    assert stage.reads(server_side(stage))
    client.transport.loseConnection()
    stage.pump()
    assert sink.lost == ["client_gone"]


@pytest.mark.parametrize("chunk", [None, 1])
@pytest.mark.parametrize("at_once", [False, True])
def test_a_small_body_nobody_wanted_is_passed_over(chunk: int | None, at_once: bool) -> None:
    stage = ServerStage(chunk)
    if at_once:
        stage.server.on_request = lambda exchange: exchange.respond(404)
    request = post(b"x" * 5000)
    client = stage.client(request[:3000])
    if not at_once:
        stage.exchanges[0].respond(404)
    stage.pump()
    assert client.answers() == ["404 Not Found HTTP/1.1 0", "end", "more"]
    stage.server.on_request = lambda exchange: exchange.respond(204)
    client.send(request[3000:] + GET)
    stage.pump()
    notes = client.answers(b"POST", b"GET")
    assert notes[2:] == ["204 No Content HTTP/1.1 0", "end", "more"]
    assert b"Connection: close" not in client.received


CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
TOO_LARGE = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (DISCARDED_OCTETS + 1)


@pytest.mark.parametrize("chunk", [None, 1])
@pytest.mark.parametrize("request_", [CHUNKED, TOO_LARGE])
def test_a_large_body_nobody_wanted_closes_the_connection(
    chunk: int | None, request_: bytes
) -> None:
    stage = ServerStage(chunk)
    client = stage.client(request_)
    lost: list[str] = []
    stage.exchanges[0].on_lost = lost.append
    stage.exchanges[0].respond(413)
    stage.pump()
    assert client.answers() == ["413 Content Too Large HTTP/1.1 0", "end", "closed"]
    assert b"Connection: close\r\n" in client.received
    assert lost == []


def test_a_large_body_nobody_wanted_is_not_kept_while_the_client_sends_on() -> None:
    stage = ServerStage()
    client = HalfClosingPeer()
    stage.client(TOO_LARGE + bytes(50_000), client)
    assert stage.held == 50_000
    stage.exchanges[0].respond(413)
    for _ in range(10):
        client.send(bytes(65536))
        stage.pump()
    assert (stage.held, client.finished, client.ended) == (0, True, None)
    assert stage.reads(server_side(stage))


def test_a_body_that_was_complete_needs_no_passing_over() -> None:
    stage = ServerStage()
    client = stage.client(post(b"x" * 100_000) + GET)
    sink = Body()
    stage.exchanges[0].take(sink)
    stage.pump()
    stage.exchanges[0].respond(200)
    stage.pump()
    assert len(stage.exchanges) == 2
    assert client.answers() == ["200 OK HTTP/1.1 0", "end", "more"]


@pytest.mark.parametrize("chunk", [None, 1])
def test_an_answer_can_begin_and_end_before_the_body_has(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    request = post(b"hello")
    client = stage.client(request[:-4])
    exchange, sink = stage.exchanges[0], Body()
    exchange.take(sink)
    exchange.answer(response(200))
    exchange.write(b"echo")
    exchange.end()
    stage.pump()
    assert client.answers() == ["200 OK HTTP/1.1 chunked", b"echo", "end", "more"]
    client.send(request[-4:] + GET)
    stage.pump()
    assert (sink.data, sink.trailers, sink.lost) == (b"hello", (), [])
    assert len(stage.exchanges) == 2


def test_a_slow_client_is_told_of_once() -> None:
    stage = ServerStage()
    client = stage.client(GET + GET)
    exchange, sink = stage.exchanges[0], Body()
    client.transport.pauseProducing()
    exchange.take(sink)
    exchange.answer(response(200, body=LARGE))
    for _ in range(LARGE // 65536):
        exchange.write(bytes(65536))
    assert sink.pace == ["slow"]
    client.transport.resumeProducing()
    stage.pump()
    assert sink.pace == ["slow", "ready"]
    client.transport.pauseProducing()
    exchange.end()
    stage.pump()
    second, late = stage.exchanges[1], Body()
    second.answer(response(200, body=LARGE))
    for _ in range(LARGE // 65536):
        second.write(bytes(65536))
    second.take(late)
    assert late.pace == ["slow"]
    client.transport.resumeProducing()
    stage.pump()
    assert (sink.pace, late.pace) == (["slow", "ready"], ["slow", "ready"])
