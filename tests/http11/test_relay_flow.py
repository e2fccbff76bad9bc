"""Flow control through a relay: whoever is slow holds back the one at the other end.

The tests count octets: what has left one end and has not arrived at the other is bounded, whatever
there is to send.
"""

from __future__ import annotations

import pytest

from lambdadispatch.http11.relay import RelayOutcome
from tests.http11.stage import APPLICATION, FRONT, Pusher, RelayStage

LARGE = 8 << 20
# On the way are a window and a transport's buffer on each of the two connections, the sender's
# own buffer, and what one read adds to a buffer that was not yet full.
ON_THE_WAY = 8 * 65536

LENGTH = b"Content-Length: %d\r\n\r\n" % LARGE
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


def downloading(stage: RelayStage, head: bytes, data: bytes) -> Pusher:
    """The application answers as fast as it is let."""
    pusher = Pusher(stage.application.transport, head + data)
    pusher.start()
    stage.pump()
    return pusher


def side(stage: RelayStage, port: int, end: str) -> object:
    """The relay's own transport on the connection to ``port``."""
    for link in stage.network.links:
        server = link.server
        if server is not None and server.getHost().port == port:
            return getattr(link, end)
    raise AssertionError(f"no connection to {port}")


@pytest.mark.parametrize(
    ("head", "data"),
    [
        (b"HTTP/1.1 200 OK\r\n" + LENGTH, bytes(LARGE)),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            (b"1000\r\n" + bytes(4096) + b"\r\n") * (LARGE // 4096) + b"0\r\n\r\n",
        ),
    ],
    ids=["length", "chunked"],
)
def test_a_slow_client_holds_the_application_back(head: bytes, data: bytes) -> None:
    stage = RelayStage()
    client = stage.client()
    client.transport.pauseProducing()
    client.send(GET)
    stage.pump()
    pusher = downloading(stage, head, data)
    assert 65536 < pusher.sent < ON_THE_WAY
    assert not stage.reads(side(stage, APPLICATION, "client"))
    stuck = pusher.sent
    stage.network.advance(60)
    assert pusher.sent == stuck
    client.transport.resumeProducing()
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWERED]]
    notes = client.answers()
    assert notes[1:] == [bytes(LARGE), "end", "more"]
    assert stage.reads(side(stage, APPLICATION, "client"))


@pytest.mark.parametrize(
    ("head", "data"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\n" + LENGTH, bytes(LARGE)),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            (b"1000\r\n" + bytes(4096) + b"\r\n") * (LARGE // 4096) + b"0\r\n\r\n",
        ),
    ],
    ids=["length", "chunked"],
)
def test_a_slow_application_holds_the_client_back(head: bytes, data: bytes) -> None:
    stage = RelayStage()
    stage.application.transport.pauseProducing()
    client = stage.client()
    pusher = Pusher(client.transport, head + data)
    pusher.start()
    stage.pump()
    assert 65536 < pusher.sent < ON_THE_WAY
    assert not stage.reads(side(stage, FRONT, "server"))
    stage.application.transport.resumeProducing()
    stage.pump()
    assert stage.application.requests()[1:] == [bytes(LARGE), "end", "more"]
    stage.application.send(OK)
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWERED]]


@pytest.mark.parametrize("how", ["asks to close", "closes", "is lost"])
def test_a_client_can_finish_for_an_application_that_was_slow_and_left(how: str) -> None:
    """Nobody reads the rest any more, so nothing holds the client back."""
    stage = RelayStage()
    stage.application.transport.pauseProducing()
    client = stage.client()
    upload = Pusher(client.transport, b"POST / HTTP/1.1\r\nHost: a\r\n" + LENGTH + bytes(LARGE))
    upload.start()
    stage.pump()
    assert upload.sent < ON_THE_WAY
    closing = b"Connection: close\r\n\r\n" if how == "asks to close" else b"\r\n"
    stage.application.send(OK[:-2] + closing)
    stage.pump()
    if how == "closes":
        stage.application.transport.loseConnection()
    elif how == "is lost":
        stage.application.transport.abortConnection()
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWERED]]
    client.send(GET)
    stage.connect()
    stage.pump()
    assert stage.application.requests() == ["GET / HTTP/1.1 0", "end", "more"]


def test_each_direction_is_held_back_by_itself() -> None:
    stage = RelayStage()
    stage.application.transport.pauseProducing()
    client = stage.client()
    upload = Pusher(client.transport, b"POST / HTTP/1.1\r\nHost: a\r\n" + LENGTH + bytes(LARGE))
    upload.start()
    stage.pump()
    stuck = upload.sent
    download = downloading(stage, b"HTTP/1.1 200 OK\r\n" + LENGTH, bytes(LARGE))
    assert download.sent == len(b"HTTP/1.1 200 OK\r\n" + LENGTH) + LARGE
    assert client.answers()[1:] == [bytes(LARGE), "end", "more"]
    assert upload.sent == stuck
    assert stage.outcomes == [[]]
    stage.application.transport.resumeProducing()
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWERED]]
    assert stage.application.requests()[1:] == [bytes(LARGE), "end", "more"]


def test_a_request_waits_without_its_body_until_a_connection_is_free() -> None:
    stage = RelayStage(applications=0)
    client = stage.client()
    pusher = Pusher(client.transport, b"POST / HTTP/1.1\r\nHost: a\r\n" + LENGTH + bytes(LARGE))
    pusher.start()
    stage.pump()
    assert pusher.sent < ON_THE_WAY
    stage.connect()
    stage.pump()
    assert stage.application.requests()[1:] == [bytes(LARGE), "end", "more"]


def test_interim_answers_without_end_are_held_back_too() -> None:
    stage = RelayStage()
    client = stage.client()
    client.transport.pauseProducing()
    client.send(GET)
    stage.pump()
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    pusher = downloading(stage, hint, hint * (LARGE // len(hint)))
    assert pusher.sent < ON_THE_WAY
    assert not stage.reads(side(stage, APPLICATION, "client"))
    client.transport.resumeProducing()
    stage.pump()
    stage.application.send(b"HTTP/1.1 204 No Content\r\n\r\n")
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWERED]]
    assert client.received.count(hint) == LARGE // len(hint) + 1


def test_the_next_request_of_a_slow_client_waits_until_it_has_read() -> None:
    """What it has not read of the first answer would stand in its way, and hold the connection."""
    stage = RelayStage()
    client = stage.client()
    client.transport.pauseProducing()
    client.send(GET + GET)
    stage.pump()
    stage.application.send(b"HTTP/1.1 200 OK\r\nContent-Length: 150000\r\n\r\n" + bytes(150_000))
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWERED]]
    assert stage.idle == [stage.connection]
    client.transport.resumeProducing()
    stage.pump()
    assert (len(stage.outcomes), stage.idle) == (2, [])
    downloading(stage, b"HTTP/1.1 200 OK\r\n" + LENGTH, bytes(LARGE))
    assert stage.outcomes == [[RelayOutcome.ANSWERED]] * 2
    assert client.answers(b"GET", b"GET")[-3:] == [bytes(LARGE), "end", "more"]


def test_a_connection_is_free_for_others_while_a_slow_client_reads_on() -> None:
    """The last of an answer is the front's to deliver: the application has done its part."""
    stage = RelayStage()
    slow = stage.client()
    slow.transport.pauseProducing()
    slow.send(GET)
    stage.pump()
    stage.application.send(b"HTTP/1.1 200 OK\r\nContent-Length: 150000\r\n\r\n" + bytes(150_000))
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.ANSWERED]]
    other = stage.client(GET)
    stage.application.send(OK)
    stage.pump()
    assert other.answers() == ["204 No Content HTTP/1.1 0", "end", "more"]
    slow.transport.resumeProducing()
    stage.pump()
    assert slow.answers()[1:] == [bytes(150_000), "end", "more"]


def test_a_client_that_leaves_while_it_is_slow_is_noticed() -> None:
    stage = RelayStage()
    client = stage.client()
    client.transport.pauseProducing()
    client.send(GET)
    stage.pump()
    pusher = downloading(stage, b"HTTP/1.1 200 OK\r\n" + LENGTH, bytes(LARGE))
    assert pusher.sent < ON_THE_WAY
    client.transport.abortConnection()
    stage.pump()
    assert stage.outcomes == [[RelayOutcome.CLIENT_GONE]]
    assert stage.application.ended == "lost"
