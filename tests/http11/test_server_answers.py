"""Requests in, answers out, in order: each case whole and byte by byte."""

from __future__ import annotations

import pytest

from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.errors import LocalProtocolError
from lambdadispatch.wire.heads import CHUNKED, TO_CLOSE, response
from tests.http11.stage import Body, Peer, ServerStage

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"
OLD_KEPT = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
CHUNKED_POST = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

pytestmark = pytest.mark.parametrize("chunk", [None, 1])


def target(number: int) -> bytes:
    return b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number


def body_of(number: int) -> bytes:
    return b"answer %d" % number


def test_one_request_after_another_on_one_connection(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    client = stage.client()
    expected: list[str | bytes] = []
    for number in range(3):
        client.send(target(number))
        stage.pump()
        stage.exchanges[number].respond(200, body=body_of(number))
        stage.pump()
        expected += ["200 OK HTTP/1.1 8", body_of(number), "end"]
        assert client.answers(b"GET", b"GET", b"GET") == [*expected, "more"]
    assert len(stage.server.connections) == 1


def test_pipelined_requests_are_answered_in_order(chunk: int | None) -> None:
    """RFC 9112 section 9.3.2; the second is not begun before the first is answered."""
    stage = ServerStage(chunk)
    client = stage.client(target(0) + target(1) + target(2))
    for number in range(3):
        assert len(stage.exchanges) == number + 1
        head = stage.exchanges[number].head
        assert head is not None
        assert head.target == b"/%d" % number
        stage.exchanges[number].respond(200, body=body_of(number))
        stage.pump()
    notes = client.answers(b"GET", b"GET", b"GET")
    assert [note for note in notes if isinstance(note, bytes)] == list(map(body_of, range(3)))
    assert notes[-1] == "more"


def test_pipelined_requests_behind_a_body(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    client = stage.client(CHUNKED_POST + b"3\r\nabc\r\n0\r\nA: b\r\n\r\n" + target(1))
    sink = Body()
    stage.exchanges[0].take(sink)
    stage.pump()
    assert (sink.data, sink.trailers) == (b"abc", ((b"A", b"b"),))
    assert len(stage.exchanges) == 1
    stage.exchanges[0].respond(200)
    stage.pump()
    stage.exchanges[1].respond(404)
    stage.pump()
    notes = client.answers(b"POST", b"GET")
    assert notes == ["200 OK HTTP/1.1 0", "end", "404 Not Found HTTP/1.1 0", "end", "more"]


def test_many_pipelined_requests_answered_at_once_do_not_recurse(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    stage.server.on_request = lambda exchange: exchange.respond(204)
    client = stage.client(GET * 2000)
    notes = client.answers(*[b"GET"] * 2000)
    assert notes.count("204 No Content HTTP/1.1 0") == 2000


def test_an_answer_in_pieces(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    client = stage.client(GET)
    exchange = stage.exchanges[0]
    exchange.answer(response(200, ((b"A", b"b"),)))
    stage.pump()
    assert client.received == b""
    exchange.write(b"one")
    exchange.write(b"")
    stage.pump()
    assert client.answers() == ["200 OK HTTP/1.1 chunked", b"one", "more"]
    exchange.write(b"two")
    exchange.end(((b"T", b"x"),))
    stage.pump()
    assert client.answers() == ["200 OK HTTP/1.1 chunked", b"onetwo", "end T=x", "more"]


def test_a_head_leaves_at_flush(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    client = stage.client(GET)
    exchange = stage.exchanges[0]
    exchange.answer(response(200, body=2))
    exchange.flush()
    exchange.flush()
    stage.pump()
    assert client.answers() == ["200 OK HTTP/1.1 2", "more"]


@pytest.mark.parametrize(
    ("request_", "status", "body", "expected"),
    [
        (GET, 200, 5, ["200 OK HTTP/1.1 5", b"hello", "end", "more"]),
        (GET, 200, CHUNKED, ["200 OK HTTP/1.1 chunked", b"hello", "end", "more"]),
        (GET, 200, TO_CLOSE, ["200 OK HTTP/1.1 chunked", b"hello", "end", "more"]),
        (CLOSE, 200, 5, ["200 OK HTTP/1.1 5", b"hello", "end", "closed"]),
        (CLOSE, 200, CHUNKED, ["200 OK HTTP/1.1 chunked", b"hello", "end", "closed"]),
        (OLD, 200, 5, ["200 OK HTTP/1.1 5", b"hello", "end", "closed"]),
        (OLD, 200, CHUNKED, ["200 OK HTTP/1.1 to close", b"hello", "end", "closed"]),
        (OLD_KEPT, 200, 5, ["200 OK HTTP/1.1 5", b"hello", "end", "more"]),
        (OLD_KEPT, 200, TO_CLOSE, ["200 OK HTTP/1.1 to close", b"hello", "end", "closed"]),
        (GET, 204, CHUNKED, ["204 No Content HTTP/1.1 0", "end", "more"]),
        (GET, 304, 5, ["304 Unknown HTTP/1.1 0", "end", "more"]),
        (OLD, 204, CHUNKED, ["204 No Content HTTP/1.1 0", "end", "closed"]),
        (HEAD, 200, 5, ["200 OK HTTP/1.1 0", "end", "more"]),
        (HEAD, 200, CHUNKED, ["200 OK HTTP/1.1 0", "end", "more"]),
    ],
)
def test_framing_is_the_clients(
    chunk: int | None, request_: bytes, status: int, body: int, expected: list[str | bytes]
) -> None:
    """RFC 9112 sections 6.3 and 9.3: what the body is sent as, and whether the connection stays."""
    stage = ServerStage(chunk)
    client = stage.client(request_)
    exchange = stage.exchanges[0]
    exchange.answer(response(status, body=body))
    exchange.write(b"hello")
    exchange.end()
    stage.pump()
    assert client.answers(request_[: request_.index(b" ")]) == expected
    closes = expected[-1] == "closed"
    assert (b"Connection: close\r\n" in client.received) is closes
    assert (b"Connection: keep-alive\r\n" in client.received) is (
        request_ is OLD_KEPT and not closes
    )
    assert len(stage.server.connections) == (not closes)


def test_an_answer_to_head_keeps_the_length_of_what_is_not_sent(chunk: int | None) -> None:
    """RFC 9110 section 9.3.2."""
    stage = ServerStage(chunk)
    client = stage.client(HEAD + GET)
    stage.exchanges[0].respond(200, ((b"Content-Length", b"77"),))
    stage.exchanges[1].respond(200, body=b"12345")
    stage.pump()
    assert b"Content-Length: 77\r\n" in client.received
    assert client.answers(b"HEAD", b"GET")[1:] == [
        "end",
        "200 OK HTTP/1.1 5",
        b"12345",
        "end",
        "more",
    ]


def test_interim_responses(chunk: int | None) -> None:
    """RFC 9110 section 15.2: none for HTTP/1.0, none after the head."""
    for request_, wanted in ((GET, True), (OLD, False)):
        stage = ServerStage(chunk)
        client = stage.client(request_)
        exchange = stage.exchanges[0]
        exchange.interim(response(103, ((b"Link", b"</x>"),)))
        stage.pump()
        assert (b"103 Unknown\r\nLink: </x>\r\n" in client.received) is wanted
        sent = len(client.received)
        exchange.answer(response(200))
        exchange.interim(response(100))
        exchange.end()
        exchange.interim(response(100))
        stage.pump()
        assert b"100 Continue" not in client.received[sent:]


def test_extra_lines_of_an_answer(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    client = stage.client(GET)
    stage.exchanges[0].answer(response(200, body=0), b"Via: here\r\n")
    stage.exchanges[0].end()
    stage.pump()
    assert b"\r\nVia: here\r\n" in client.received


def answering(stage: ServerStage) -> tuple[Peer, ServerExchange]:
    client = stage.client(GET + GET)
    return client, stage.exchanges[0]


def test_an_answer_shorter_than_declared_is_cut(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    client, exchange = answering(stage)
    exchange.answer(response(200, body=5))
    exchange.write(b"four")
    with pytest.raises(LocalProtocolError, match="1 octets were not written"):
        exchange.end()
    stage.pump()
    assert client.ended == "lost"
    assert not stage.server.connections


def test_an_answer_longer_than_declared_is_refused(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    client, exchange = answering(stage)
    exchange.answer(response(200, body=5))
    exchange.write(b"four")
    with pytest.raises(LocalProtocolError, match="1 octets over the declared length"):
        exchange.write(b"to")
    exchange.write(b"5")
    exchange.end()
    stage.pump()
    assert client.answers(b"GET", b"GET")[:2] == ["200 OK HTTP/1.1 5", b"four5"]


@pytest.mark.parametrize("framing", [5, CHUNKED])
def test_nothing_can_be_added_to_an_answer_that_has_ended(chunk: int | None, framing: int) -> None:
    stage = ServerStage(chunk)
    client, exchange = answering(stage)
    with pytest.raises(LocalProtocolError):
        exchange.end()
    exchange.answer(response(200, body=framing))
    with pytest.raises(LocalProtocolError, match="already begun"):
        exchange.answer(response(200))
    exchange.write(b"hello")
    exchange.end()
    with pytest.raises(LocalProtocolError):
        exchange.end()
    with pytest.raises(LocalProtocolError):
        exchange.write(b"HTTP/1.1 200 OK\r\n\r\n")
    stage.exchanges[1].respond(204)
    stage.pump()
    notes = client.answers(b"GET", b"GET")
    assert notes[1:] == [b"hello", "end", "204 No Content HTTP/1.1 0", "end", "more"]


def test_an_answer_that_cannot_be_sent_leaves_room_for_another(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    client, exchange = answering(stage)
    with pytest.raises(LocalProtocolError, match="Content-Length is 3, the body 5"):
        exchange.respond(200, ((b"Content-Length", b"3"),), b"hello")
    exchange.respond(500)
    stage.pump()
    assert client.answers() == ["500 Internal Server Error HTTP/1.1 0", "end", "more"]


def test_the_peer_is_named(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    stage.client(GET)
    assert stage.exchanges[0].peer == "127.0.0.1"
