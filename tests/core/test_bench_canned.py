"""The canned application: what it answers, however the bytes come, and how it is held back."""

import pytest

from bench.canned_answers import GIB, HELD, MISSING, PIECE, CannedAnswers, head, prepared

GET = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n"
UPLOAD = b"POST /sink HTTP/1.1\r\nHost: a\r\ncontent-length: 7\r\n\r\nseven.."


class Stream:
    """Keeps what is written, and says when it is full, as asyncio's transports do."""

    def __init__(self, room: int = 1 << 40) -> None:
        self.written = b""
        self.pieces: list[bytes] = []
        self.octets = 0
        self.room = room
        self.limit = 0
        self.protocol: CannedAnswers | None = None

    def set_write_buffer_limits(self, high: int) -> None:
        self.limit = high

    def write(self, data: bytes) -> None:
        self.octets += len(data)
        self.room -= len(data)
        self.pieces.append(data)
        if len(self.written) < 2**20:
            self.written += data
        if self.room <= 0 and self.protocol is not None:
            self.protocol.pause_writing()

    def take(self, octets: int) -> None:
        self.room = octets
        assert self.protocol is not None
        self.protocol.resume_writing()


def answers(room: int = 1 << 40) -> tuple[CannedAnswers, Stream]:
    canned, stream = CannedAnswers(), Stream(room)
    stream.protocol = canned
    canned.connection_made(stream)
    return canned, stream


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        (GET % b"/small", prepared(b"pong")),
        (GET % b"/64k", prepared(bytes(range(256)) * 256)),
        (GET % b"/other", MISSING),
        (GET % b"/hold", b""),
        (UPLOAD, prepared(b"7")),
        (UPLOAD.replace(b"7", b"0")[:-7], prepared(b"0")),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_answers_however_the_bytes_come(request_bytes: bytes, answer: bytes, size: int) -> None:
    canned, stream = answers()
    for _ in range(2):  # and once more on the same connection
        for at in range(0, len(request_bytes), size):
            canned.data_received(request_bytes[at : at + size])
    assert stream.written == answer * 2


def test_an_upload_is_answered_when_all_of_it_has_come() -> None:
    canned, stream = answers()
    canned.data_received(UPLOAD[:-1])
    assert stream.written == b""
    canned.data_received(UPLOAD[-1:])
    assert stream.written.endswith(b"\r\n\r\n7")


def test_what_came_beyond_an_upload_is_counted_so_that_it_is_noticed() -> None:
    canned, stream = answers()
    canned.data_received(UPLOAD + b"!")
    assert stream.written.endswith(b"\r\n\r\n8")


def test_a_stream_goes_no_further_than_it_is_taken() -> None:
    canned, stream = answers(room=len(head(GIB)) + 2 * len(PIECE))
    canned.data_received(GET % b"/1g")
    assert stream.limit == HELD
    assert stream.octets == len(head(GIB)) + 2 * len(PIECE)
    stream.take(1)
    assert stream.octets == len(head(GIB)) + 3 * len(PIECE)
    stream.take(1 << 40)
    assert stream.octets == len(head(GIB)) + GIB
    # One buffer, again and again.
    assert all(piece is PIECE for piece in stream.pieces[1:])
    canned.data_received(GET % b"/small")
    assert stream.pieces[-1] == prepared(b"pong")


def test_a_lost_connection_is_told_and_ends_the_stream() -> None:
    lost: list[Exception | None] = []
    canned, stream = CannedAnswers(lost.append), Stream(room=1)
    stream.protocol = canned
    canned.connection_made(stream)
    canned.data_received(GET % b"/1g")
    error = ConnectionResetError()
    canned.connection_lost(error)
    assert lost == [error]
    before = stream.octets
    stream.take(1 << 40)
    assert stream.octets == before


def test_prepared_answers_announce_their_length() -> None:
    assert prepared(b"pong").endswith(b"\r\nContent-Length: 4\r\n\r\npong")
    assert 100 < len(head(4)) < 200
