from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.wire.errors import LocalProtocolError, RemoteProtocolError
from lambdadispatch.wire.session import (
    DRAIN,
    IDLE,
    LEAVING,
    LINE_LIMIT,
    NACK,
    PING,
    PONG,
    READY,
    RETIRE,
    TEXT_OF,
    Message,
    SessionReader,
    encode_message,
)
from tests.wire.reading import cut_at, split

MESSAGES = [
    Message(READY, "a1b2"),
    Message(IDLE),
    Message(LEAVING, "deadline"),
    Message(PONG),
    Message(PING),
    Message(DRAIN, "line\nend, “quoted”"),
    Message(RETIRE, ""),
    Message(NACK, "unreachable", "00ff"),
]


def read(data: bytes, size: int) -> list[Message]:
    reader = SessionReader()
    return [message for piece in split(data, size) for message in reader.feed(piece)]


def test_every_kind_has_an_example_here() -> None:
    assert {message.kind for message in MESSAGES} == set(TEXT_OF)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_one_line_of_json(message: Message) -> None:
    line = encode_message(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    key = TEXT_OF[message.kind]
    expected = {"kind": message.kind} | ({} if key is None else {key: message.text})
    expected |= {"channel": message.channel} if message.kind == NACK else {}
    assert json.loads(line) == expected


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
def test_messages_in_pieces(size: int) -> None:
    data = b"".join(map(encode_message, MESSAGES))
    assert read(data, size) == MESSAGES


SOME = st.builds(
    lambda kind, text: Message(kind, "" if TEXT_OF[kind] is None else text),
    st.sampled_from(sorted(TEXT_OF)),
    st.text(max_size=300),
)


@given(st.lists(SOME, max_size=6), st.lists(st.integers(0, 1 << 16), max_size=10))
def test_any_messages_in_any_pieces(messages: list[Message], places: list[int]) -> None:
    reader = SessionReader()
    data = b"".join(map(encode_message, messages))
    got = [message for piece in cut_at(data, places) for message in reader.feed(piece)]
    assert got == messages


def test_how_long_an_instance_stays() -> None:
    line = encode_message(Message(READY, "e", leaves_in=12.5))
    assert json.loads(line) == {"kind": "ready", "environment": "e", "leaves_in": 12.5}
    assert read(line, 1) == [Message(READY, "e", leaves_in=12.5)]
    assert read(b'{"kind": "ready", "leaves_in": 3}\n', 1) == [Message(READY, "", leaves_in=3.0)]
    assert read(b'{"kind": "idle", "leaves_in": "no", "channel": 1}\n', 1) == [Message(IDLE)]


def test_kinds_and_keys_that_are_not_known_are_passed_over() -> None:
    data = b'{"kind": "later", "x": [1]}\n{"kind": "ping", "since": 3}\n{"kind": "drain"}\n'
    assert read(data, 1) == [Message(PING), Message(DRAIN, "")]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"ping",
        b"[]",
        b'"ping"',
        b"null",
        b"{}",
        b'{"kind": null}',
        b'{"kind": 1}',
        b'{"kind": ["ping"]}',
        b'{"kind": "drain", "reason": 1}',
        b'{"kind": "drain", "reason": null}',
        b'{"kind": "nack", "reason": "x", "channel": 1}',
        b'{"kind": "ready", "leaves_in": "soon"}',
        b'{"kind": "ready", "leaves_in": true}',
        b'{"kind": "ready", "leaves_in": -1}',
        b'{"kind": "ready", "leaves_in": NaN}',
        b'{"kind": "ready", "leaves_in": 1e9}',
        b'{"kind": "ping"} x',
        b'{"kind": "\xff"}',
        b"[" * 4000,
        b"\x00",
    ],
)
def test_what_is_no_message(line: bytes) -> None:
    for size in (1, 1 << 20):
        with pytest.raises(RemoteProtocolError) as error:
            read(line + b"\n", size)
        assert error.value.reason == "bad_session_line"


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_line_over_the_limit_is_refused_even_unfinished(size: int) -> None:
    start = b'{"kind": "drain", "reason": "'
    longest = start + b"x" * (LINE_LIMIT - len(start) - 2) + b'"}'
    assert len(longest) == LINE_LIMIT
    assert [message.kind for message in read(longest + b"\n", size)] == [DRAIN]
    for data in (b"x" * (LINE_LIMIT + 1), b" " + longest + b"\n"):
        with pytest.raises(RemoteProtocolError, match=f"over {LINE_LIMIT} octets"):
            read(data, size)


@given(st.binary(max_size=60))
def test_any_bytes_give_messages_or_a_protocol_error(data: bytes) -> None:
    try:
        messages = list(SessionReader().feed(data))
    except RemoteProtocolError as error:
        assert error.reason == "bad_session_line"
    else:
        assert all(message.kind in TEXT_OF for message in messages)


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_what_came_before_a_bad_line_is_read(size: int) -> None:
    reader, messages = SessionReader(), []
    with pytest.raises(RemoteProtocolError):
        for piece in split(b'{"kind": "ping"}\n{"kind": "pong"}\nx\n{"kind": "idle"}\n', size):
            for message in reader.feed(piece):
                messages.append(message)
    assert messages == [Message(PING), Message(PONG)]
    assert reader.buffered == 0


def test_what_this_side_must_not_send() -> None:
    with pytest.raises(LocalProtocolError, match="'hello' is not in the table"):
        encode_message(Message("hello"))
    with pytest.raises(LocalProtocolError, match=f"octets are over {LINE_LIMIT}"):
        encode_message(Message(DRAIN, "x" * LINE_LIMIT))
