"""Requests that come before their client has read the answers to those before them."""

from __future__ import annotations

import pytest

from lambdadispatch.http11.pace import ConnectionLimits
from lambdadispatch.http11.server_connection import HELD_OCTETS
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.http11.watched_connection import LINGER_SWEEPS
from tests.http11.stage import Pusher, ServerStage

GET = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


def test_who_does_not_read_its_answers_gets_no_more_of_them() -> None:
    """Else they would be held for it, however many it asks for."""
    stage, body = ServerStage(), b"x" * 1000
    served = []

    def answer(exchange: ServerExchange) -> None:
        served.append(exchange)
        exchange.respond(200, body=body)

    stage.server.on_request = answer
    client = stage.client()
    client.transport.pauseProducing()
    pusher = Pusher(client.transport, GET * 20_000)
    pusher.start()
    stage.pump()
    assert 0 < len(served) < 400
    assert stage.held <= 2 * HELD_OCTETS
    client.transport.resumeProducing()
    stage.pump()
    assert len(served) == 20_000
    assert client.received.count(body) == 20_000
    assert stage.held == 0


def test_nor_does_it_when_it_asks_one_at_a_time() -> None:
    stage = ServerStage()
    served = []

    def answer(exchange: ServerExchange) -> None:
        served.append(exchange)
        exchange.respond(200, body=b"x" * 60_000)

    stage.server.on_request = answer
    client = stage.client()
    client.transport.pauseProducing()
    for _ in range(50):
        client.send(GET)
        stage.pump()
    assert 0 < len(served) < 6
    client.transport.resumeProducing()
    stage.pump()
    assert len(served) == 50
    assert client.answers(*[b"GET"] * 50).count("end") == 50


def test_a_slow_reader_is_not_told_that_its_head_is_late() -> None:
    stage = ServerStage(connection_limits=ConnectionLimits(head_sweeps=3))
    stage.server.on_request = lambda exchange: exchange.respond(200, body=b"x" * 300_000)
    client = stage.client()
    client.transport.pauseProducing()
    client.send(GET * 2)
    stage.pump()
    stage.sweep(10)
    client.transport.resumeProducing()
    stage.pump()
    assert client.answers(b"GET", b"GET").count("end") == 2
    assert (stage.refused, client.ended) == ([], None)


def test_who_never_reads_them_is_cut() -> None:
    stage = ServerStage(connection_limits=ConnectionLimits(unread_sweeps=5))
    stage.server.on_request = lambda exchange: exchange.respond(200, body=b"x" * 300_000)
    client = stage.client()
    client.transport.pauseProducing()
    client.send(GET * 3)
    stage.pump()
    stage.sweep(5)
    assert len(stage.server.connections) == 1
    stage.sweep(2)
    assert not stage.server.connections


def test_without_a_limit_its_patience_is_that_of_an_idle_connection() -> None:
    """What waits to be sent when it closes has that time once more."""
    stage = ServerStage(patience=5)
    stage.server.on_request = lambda exchange: exchange.respond(200, body=b"x" * 300_000)
    client = stage.client()
    client.transport.pauseProducing()
    client.send(GET * 3)
    stage.pump()
    stage.sweep(11)
    assert len(stage.server.connections) == 1
    stage.sweep(2)
    assert not stage.server.connections


def test_what_is_left_to_a_later_turn() -> None:
    """A server that is given one begins a pipelined request in the next turn of the loop."""
    stage = ServerStage()
    stage.server.later = stage.clock.callLater
    client = stage.client(GET * 3)
    stage.exchanges[0].respond(200, body=b"1")
    assert len(stage.exchanges) == 1
    stage.pump()
    assert len(stage.exchanges) == 2
    stage.exchanges[1].respond(200, body=b"2")
    stage.server.drain()
    stage.pump()
    assert len(stage.exchanges) == 2
    assert client.ended == "done"
    assert client.answers(*[b"GET"] * 2).count("end") == 2


@pytest.mark.parametrize("behind", [b"", GET, GET * 20_000])
def test_what_is_behind_the_last_request_does_not_reset_its_answer(behind: bytes) -> None:
    """To close with unread bytes would, and a client can lose what it has not read by then (RFC
    9112 section 9.6).
    """
    stage = ServerStage(connection_limits=ConnectionLimits(requests=1))
    client = stage.client(GET)
    client.send(behind)
    stage.pump()
    stage.exchanges[0].respond(200, body=b"the last")
    stage.pump()
    stage.sweep(LINGER_SWEEPS + 1)
    assert client.answers()[1:3] == [b"the last", "end"]
    assert client.ended == "done"
    assert len(stage.exchanges) == 1
    assert not stage.server.connections
