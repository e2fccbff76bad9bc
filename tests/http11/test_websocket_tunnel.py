"""A Close put between the frames of one direction of a WebSocket."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.front.tunnel import TO_CLIENT, TO_SERVER, Direction
from tests.wire.test_websocket import CLOSE, FRAMES, KEY, PING, frame

HELLO, LATER = frame(b"hello"), frame(b"later")
BYE = frame(b"\x03\xe8", CLOSE, KEY)


class Way:
    """A direction whose far side is ``got``. (It is compiled, so it cannot be extended.)"""

    def __init__(self, close: bytes = TO_CLIENT) -> None:
        self.pieces: list[bytes] = []
        direction = Direction(self.pieces.append, close)
        self.carry, self.leave = direction.carry, direction.leave
        self._direction = direction

    @property
    def got(self) -> bytes:
        assert b"" not in self.pieces, "nothing is written as a piece"
        return b"".join(self.pieces)

    @property
    def told(self) -> bool:
        return self._direction.told

    @property
    def ends(self) -> bool:
        return self._direction.ends

    @property
    def over(self) -> bool:
        return self._direction.over


def test_what_is_told() -> None:
    """1012, unmasked to the client, masked to the application."""
    assert frame(b"\x03\xf4", CLOSE) == TO_CLIENT
    assert frame(b"\x03\xf4", CLOSE, TO_SERVER[2:6]) == TO_SERVER


def test_pieces_are_passed_on_as_they_are() -> None:
    way = Way()
    pieces = [HELLO, HELLO[:1], HELLO[1:] + LATER[:3], LATER[3:]]
    for piece in pieces:
        way.carry(piece)
    assert all(sent is came for sent, came in zip(way.pieces, pieces, strict=True))
    assert not way.told


def test_between_two_frames_a_close_goes_at_once_and_then_nothing() -> None:
    way = Way()
    way.carry(HELLO)
    way.leave()
    assert way.got == HELLO + TO_CLIENT
    assert (way.told, way.ends, way.over) == (True, True, False)
    way.carry(LATER + LATER[:2])
    way.carry(LATER[2:])
    assert not way.over
    way.carry(BYE[:3])
    assert not way.over
    way.carry(BYE[3:])
    assert way.over
    assert way.got == HELLO + TO_CLIENT


def test_before_the_first_frame() -> None:
    way = Way(TO_SERVER)
    way.leave()
    assert way.got == TO_SERVER


def test_twice_is_once() -> None:
    way = Way()
    way.leave()
    way.leave()
    assert way.got == TO_CLIENT


@pytest.mark.parametrize("data", FRAMES, ids=lambda data: f"{len(data)} {data[:2].hex()}")
@pytest.mark.parametrize("size", [1, 7, 100_000], ids=["bytes", "sevens", "whole"])
def test_a_frame_that_has_begun_is_let_to_its_end(data: bytes, size: int) -> None:
    way = Way()
    way.carry(data[:1])
    way.leave()
    assert (way.got, way.told) == (data[:1], False)
    rest = data[1:] + LATER + BYE
    for at in range(0, len(rest), size):
        way.carry(rest[at : at + size])
    assert way.got == data + TO_CLIENT
    assert (way.told, way.over) == (True, True)


def test_a_fragment_is_a_frame() -> None:
    """RFC 6455 section 5.4: control frames may stand between the fragments of a message."""
    way = Way()
    way.carry(frame(b"one of two", 0x01))
    way.leave()
    way.carry(frame(b"two of two", 0x80))
    assert way.got == frame(b"one of two", 0x01) + TO_CLIENT


@pytest.mark.parametrize("cut", range(len(BYE) + 1))
def test_a_side_whose_peer_closes_by_itself_hears_nothing_else(cut: int) -> None:
    way = Way()
    way.carry(HELLO + BYE[:cut])
    way.leave()
    if cut < len(BYE):
        way.carry(BYE[cut:])
    # With no octet of it yet, the router is first.
    assert way.got == HELLO + (BYE if cut else TO_CLIENT)
    assert way.told is (cut == 0)
    assert (way.ends, way.over) == (True, True)


def test_a_frame_without_an_end_is_passed_on_for_as_long_as_it_lasts() -> None:
    way = Way()
    endless = b"\x82\x7f" + b"\xff" * 8
    way.carry(endless)
    way.leave()
    way.carry(bytes(1000))
    assert way.got == endless + bytes(1000)
    assert not way.ends


@given(
    st.lists(
        st.tuples(st.binary(max_size=200), st.sampled_from([0x81, 0x02, 0x80, PING])), max_size=8
    ),
    st.lists(st.integers(0, 1600), max_size=6),
    st.integers(0, 7),
)
def test_at_any_time_the_far_side_gets_whole_frames_and_one_close(
    frames: list[tuple[bytes, int]], cuts: list[int], leaves: int
) -> None:
    whole = [frame(payload, first, KEY) for payload, first in frames] + [BYE]
    data = b"".join(whole)
    ends = [0, *itertools.accumulate(map(len, whole))]
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    way = Way(TO_SERVER)
    left = None
    for number, (start, end) in enumerate(itertools.pairwise(places)):
        if number == leaves:
            way.leave()
            left = start
        way.carry(data[start:end])
    if left is None or left > ends[-2]:
        assert way.got == data
    else:
        boundary = min(each for each in ends if each >= left)
        if boundary == len(data):
            assert way.got == data
        else:
            assert way.got == data[:boundary] + TO_SERVER
    assert way.over
