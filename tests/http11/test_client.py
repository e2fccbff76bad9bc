"""A client's connection by itself: what its sink and its owner are told, and when."""

from __future__ import annotations

import pytest
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.wire.errors import LocalProtocolError
from lambdadispatch.wire.exchange_state import State
from lambdadispatch.wire.fields import Pairs
from lambdadispatch.wire.heads import CHUNKED, ResponseHead, request
from tests.http11.stage import APPLICATION, Peer, Pusher
from tests.memory.network import MemoryNetwork
from tests.wire.reading import Notes, note

GET = request(b"GET", b"/", ((b"Host", b"a"),))
POST = request(b"POST", b"/", ((b"Host", b"a"),), CHUNKED)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OK_READ: Notes = ["200 OK HTTP/1.1 2", b"ok", "end"]

CHUNKS = pytest.mark.parametrize("chunk", [None, 1])


class Answer:
    """A ResponseSink that notes what it is told, flushes left out."""

    def __init__(self) -> None:
        self.notes: Notes = []
        self.lost: list[str] = []
        self.pace: list[str] = []

    def response_whole(self, head: ResponseHead, body: bytes) -> None:
        self.response_head(head)
        if body:
            self.response_data(body)
        self.response_end(())

    def response_head(self, head: ResponseHead) -> None:
        self.notes.append(note(head))

    def response_data(self, data: bytes) -> None:
        last = self.notes[-1]
        if isinstance(last, bytes):
            self.notes[-1] = last + data
        else:
            self.notes.append(data)

    def response_end(self, trailers: Pairs) -> None:
        self.notes.append("end")

    def response_flush(self) -> None:
        """Nothing is held back here."""

    def server_lost(self, reason: str) -> None:
        self.lost.append(reason)

    def server_slow(self) -> None:
        self.pace.append("slow")

    def server_ready(self) -> None:
        self.pace.append("ready")


class Owner:
    """A connection and its owner, with a raw server at the other end."""

    def __init__(self, chunk: int | None = None) -> None:
        self.network = MemoryNetwork(Clock(), chunk=chunk)
        self.server = Peer()
        self.told: list[str] = []
        factory = Factory()
        factory.noisy = False
        factory.buildProtocol = lambda address: self.server  # type: ignore[method-assign,assignment]
        self.network.listen_endpoint(APPLICATION).listen(factory)
        self.connection = ClientConnection(self)
        self.network.connect(self.connection, APPLICATION)
        self.pump()

    def connection_opened(self, connection: ClientConnection) -> None:
        self.told.append("opened")

    def connection_idle(self, connection: ClientConnection) -> None:
        assert connection.state is State.IDLE
        self.told.append("idle")

    def connection_closed(self, connection: ClientConnection, reason: str) -> None:
        self.told.append(reason)

    def pump(self) -> None:
        self.network.pump()

    def ask(self, answer: bytes = b"") -> Answer:
        """Send GET, and let the server say ``answer``."""
        sink = Answer()
        self.connection.send(GET, sink)
        self.say(answer)
        return sink

    def say(self, data: bytes) -> None:
        self.server.send(data)
        self.pump()


@CHUNKS
def test_one_exchange_after_another(chunk: int | None) -> None:
    owner = Owner(chunk)
    assert owner.told == ["opened"]
    for _ in range(3):
        assert owner.ask(OK).notes == OK_READ
    assert owner.told == ["opened", "idle", "idle", "idle"]
    assert owner.server.requests() == ["GET / HTTP/1.1 0", "end"] * 3 + ["more"]


@CHUNKS
def test_a_body_in_pieces_and_its_trailers(chunk: int | None) -> None:
    owner = Owner(chunk)
    sink = Answer()
    owner.connection.send(POST, sink, b"Via: x\r\n")
    owner.connection.write(b"one")
    owner.connection.write(b"two")
    owner.connection.end(((b"T", b"x"),))
    owner.pump()
    assert owner.server.requests() == ["POST / HTTP/1.1 chunked", b"onetwo", "end T=x", "more"]
    assert b"Via: x\r\n" in owner.server.received
    owner.say(OK)
    assert (sink.notes, owner.told) == (OK_READ, ["opened", "idle"])


@CHUNKS
def test_an_answer_that_ends_before_the_request(chunk: int | None) -> None:
    owner = Owner(chunk)
    sink = Answer()
    owner.connection.send(POST, sink)
    owner.say(OK)
    assert (sink.notes, owner.told) == (OK_READ, ["opened"])
    assert owner.connection.state is State.UPLOADING
    owner.connection.write(b"rest")
    owner.connection.end()
    assert owner.told == ["opened", "idle"]
    assert owner.ask(OK).notes == OK_READ


@CHUNKS
def test_interim_responses_come_before_the_answer(chunk: int | None) -> None:
    owner = Owner(chunk)
    sink = owner.ask(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n" + OK)
    interim = ["100 Continue HTTP/1.1 0", "103 Hints HTTP/1.1 0"]
    assert sink.notes == [*interim, *OK_READ]
    assert owner.told == ["opened", "idle"]


ENDS = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", OK_READ),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", ["200 OK HTTP/1.0 2", b"ok", "end"]),
]


@CHUNKS
@pytest.mark.parametrize(("data", "expected"), ENDS)
def test_a_server_that_wants_to_close(chunk: int | None, data: bytes, expected: Notes) -> None:
    owner = Owner(chunk)
    sink = owner.ask(data)
    assert (sink.notes, sink.lost) == (expected, [])
    assert owner.told == ["opened", "closed"]
    assert owner.server.ended == "done"


@CHUNKS
def test_a_body_that_lasts_until_the_server_closes(chunk: int | None) -> None:
    """RFC 9112 section 6.3 (8)."""
    owner = Owner(chunk)
    sink = owner.ask(b"HTTP/1.1 200 OK\r\n\r\nall of it")
    owner.server.transport.loseConnection()
    owner.pump()
    assert (sink.notes, sink.lost) == (["200 OK HTTP/1.1 to close", b"all of it", "end"], [])
    assert owner.told == ["opened", "closed"]


@CHUNKS
def test_a_reset_does_not_complete_a_body(chunk: int | None) -> None:
    owner = Owner(chunk)
    sink = owner.ask(b"HTTP/1.1 200 OK\r\n\r\npart")
    owner.server.transport.abortConnection()
    owner.pump()
    assert (sink.notes, sink.lost) == (["200 OK HTTP/1.1 to close", b"part"], ["lost"])
    assert owner.told == ["opened", "lost"]


CUT_SHORT = [
    (b"", "lost"),
    (b"HTTP/1.1 100 Continue\r\n\r\n", "lost"),
    (b"HTTP/1.1 200", "cut_short"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhalf", "cut_short"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "cut_short"),
]


@CHUNKS
@pytest.mark.parametrize(("data", "reason"), CUT_SHORT)
@pytest.mark.parametrize("reset", [False, True])
def test_a_server_lost_within_an_exchange(
    chunk: int | None, data: bytes, reason: str, reset: bool
) -> None:
    owner = Owner(chunk)
    sink = owner.ask(data)
    if reset:
        owner.server.transport.abortConnection()
    else:
        owner.server.transport.loseConnection()
    owner.pump()
    expected = "lost" if reset else reason
    assert sink.lost == [expected]
    assert "end" not in sink.notes
    assert owner.told == ["opened", expected]


BROKEN = [
    (b"HTTP/2 200 OK\r\n\r\n", "bad_status_line"),
    (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "unasked_upgrade"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "bad_content_length"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n", "bad_chunk"),
]


@CHUNKS
@pytest.mark.parametrize(("data", "reason"), BROKEN)
def test_a_response_that_breaks_a_rule(chunk: int | None, data: bytes, reason: str) -> None:
    owner = Owner(chunk)
    sink = owner.ask(data)
    assert sink.lost == [reason]
    assert owner.told == ["opened", reason]
    assert owner.server.ended == "lost"


@CHUNKS
@pytest.mark.parametrize("extra", [b"x", OK, b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_what_follows_an_answer_is_never_the_answer_to_the_next_request(
    chunk: int | None, extra: bytes
) -> None:
    owner = Owner(chunk)
    sink = owner.ask(OK + extra)
    assert (sink.notes, sink.lost) == (OK_READ, [])
    assert owner.told in (["opened", "unasked"], ["opened", "idle", "unasked"])
    assert owner.connection.state is State.CLOSED


@pytest.mark.parametrize("extra", [b"x", OK, b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_a_request_that_waits_for_the_answers_end_does_not_get_what_follows(extra: bytes) -> None:
    class Eager(Owner):
        def connection_idle(self, connection: ClientConnection) -> None:
            super().connection_idle(connection)
            connection.send(GET, late)

    owner, late = Eager(), Answer()
    assert owner.ask(OK + extra).notes == OK_READ
    assert (owner.told, late.notes) == (["opened", "unasked"], [])


@CHUNKS
@pytest.mark.parametrize("extra", [b"x", OK])
def test_what_follows_an_answer_while_the_request_still_goes_out(
    chunk: int | None, extra: bytes
) -> None:
    owner = Owner(chunk)
    sink = Answer()
    owner.connection.send(POST, sink)
    owner.say(OK + extra)
    assert sink.notes == OK_READ
    assert sink.lost in ([], ["unasked"])
    assert owner.told == ["opened", "unasked"]
    owner.connection.write(b"rest")
    owner.connection.end()


@CHUNKS
@pytest.mark.parametrize("data", [b"H", OK])
def test_bytes_on_an_idle_connection_end_it(chunk: int | None, data: bytes) -> None:
    owner = Owner(chunk)
    owner.say(data)
    assert owner.told == ["opened", "unasked"]


def test_a_server_that_closes_an_idle_connection() -> None:
    owner = Owner()
    owner.server.transport.loseConnection()
    owner.pump()
    assert owner.told == ["opened", "closed"]


def test_closing_an_idle_connection() -> None:
    owner = Owner()
    owner.connection.close("retired")
    owner.pump()
    assert (owner.told, owner.server.ended) == (["opened", "retired"], "done")
    with pytest.raises(LocalProtocolError, match="close cannot happen while closed"):
        owner.connection.close()
    with pytest.raises(LocalProtocolError, match="cannot happen while closed"):
        owner.connection.send(GET, Answer())


@CHUNKS
def test_cutting_a_connection_is_not_told_to_its_sink(chunk: int | None) -> None:
    owner = Owner(chunk)
    sink = owner.ask(OK[:-1])
    with pytest.raises(LocalProtocolError, match="close cannot happen while answering"):
        owner.connection.close()
    owner.connection.cut("timeout")
    owner.connection.cut("again")
    owner.pump()
    assert sink.lost == []
    assert (owner.told, owner.server.ended) == (["opened", "timeout"], "lost")


@CHUNKS
def test_losing_a_connection_is_told_to_its_sink(chunk: int | None) -> None:
    owner = Owner(chunk)
    sink = owner.ask(OK[:-1])
    owner.connection.lose("instance_gone")
    owner.pump()
    assert sink.lost == ["lost"]
    assert (owner.told, owner.server.ended) == (["opened", "instance_gone"], "lost")


def test_a_request_while_another_is_answered_is_refused() -> None:
    owner = Owner()
    owner.ask()
    with pytest.raises(LocalProtocolError, match="request_whole cannot happen while answering"):
        owner.connection.send(GET, Answer())


def test_a_server_that_reads_slowly() -> None:
    owner = Owner()
    owner.server.transport.pauseProducing()
    sink = Answer()
    owner.connection.send(POST, sink)
    for _ in range(10):
        owner.connection.write(bytes(65536))
    assert sink.pace == ["slow"]
    owner.server.transport.resumeProducing()
    owner.pump()
    assert sink.pace == ["slow", "ready"]
    owner.connection.end()


def test_a_slow_server_is_told_of_to_the_next_exchange_too() -> None:
    """It has answered without reading the whole request, which is still on its way."""
    owner = Owner()
    owner.server.transport.pauseProducing()
    first, second = Answer(), Answer()
    owner.connection.send(POST, first)
    owner.connection.write(bytes(1 << 20))
    owner.connection.end()
    owner.say(OK)
    assert owner.told == ["opened", "idle"]
    owner.connection.send(POST, second)
    assert second.pace == ["slow"]
    owner.server.transport.resumeProducing()
    owner.pump()
    assert (first.pace, second.pace) == (["slow"], ["slow", "ready"])


def test_holding_a_server_back() -> None:
    owner = Owner()
    sink = owner.ask(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    owner.connection.pause()
    owner.connection.pause()
    pusher = Pusher(owner.server.transport, bytes(1_000_000))
    pusher.start()
    owner.pump()
    assert sink.notes == ["200 OK HTTP/1.1 1000000"]
    assert pusher.sent < 200_000
    owner.connection.resume()
    owner.pump()
    assert sink.notes[1:] == [bytes(1_000_000), "end"]


def test_an_idle_connection_is_never_held_back() -> None:
    owner = Owner()

    class Pausing(Answer):
        def response_end(self, trailers: Pairs) -> None:
            owner.connection.pause()

    owner.connection.send(GET, Pausing())
    owner.say(OK)
    assert owner.told == ["opened", "idle"]
    assert owner.ask(OK).notes == OK_READ


def test_an_end_that_waits_for_a_server_can_be_hurried() -> None:
    """What was written to a server that reads nothing would keep the connection for ever."""
    owner = Owner()
    owner.server.transport.pauseProducing()
    sink = Answer()
    owner.connection.send(POST, sink)
    owner.connection.write(bytes(1 << 20))
    owner.say(OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"))
    assert (sink.notes, owner.told) == (OK_READ, ["opened"])
    owner.connection.cut()
    owner.pump()
    assert owner.told == ["opened", "closed"]
