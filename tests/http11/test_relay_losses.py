"""Losses and broken rules on either side of a relay, at every stage: one outcome, and the truth."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lambdadispatch.http11.relay import Relay, RelayOutcome
from lambdadispatch.http11.server_exchange import ServerExchange
from tests.http11.stage import Peer, RelayStage
from tests.wire.reading import Notes

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b"GET /x HTTP/1.0\r\n\r\n"
UPLOAD = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"
UPLOAD_REST = b" more."
STREAM = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"

OK = b"HTTP/1.1 204 No Content\r\n\r\n"
OK_READ: Notes = ["204 No Content HTTP/1.1 0", "end"]
PART = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"
PART_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"
TO_CLOSE = b"HTTP/1.1 200 OK\r\n\r\npart"

CHUNKS = pytest.mark.parametrize("chunk", [None, 1])


def close(peer: Peer) -> None:
    peer.transport.loseConnection()


def reset(peer: Peer) -> None:
    peer.transport.abortConnection()


Lose = Callable[[Peer], None]
LOSSES = pytest.mark.parametrize("lose", [close, reset])


def serves_again(stage: RelayStage, client: Peer) -> None:
    """The client's connection, and a connection to an application, carry another exchange."""
    before = len(client.received)
    if not stage.idle:
        stage.connect()
    client.send(b"GET /again HTTP/1.1\r\nHost: a\r\n\r\n")
    stage.pump()
    stage.application.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain")
    stage.pump()
    assert client.received[before:].endswith(b"\r\n\r\nagain")
    assert stage.outcomes[-1] == [RelayOutcome.ANSWERED]


# -- the client is lost


@CHUNKS
@LOSSES
@pytest.mark.parametrize("request_", [GET, UPLOAD])
def test_client_lost_while_it_waits(chunk: int | None, lose: Lose, request_: bytes) -> None:
    stage = RelayStage(chunk, applications=0)
    lose(stage.client(request_))
    stage.pump()
    assert (stage.left, list(stage.waiting), stage.outcomes) == (1, [], [])
    stage.connect()
    stage.pump()
    assert stage.application.received == b""


@CHUNKS
@LOSSES
@pytest.mark.parametrize("request_", [GET, UPLOAD, STREAM])
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", PART, PART_CHUNKED])
def test_client_lost_before_it_has_the_answer(
    chunk: int | None, lose: Lose, request_: bytes, answer: bytes
) -> None:
    """The application sees its connection end, which is how HTTP/1.1 tells it."""
    stage = RelayStage(chunk)
    client = stage.client(request_)
    stage.application.send(answer)
    stage.pump()
    lose(client)
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.CLIENT_GONE]]
    assert stage.application.ended == "lost"
    assert stage.closed == ["client_gone"]


@CHUNKS
@LOSSES
@pytest.mark.parametrize("request_", [UPLOAD, STREAM])
def test_client_lost_after_the_answer_while_uploading(
    chunk: int | None, lose: Lose, request_: bytes
) -> None:
    """It had its answer; but the application must not take half a body for a whole one."""
    stage = RelayStage(chunk)
    client = stage.client(request_)
    stage.application.send(OK)
    stage.pump()
    assert stage.outcomes == [[]]
    lose(client)
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWERED]]
    assert stage.application.ended == "lost"
    assert stage.closed == ["client_gone"]


@CHUNKS
@LOSSES
def test_client_lost_after_the_exchange(chunk: int | None, lose: Lose) -> None:
    stage = RelayStage(chunk)
    client = stage.client(GET)
    stage.application.send(OK)
    stage.pump()
    lose(client)
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWERED]]
    serves_again(stage, stage.client())
    assert len(stage.applications) == 1


# -- the server is lost


@CHUNKS
@LOSSES
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 20"])
def test_server_lost_before_its_answer(chunk: int | None, lose: Lose, answer: bytes) -> None:
    stage = RelayStage(chunk)
    client = stage.client(GET)
    stage.application.send(answer)
    stage.pump()
    lose(stage.application)
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWER_LOST]]
    assert client.answers()[-4:] == ["502 Bad Gateway HTTP/1.1 11", b"answer_lost", "end", "more"]
    serves_again(stage, client)


@CHUNKS
@LOSSES
def test_server_lost_before_its_answer_while_uploading(chunk: int | None, lose: Lose) -> None:
    """The rest of a small body is passed over, so that the client can go on."""
    stage = RelayStage(chunk)
    client = stage.client(UPLOAD)
    lose(stage.application)
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWER_LOST]]
    assert client.answers() == ["502 Bad Gateway HTTP/1.1 11", b"answer_lost", "end", "more"]
    client.send(UPLOAD_REST)
    serves_again(stage, client)


@CHUNKS
@LOSSES
def test_server_lost_before_its_answer_to_an_endless_upload(chunk: int | None, lose: Lose) -> None:
    """The client is told and its connection closed; the outcome is the loss all the same."""
    stage = RelayStage(chunk)
    client = stage.client(STREAM)
    lose(stage.application)
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWER_LOST]]
    assert client.answers() == ["502 Bad Gateway HTTP/1.1 11", b"answer_lost", "end", "closed"]


@CHUNKS
@LOSSES
@pytest.mark.parametrize("answer", [PART, PART_CHUNKED])
@pytest.mark.parametrize("request_", [GET, UPLOAD, OLD])
def test_server_lost_within_its_answer(
    chunk: int | None, lose: Lose, answer: bytes, request_: bytes
) -> None:
    stage = RelayStage(chunk)
    client = stage.client(request_)
    stage.application.send(answer)
    stage.pump()
    lose(stage.application)
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWER_CUT]]
    assert client.ended == "lost"
    assert client.answers()[1:] == [b"part", "more"]


@CHUNKS
@pytest.mark.parametrize("request_", [GET, OLD])
def test_an_answer_without_a_length_ends_with_an_orderly_end(
    chunk: int | None, request_: bytes
) -> None:
    stage = RelayStage(chunk)
    client = stage.client(request_)
    stage.application.send(TO_CLOSE)
    close(stage.application)
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWERED]]
    assert client.answers()[1:3] == [b"part", "end"]


@CHUNKS
@pytest.mark.parametrize("request_", [GET, OLD])
def test_an_answer_without_a_length_does_not_end_with_a_reset(
    chunk: int | None, request_: bytes
) -> None:
    stage = RelayStage(chunk)
    client = stage.client(request_)
    stage.application.send(TO_CLOSE)
    stage.pump()
    reset(stage.application)
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWER_CUT]]
    assert client.ended == "lost"
    assert client.answers()[1:] == [b"part", "more"]


@CHUNKS
@LOSSES
@pytest.mark.parametrize(
    ("request_", "rest"), [(UPLOAD, UPLOAD_REST), (STREAM, b"5\r\n more\r\n0\r\n\r\n")]
)
def test_server_lost_after_its_answer_while_uploading(
    chunk: int | None, lose: Lose, request_: bytes, rest: bytes
) -> None:
    """The client had its answer; what it still sends goes nowhere."""
    stage = RelayStage(chunk)
    client = stage.client(request_)
    stage.application.send(OK)
    stage.pump()
    lose(stage.application)
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWERED]]
    assert client.answers() == [*OK_READ, "more"]
    client.send(rest)
    stage.pump()
    serves_again(stage, client)


@CHUNKS
@LOSSES
def test_server_lost_between_exchanges(chunk: int | None, lose: Lose) -> None:
    stage = RelayStage(chunk)
    client = stage.client(GET)
    stage.application.send(OK)
    stage.pump()
    lose(stage.application)
    stage.pump()
    assert (stage.idle, stage.outcomes) == ([], [[RelayOutcome.ANSWERED]])
    assert client.ended is None
    serves_again(stage, client)


@CHUNKS
@pytest.mark.parametrize("request_", [GET, UPLOAD, STREAM])
def test_both_are_lost_at_once(chunk: int | None, request_: bytes) -> None:
    for first in (reset, close):
        stage = RelayStage(chunk)
        client = stage.client(request_)
        stage.application.send(PART)
        stage.pump()
        first(client)
        reset(stage.application)
        stage.pump()
        assert stage.outcomes in ([[RelayOutcome.CLIENT_GONE]], [[RelayOutcome.ANSWER_CUT]])
        assert client.ended is not None
        assert len(stage.closed) == 1


# -- a rule is broken

BAD_HEADS = [
    b"HTTP/2 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
]


@CHUNKS
@pytest.mark.parametrize("answer", BAD_HEADS)
def test_an_answer_whose_head_breaks_a_rule(chunk: int | None, answer: bytes) -> None:
    stage = RelayStage(chunk)
    client = stage.client(GET)
    stage.application.send(answer)
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.BAD_ANSWER]]
    assert client.answers() == ["502 Bad Gateway HTTP/1.1 10", b"bad_answer", "end", "more"]
    assert stage.application.ended == "lost"
    serves_again(stage, client)


@CHUNKS
@pytest.mark.parametrize("bad", [b"0x1\r\n", b"4\r\npartX", b"0\r\nno colon\r\n\r\n"])
def test_an_answer_whose_body_breaks_a_rule(chunk: int | None, bad: bytes) -> None:
    stage = RelayStage(chunk)
    client = stage.client(GET)
    stage.application.send(PART_CHUNKED)
    stage.pump()
    stage.application.send(bad)
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.BAD_ANSWER]]
    assert client.ended == "lost"
    assert "end" not in client.answers()
    assert stage.application.ended == "lost"


@CHUNKS
def test_an_answer_longer_than_it_said(chunk: int | None) -> None:
    """The client gets what was declared; nobody gets the rest."""
    stage = RelayStage(chunk)
    client = stage.client(GET)
    stage.application.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n")
    stage.pump()
    assert client.answers() == ["200 OK HTTP/1.1 2", b"ok", "end", "more"]
    assert (stage.outcomes, stage.closed) == ([[RelayOutcome.ANSWERED]], ["unasked"])
    serves_again(stage, client)


def test_nobody_who_waits_gets_what_follows_the_answer_to_another() -> None:
    stage = RelayStage()
    client, other = stage.client(GET), stage.client(GET)
    stage.application.send(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
    stage.pump()
    assert client.answers() == [*OK_READ, "more"]
    assert other.received == b""
    stage.connect()
    stage.pump()
    stage.application.send(OK)
    stage.pump()
    assert other.answers() == [*OK_READ, "more"]


@CHUNKS
def test_a_request_whose_body_breaks_a_rule(chunk: int | None) -> None:
    stage = RelayStage(chunk)
    client = stage.client(STREAM)
    client.send(b"-1\r\n")
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.BAD_REQUEST]]
    assert stage.refused == ["bad_chunk"]
    assert client.answers() == ["400 Bad Request HTTP/1.1 9", b"bad_chunk", "end", "closed"]
    assert stage.application.ended == "lost"
    assert stage.closed == ["bad_request"]


@CHUNKS
def test_a_request_whose_body_breaks_a_rule_within_the_answer(chunk: int | None) -> None:
    stage = RelayStage(chunk)
    client = stage.client(STREAM)
    stage.application.send(PART)
    stage.pump()
    client.send(b"-1\r\n")
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.BAD_REQUEST]]
    assert (client.ended, stage.application.ended) == ("lost", "lost")


@CHUNKS
def test_a_request_whose_body_breaks_a_rule_after_the_answer(chunk: int | None) -> None:
    stage = RelayStage(chunk)
    client = stage.client(STREAM)
    stage.application.send(OK)
    stage.pump()
    client.send(b"-1\r\n")
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWERED]]
    assert client.answers() == [*OK_READ, "closed"]
    assert stage.application.ended == "lost"


# -- the router ends it


class ExpiringStage(RelayStage):
    """Keeps its relays, to end them."""

    def __init__(self, chunk: int | None) -> None:
        super().__init__(chunk)
        self.relay: Relay | None = None

    def arrived(self, exchange: ServerExchange) -> None:
        outcomes: list[RelayOutcome] = []
        self.outcomes.append(outcomes)
        self.relay = Relay(exchange, self.idle.pop(), self.answer, outcomes.append)
        self.relay.start()

    def expire(self, outcome: RelayOutcome = RelayOutcome.FIRST_BYTE_TIMEOUT) -> None:
        assert self.relay is not None
        self.relay.expire(outcome)
        self.pump()


@CHUNKS
@pytest.mark.parametrize(("request_", "end"), [(GET, "more"), (UPLOAD, "more"), (STREAM, "closed")])
def test_an_answer_that_takes_too_long_to_begin(
    chunk: int | None, request_: bytes, end: str
) -> None:
    stage = ExpiringStage(chunk)
    client = stage.client(request_)
    stage.expire()
    stage.expire()
    assert stage.outcomes == [[RelayOutcome.FIRST_BYTE_TIMEOUT]]
    assert client.answers()[0] == "504 Gateway Timeout HTTP/1.1 18"
    assert client.answers()[-1] == end
    assert stage.application.ended == "lost"


@CHUNKS
def test_an_answer_that_takes_too_long_to_end(chunk: int | None) -> None:
    stage = ExpiringStage(chunk)
    client = stage.client(GET)
    stage.application.send(PART)
    stage.pump()
    stage.expire(RelayOutcome.TOTAL_TIMEOUT)
    assert stage.outcomes == [[RelayOutcome.TOTAL_TIMEOUT]]
    assert client.answers() == ["200 OK HTTP/1.1 9", b"part", "more"]
    assert (client.ended, stage.application.ended) == ("lost", "lost")


@CHUNKS
def test_a_request_that_takes_too_long_after_its_answer(chunk: int | None) -> None:
    stage = ExpiringStage(chunk)
    client = stage.client(UPLOAD)
    stage.application.send(OK)
    stage.pump()
    stage.expire(RelayOutcome.IDLE_TIMEOUT)
    assert stage.outcomes == [[RelayOutcome.ANSWERED]]
    assert client.answers() == [*OK_READ, "more"]
    assert (client.ended, stage.application.ended) == (None, "lost")


@CHUNKS
def test_what_is_over_does_not_expire(chunk: int | None) -> None:
    stage = ExpiringStage(chunk)
    client = stage.client(GET)
    stage.application.send(OK)
    stage.pump()
    stage.expire()
    assert stage.outcomes == [[RelayOutcome.ANSWERED]]
    assert client.answers() == [*OK_READ, "more"]
    assert stage.application.ended is None


@CHUNKS
@pytest.mark.parametrize("answer", [b"", PART])
def test_an_instance_that_is_given_up(chunk: int | None, answer: bytes) -> None:
    stage = RelayStage(chunk)
    client = stage.client(GET)
    stage.application.send(answer)
    stage.pump()
    stage.connection.lose("session_lost")
    stage.pump()
    outcome = RelayOutcome.ANSWER_CUT if answer else RelayOutcome.ANSWER_LOST
    assert stage.outcomes == [[outcome]]
    assert stage.closed == ["session_lost"]
    assert client.ended == ("lost" if answer else None)


@CHUNKS
def test_cutting_the_server_with_a_request_in_flight(chunk: int | None) -> None:
    stage = RelayStage(chunk)
    client = stage.client(UPLOAD)
    stage.server.cut()
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.CLIENT_GONE]]
    assert (client.ended, stage.application.ended) == ("lost", "lost")
