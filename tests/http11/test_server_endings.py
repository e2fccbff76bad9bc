"""How a server's connection ends: refusals, lingering, sweeps, drain, cut, a client that leaves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions, KeyPair
from twisted.protocols.tls import TLSMemoryBIOFactory

from lambdadispatch.http11.server_exchange import DISCARDED_OCTETS
from lambdadispatch.http11.watched_connection import LINGER_SWEEPS
from lambdadispatch.wire.heads import response
from tests.http11.stage import FRONT, Body, HalfClosingPeer, Peer, ServerStage

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
UPLOAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf"

CHUNKS = pytest.mark.parametrize("chunk", [None, 1])

MALFORMED = [
    (b"GET / HTTP/1.1\r\n\r\n", "bad_host", 400),
    (b"GET / HTTP/2.0\r\n\r\n", "bad_version", 505),
    (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "bad_target", 501),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000, "head_too_large", 431),
    (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n", "too_many_fields", 431),
    (b"GET / HTTP/1.1\nHost: a\r\n\r\n", "bare_lf", 400),
]


@CHUNKS
@pytest.mark.parametrize(("request_", "reason", "status"), MALFORMED)
def test_a_malformed_request_is_answered_and_the_connection_closed(
    chunk: int | None, request_: bytes, reason: str, status: int
) -> None:
    stage = ServerStage(chunk)
    client = stage.client(request_ + GET)
    assert stage.refused == [reason]
    assert stage.exchanges == []
    head, body, *rest = client.answers()
    assert str(head).startswith(f"{status} ")
    assert (body, rest) == (reason.encode(), ["end", "closed"])
    assert not stage.server.connections


@CHUNKS
def test_a_malformed_request_behind_a_good_one_waits_for_its_answer(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    client = stage.client(GET + b"x\r\n\r\n")
    assert stage.refused == []
    stage.exchanges[0].respond(204)
    stage.pump()
    assert stage.refused == ["bad_request_line"]
    notes = client.answers(b"GET", b"GET")
    assert notes[::2] == ["204 No Content HTTP/1.1 0", "400 Bad Request HTTP/1.1 16", "end"]


@CHUNKS
def test_a_refused_client_can_finish_sending(chunk: int | None) -> None:
    """RFC 9112 section 9.6: a reset at once could take the answer away from it."""
    stage = ServerStage(chunk)
    client = HalfClosingPeer()
    stage.client(b"x\r\n\r\n", client)
    assert client.finished
    assert client.answers()[0] == "400 Bad Request HTTP/1.1 16"
    for _ in range(20):
        client.send(bytes(65536 if chunk is None else 64))
        stage.pump()
    assert client.ended is None
    assert stage.held == 0
    assert stage.exchanges == []
    stage.sweep(LINGER_SWEEPS)
    assert len(stage.server.connections) == 1
    stage.sweep(1)
    assert not stage.server.connections
    client.send(b"x")
    stage.pump()
    assert client.ended == "lost"


@CHUNKS
def test_a_client_that_finishes_is_not_waited_for(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    client = HalfClosingPeer()
    stage.client(b"x\r\n\r\n", client)
    client.transport.loseConnection()
    stage.pump()
    assert client.ended == "done"
    assert not stage.server.connections


@CHUNKS
def test_a_body_that_breaks_a_rule_before_the_answer(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    client = stage.client(POST)
    sink = Body()
    stage.exchanges[0].take(sink)
    client.send(b"1\r\nx\r\n0x1\r\n")
    stage.pump()
    assert (sink.data, sink.lost) == (b"x", ["bad_chunk"])
    assert stage.refused == ["bad_chunk"]
    assert client.answers() == ["400 Bad Request HTTP/1.1 9", b"bad_chunk", "end", "closed"]


@CHUNKS
def test_a_body_that_breaks_a_rule_within_the_answer(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    client = stage.client(POST)
    exchange, sink = stage.exchanges[0], Body()
    exchange.take(sink)
    exchange.answer(response(200))
    exchange.write(b"part")
    client.send(b"zz\r\n")
    stage.pump()
    assert sink.lost == ["bad_chunk"]
    assert stage.refused == []
    assert client.answers() == ["200 OK HTTP/1.1 chunked", b"part", "more"]
    assert client.ended == "lost"


@CHUNKS
def test_a_body_that_breaks_a_rule_after_the_answer(chunk: int | None) -> None:
    """The answer is whole; it must not be lost to a reset."""
    stage = ServerStage(chunk)
    client = HalfClosingPeer()
    stage.client(POST, client)
    exchange, sink = stage.exchanges[0], Body()
    exchange.take(sink)
    exchange.answer(response(200))
    exchange.end()
    client.send(b"zz\r\n" + bytes(1000))
    stage.pump()
    assert sink.lost == ["bad_chunk"]
    assert stage.refused == []
    assert client.answers() == ["200 OK HTTP/1.1 chunked", "end", "more"]
    assert (client.finished, client.ended) == (True, None)


def lose_cleanly(stage: ServerStage, client: Peer) -> None:
    client.transport.loseConnection()


def lose_by_reset(stage: ServerStage, client: Peer) -> None:
    client.transport.abortConnection()


Lose = Callable[[ServerStage, Peer], None]
LOSSES = pytest.mark.parametrize("lose", [lose_cleanly, lose_by_reset])


@LOSSES
@CHUNKS
@pytest.mark.parametrize("stage_of_answer", ["waiting", "taken", "begun", "uploading"])
def test_a_client_that_leaves(lose: Lose, chunk: int | None, stage_of_answer: str) -> None:
    stage = ServerStage(chunk)
    client = stage.client(UPLOAD)
    exchange, sink = stage.exchanges[0], Body()
    lost: list[str] = []
    exchange.on_lost = lost.append
    if stage_of_answer != "waiting":
        exchange.take(sink)
    if stage_of_answer in {"begun", "uploading"}:
        exchange.answer(response(200))
        exchange.write(b"x")
    if stage_of_answer == "uploading":
        exchange.end()
    lose(stage, client)
    stage.pump()
    assert (sink.lost or lost) == ["client_gone"]
    assert not (sink.lost and lost)
    assert not stage.server.connections
    if stage_of_answer == "begun":
        exchange.write(b"into the void")
        exchange.end()


@LOSSES
@CHUNKS
def test_a_client_that_leaves_between_requests_is_no_exchanges_business(
    lose: Lose, chunk: int | None
) -> None:
    stage = ServerStage(chunk)
    client = stage.client(GET + b"GET / HT")
    exchange = stage.exchanges[0]
    lost: list[str] = []
    exchange.on_lost = lost.append
    exchange.respond(200)
    stage.pump()
    lose(stage, client)
    stage.pump()
    assert lost == []
    assert not stage.server.connections


@CHUNKS
def test_an_idle_connection_is_closed_after_its_patience(chunk: int | None) -> None:
    stage = ServerStage(chunk, patience=3)
    silent, partial, busy = stage.client(), stage.client(b"GET / HT"), stage.client(GET)
    stage.sweep(3)
    assert (silent.ended, partial.ended, busy.ended) == (None, None, None)
    stage.sweep(1)
    assert (silent.ended, partial.ended, busy.ended) == ("done", "done", None)
    stage.exchanges[0].respond(200)
    stage.sweep(3)
    assert busy.ended is None
    stage.sweep(1)
    assert busy.ended == "done"


@CHUNKS
def test_a_body_that_is_passed_over_is_not_waited_for_longer(chunk: int | None) -> None:
    stage = ServerStage(chunk, patience=3)
    client, uploading = stage.client(UPLOAD), stage.client(UPLOAD)
    stage.sweep(5)
    stage.exchanges[0].respond(404)
    stage.exchanges[1].take(Body())
    stage.exchanges[1].respond(404)
    assert DISCARDED_OCTETS > 100
    stage.sweep(3)
    assert client.ended is None
    stage.sweep(1)
    assert client.ended == "done"
    assert uploading.ended == "done"


@CHUNKS
def test_drain(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    idle, waiting, answering = stage.client(), stage.client(GET), stage.client(GET + GET)
    stage.exchanges[1].answer(response(200, body=2))
    stage.exchanges[1].flush()
    stage.server.drain()
    stage.pump()
    assert (idle.ended, waiting.ended, answering.ended) == ("done", None, None)
    stage.exchanges[0].respond(200)
    stage.exchanges[1].write(b"ok")
    stage.exchanges[1].end()
    stage.pump()
    assert waiting.answers() == ["200 OK HTTP/1.1 0", "end", "closed"]
    assert b"Connection: close\r\n" in waiting.received
    assert answering.received.endswith(b"\r\n\r\nok")
    assert answering.ended is not None
    assert len(stage.exchanges) == 2
    late = stage.client(GET)
    assert (late.ended is not None, len(stage.exchanges)) == (True, 2)
    assert not stage.server.connections


@CHUNKS
def test_drain_while_a_body_still_comes(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    client = stage.client(UPLOAD)
    sink = Body()
    stage.exchanges[0].take(sink)
    stage.exchanges[0].answer(response(200))
    stage.exchanges[0].end()
    stage.server.drain()
    stage.pump()
    assert client.ended is None
    client.send(bytes(96))
    stage.pump()
    assert (len(sink.data), sink.trailers) == (100, ())
    assert client.ended == "done"


@CHUNKS
def test_cutting_a_server(chunk: int | None) -> None:
    stage = ServerStage(chunk)
    clients = [stage.client(), stage.client(GET)]
    stage.client(b"x\r\n\r\n", HalfClosingPeer())
    assert len(stage.server.connections) == 3
    lost: list[str] = []
    stage.exchanges[0].on_lost = lost.append
    stage.server.cut()
    stage.pump()
    assert [client.ended for client in clients] == ["lost", "lost"]
    assert lost == ["client_gone"]
    # Who was answered and is read on for a while keeps what was written to it.
    [closing] = stage.server.connections
    assert closing.is_closing
    empty: list[None] = []
    stage.server.when_empty().addCallback(empty.append)
    for _ in range(LINGER_SWEEPS + 1):
        assert not empty
        stage.server.sweep()
    stage.pump()
    assert not stage.server.connections
    assert empty == [None]


class Successor(Protocol):
    """Echoes in upper case."""

    def __init__(self) -> None:
        self.lost = 0

    def connectionMade(self) -> None:
        self.transport.write(b"hello ")

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data.upper())

    def connectionLost(self, reason: object = None) -> None:
        self.lost += 1


@CHUNKS
@pytest.mark.parametrize("early", [b"", b"early "])
def test_switch_hands_over_the_connection_and_what_came_early(
    chunk: int | None, early: bytes
) -> None:
    """RFC 9110 section 7.8."""
    stage = ServerStage(chunk)
    client = stage.client(GET + early)
    successor = Successor()
    upgrade = ((b"Connection", b"Upgrade"), (b"Upgrade", b"x"))
    stage.exchanges[0].switch(response(101, upgrade, 0), successor)
    client.send(b"late")
    stage.pump()
    assert client.received == (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
        b"hello " + early.upper() + b"LATE"
    )
    assert not stage.server.connections
    stage.server.cut()
    stage.sweep(100)
    assert client.ended is None
    client.transport.loseConnection()
    stage.pump()
    assert successor.lost == 1


@pytest.mark.parametrize("at_once", [False, True])
def test_switch_lets_a_connection_be_read_that_was_held_back(at_once: bool) -> None:
    stage = ServerStage()
    successor = Successor()
    if at_once:
        stage.server.on_request = lambda exchange: exchange.switch(response(101), successor)
    client = stage.client(GET + b"x" * 300_000)
    if not at_once:
        assert stage.held < 300_000
        stage.exchanges[0].switch(response(101), successor)
        stage.pump()
    assert client.received.endswith(b"\r\n\r\nhello " + b"X" * 300_000)


def over_tls(stage: ServerStage) -> Peer:
    """A client that has connected over TLS."""
    options = KeyPair.generate().selfSignedCert(1, CN="server").options()
    secured = TLSMemoryBIOFactory(options, False, stage.server, stage.clock)
    stage.network.listen_endpoint(FRONT + 1).listen(secured)
    client = Peer()
    clear = Factory()
    clear.buildProtocol = lambda address: client  # type: ignore[method-assign,assignment]
    securing = TLSMemoryBIOFactory(CertificateOptions(), True, clear, stage.clock)
    stage.network.connect(securing.buildProtocol(None), FRONT + 1)
    stage.pump()
    return client


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_refusal_over_tls_arrives() -> None:
    """TLS is closed as a whole: what was written must leave first."""
    stage = ServerStage()
    client = over_tls(stage)
    client.send(b"POST / HTTP/1.1\r\n\r\n")
    stage.network.advance(1)
    assert client.answers() == ["400 Bad Request HTTP/1.1 8", b"bad_host", "end", "closed"]
    assert not stage.server.connections


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_comes_after_the_end_over_tls_is_not_kept() -> None:
    """TLS reads on until all was written, which a client can put off by reading nothing."""
    stage = ServerStage()
    client = over_tls(stage)
    client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    stage.network.advance(1)
    client.transport.pauseProducing()
    stage.exchanges[0].respond(200, body=b"x" * 1_000_000)
    stage.pump()
    client.send(b"y" * 1_000_000)
    stage.network.advance(1)
    assert stage.held == 0
    assert len(stage.server.connections) == 1


def test_a_closed_connection_that_cannot_be_written_out_is_ended() -> None:
    """Its client asks for the end and reads nothing; what was written would be held for ever."""
    stage = ServerStage(patience=10)
    client = stage.client(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    client.transport.pauseProducing()
    stage.exchanges[0].respond(200, body=b"x" * 4_000_000)
    stage.pump()
    stage.sweep(9)
    assert len(stage.server.connections) == 1
    stage.sweep(2)
    assert not stage.server.connections
