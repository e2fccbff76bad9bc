"""Exchanges that go well through a relay, each whole and byte by byte."""

from __future__ import annotations

import pytest

from lambdadispatch.http11.relay import RelayOutcome
from lambdadispatch.wire.exchange_state import State
from tests.http11.stage import RelayStage
from tests.wire.reading import Notes

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSE = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
OLD = b"GET /x HTTP/1.0\r\n\r\n"
OLD_KEPT = b"GET /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n"
    b"3;e=1\r\nhel\r\n2\r\nlo\r\n0\r\nT: x\r\n\r\n"
)
PART = CHUNKED.index(b"2\r\nlo")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OK_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nS: y\r\n\r\n"
OK_CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
OK_TO_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nok"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"

ANSWERED = [RelayOutcome.ANSWERED]

CHUNKS = pytest.mark.parametrize("chunk", [None, 1])


@CHUNKS
@pytest.mark.parametrize(
    ("request_", "passed_on"),
    [
        (GET, ["GET /x HTTP/1.1 0", "end"]),
        (HEAD, ["HEAD /x HTTP/1.1 0", "end"]),
        (OLD, ["GET /x HTTP/1.1 0", "end"]),
        (POST, ["POST /x HTTP/1.1 5", b"hello", "end"]),
        (CHUNKED, ["POST /x HTTP/1.1 chunked", b"hello", "end T=x"]),
    ],
)
def test_requests_are_passed_on(chunk: int | None, request_: bytes, passed_on: Notes) -> None:
    stage = RelayStage(chunk)
    stage.client(request_)
    assert stage.application.requests() == [*passed_on, "more"]
    stage.application.send(NO_CONTENT)
    stage.pump()
    assert stage.outcomes == [ANSWERED]
    assert stage.idle == [stage.connection]


TO_CLOSE = ["200 OK HTTP/1.1 to close", b"ok", "end", "closed"]
LENGTH = ["200 OK HTTP/1.1 2", b"ok", "end"]

ANSWERS = [
    (GET, OK, [*LENGTH, "more"], True),
    (GET, OK_CHUNKED, ["200 OK HTTP/1.1 chunked", b"ok", "end S=y", "more"], True),
    (GET, OK_CLOSE, [*LENGTH, "more"], False),
    (GET, OK_TO_CLOSE, ["200 OK HTTP/1.1 chunked", b"ok", "end", "more"], False),
    (GET, NO_CONTENT, ["204 No Content HTTP/1.1 0", "end", "more"], True),
    (GET, NOT_MODIFIED, ["304 Not Modified HTTP/1.1 0", "end", "more"], True),
    (HEAD, OK[:-2], ["200 OK HTTP/1.1 0", "end", "more"], True),
    (HEAD, OK_CHUNKED[:47], ["200 OK HTTP/1.1 0", "end", "more"], True),
    (CLOSE, OK, [*LENGTH, "closed"], True),
    (CLOSE, OK_CHUNKED, ["200 OK HTTP/1.1 chunked", b"ok", "end S=y", "closed"], True),
    (CLOSE, OK_CLOSE, [*LENGTH, "closed"], False),
    (OLD, OK, [*LENGTH, "closed"], True),
    (OLD, OK_CHUNKED, TO_CLOSE, True),
    (OLD, OK_TO_CLOSE, TO_CLOSE, False),
    (OLD_KEPT, OK, [*LENGTH, "more"], True),
    (OLD_KEPT, OK_CHUNKED, TO_CLOSE, True),
    (CHUNKED, OK_CHUNKED, ["200 OK HTTP/1.1 chunked", b"ok", "end S=y", "more"], True),
]


@CHUNKS
@pytest.mark.parametrize(("request_", "answer", "expected", "kept"), ANSWERS)
def test_answers_are_passed_on(
    chunk: int | None, request_: bytes, answer: bytes, expected: Notes, kept: bool
) -> None:
    """Each side keeps or closes its own connection, whatever the other does."""
    stage = RelayStage(chunk)
    client = stage.client(request_)
    stage.application.send(answer)
    if answer is OK_TO_CLOSE:
        stage.application.transport.loseConnection()
    stage.pump()
    assert client.answers(request_[: request_.index(b" ")]) == expected
    assert stage.outcomes == [ANSWERED]
    assert (stage.idle == [stage.connection]) is kept
    assert stage.closed == ([] if kept else ["closed"])
    assert len(stage.server.connections) == (expected[-1] == "more")


def test_the_next_hops_fields_stay_behind() -> None:
    stage = RelayStage()
    client = stage.client(
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\n"
        b"Keep-Alive: 5\r\nTE: trailers\r\nX-Yours: 2\r\n\r\n"
    )
    assert stage.application.received == b"GET / HTTP/1.1\r\nHost: a\r\nX-Yours: 2\r\n\r\n"
    stage.application.send(
        b"HTTP/1.1 299 All Right\r\nConnection: X-Mine\r\nX-Mine: 1\r\nUpgrade: x\r\n"
        b"Set-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n"
    )
    stage.pump()
    assert client.received == (
        b"HTTP/1.1 299 All Right\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize("request_", [OLD, GET])
def test_an_application_is_always_given_one_host(request_: bytes) -> None:
    """RFC 9112 section 3.2."""
    stage = RelayStage()
    stage.client(request_)
    assert stage.application.received.count(b"Host:") == 1


@CHUNKS
def test_many_requests_over_the_same_two_connections(chunk: int | None) -> None:
    stage = RelayStage(chunk)
    client = stage.client()
    for _ in range(5):
        client.send(CHUNKED)
        stage.pump()
        stage.application.send(OK_CHUNKED)
        stage.pump()
    assert stage.outcomes == [ANSWERED] * 5
    assert len(stage.applications) == 1
    assert client.answers(*[b"POST"] * 5).count("end S=y") == 5
    assert stage.application.requests().count("end T=x") == 5


@CHUNKS
def test_pipelined_requests_are_answered_in_order(chunk: int | None) -> None:
    """The answer to the first comes long after the second request."""
    stage = RelayStage(chunk, applications=2)
    client = stage.client(POST + GET)
    (first,) = (each for each in stage.applications if each.received)
    assert first.requests() == ["POST /x HTTP/1.1 5", b"hello", "end", "more"]
    first.send(OK)
    stage.pump()
    (second,) = (each for each in stage.applications if b"GET /x" in each.received)
    second.send(OK_CHUNKED)
    stage.pump()
    assert client.answers(b"POST", b"GET") == [
        *LENGTH,
        "200 OK HTTP/1.1 chunked",
        b"ok",
        "end S=y",
        "more",
    ]
    assert stage.outcomes == [ANSWERED, ANSWERED]


@CHUNKS
def test_requests_of_many_clients_share_connections(chunk: int | None) -> None:
    stage = RelayStage(chunk)
    clients = [stage.client(GET) for _ in range(3)]
    for _ in clients:
        stage.application.send(OK)
        stage.pump()
    assert [client.answers() for client in clients] == [[*LENGTH, "more"]] * 3
    assert stage.outcomes == [ANSWERED] * 3


@CHUNKS
def test_interim_responses_are_passed_on(chunk: int | None) -> None:
    stage = RelayStage(chunk)
    client = stage.client(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    assert b"Expect: 100-continue\r\n" in stage.application.received
    stage.application.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    stage.pump()
    assert client.answers() == ["100 Continue HTTP/1.1 0", "more"]
    client.send(b"ok")
    stage.pump()
    stage.application.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK)
    stage.pump()
    assert client.answers() == [
        "100 Continue HTTP/1.1 0",
        "103 Early Hints HTTP/1.1 0",
        *LENGTH,
        "more",
    ]
    assert stage.outcomes == [ANSWERED]


@CHUNKS
def test_a_client_of_http_1_0_gets_no_interim_response(chunk: int | None) -> None:
    stage = RelayStage(chunk)
    client = stage.client(OLD)
    stage.application.send(b"HTTP/1.1 102 Processing\r\n\r\n" + OK)
    stage.pump()
    assert client.answers() == [*LENGTH, "closed"]


@CHUNKS
@pytest.mark.parametrize("answer", [OK, OK_CHUNKED])
def test_an_answer_that_ends_before_the_request_has(chunk: int | None, answer: bytes) -> None:
    stage = RelayStage(chunk)
    client = stage.client(CHUNKED[:PART])
    stage.application.send(answer[:-1])
    stage.pump()
    assert str(client.answers()[0]).startswith("200 OK")
    stage.application.send(answer[-1:])
    stage.pump()
    assert str(client.answers()[-2]).startswith("end")
    assert stage.outcomes == [[]]
    assert stage.connection.state is State.UPLOADING
    client.send(CHUNKED[PART:] + GET)
    stage.pump()
    assert stage.outcomes == [ANSWERED, []]
    assert stage.application.requests()[:3] == ["POST /x HTTP/1.1 chunked", b"hello", "end T=x"]
    stage.application.send(OK)
    stage.pump()
    assert stage.outcomes == [ANSWERED, ANSWERED]
    assert len(stage.applications) == 1
    assert client.answers(b"POST", b"GET")[-4:] == [*LENGTH, "more"]


@CHUNKS
def test_bytes_flow_both_ways_at_once(chunk: int | None) -> None:
    stage = RelayStage(chunk)
    client = stage.client(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    stage.application.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    stage.pump()
    for number in range(5):
        client.send(b"1\r\n%d\r\n" % number)
        stage.pump()
        assert stage.application.received.endswith(b"1\r\n%d\r\n" % number)
        stage.application.send(b"1\r\n%d\r\n" % number)
        stage.pump()
        assert client.received.endswith(b"1\r\n%d\r\n" % number)
    client.send(b"0\r\n\r\n")
    stage.pump()
    assert stage.outcomes == [[]]
    stage.application.send(b"0\r\n\r\n")
    stage.pump()
    assert stage.outcomes == [ANSWERED]
    assert client.answers() == ["200 OK HTTP/1.1 chunked", b"01234", "end", "more"]
    assert stage.idle == [stage.connection]


@CHUNKS
def test_an_early_answer_to_a_client_that_wants_to_close(chunk: int | None) -> None:
    """Nothing is left to say: the rest of the request is not passed on."""
    stage = RelayStage(chunk)
    client = stage.client(CHUNKED.replace(b"Trailer: T", b"Connection: close")[: PART + 7])
    stage.application.send(OK)
    stage.pump()
    assert client.answers() == [*LENGTH, "closed"]
    assert stage.outcomes == [ANSWERED]
    assert stage.closed == ["client_gone"]
    assert not stage.server.connections


@CHUNKS
def test_an_early_answer_from_a_server_that_wants_to_close(chunk: int | None) -> None:
    """The client can finish its request, which goes nowhere, and send another."""
    stage = RelayStage(chunk)
    client = stage.client(CHUNKED[:PART])
    stage.application.send(OK_CLOSE)
    stage.pump()
    assert stage.outcomes == [ANSWERED]
    assert stage.closed == ["closed"]
    stage.connect()
    client.send(CHUNKED[PART:] + GET)
    stage.pump()
    assert stage.application.requests() == ["GET /x HTTP/1.1 0", "end", "more"]
    stage.application.send(OK)
    stage.pump()
    assert client.answers(b"POST", b"GET") == [*LENGTH, *LENGTH, "more"]
