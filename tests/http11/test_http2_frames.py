"""Cutting at the ends of frames, and the allowances, by themselves."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.http2.allowances import OTHERS, RESETS, Allowance, Allowances
from lambdadispatch.http2.frames import (
    DATA,
    HEADERS,
    LARGEST_FRAME,
    PING,
    PREFACE,
    RST_STREAM,
    FrameSplitter,
    Piece,
)
from lambdadispatch.wire.errors import RemoteProtocolError
from tests.hostile.http2_frames import CONTINUATION, END_HEADERS, frame
from tests.hostile.http2_frames import PREFACE as OCTETS

FRAMES = st.lists(
    st.builds(
        frame,
        st.integers(0, 12),
        st.integers(0, 255),
        st.integers(0, 2**31 - 1),
        st.binary(max_size=40),
    ),
    max_size=8,
)


def split(data: bytes, cuts: list[int]) -> list[Piece]:
    splitter, pieces = FrameSplitter(), []
    marks = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(marks):
        splitter.feed(data[start:end])
        while True:
            piece = splitter.next_piece()
            if piece is not None:
                pieces.append(piece)
            elif splitter._at == len(splitter._data):
                break
    return pieces


@given(FRAMES, st.lists(st.integers(0, 1000)))
def test_every_frame_ends_where_it_ends_however_it_came(
    frames: list[bytes], cuts: list[int]
) -> None:
    whole = [OCTETS, *frames]
    pieces = split(b"".join(whole), cuts)
    assert b"".join(piece.octets for piece in pieces) == b"".join(whole)
    found, current = [], b""
    for piece in pieces:
        current += piece.octets
        if piece.last:
            found.append((piece.kind, piece.stream, piece.length, current))
            current = b""
    assert current == b""
    assert [each[3] for each in found] == whole
    assert found[0][0] == PREFACE
    for kind, stream, length, raw in found[1:]:
        assert (length, kind) == (len(raw) - 9, raw[3])
        assert stream == int.from_bytes(raw[5:9], "big") & 0x7FFFFFFF


@given(FRAMES, st.lists(st.integers(0, 1000)))
def test_what_is_under_way_is_what_has_come_of_the_last_frame(
    frames: list[bytes], cuts: list[int]
) -> None:
    data = OCTETS + b"".join(frames) + frame(PING, 0, 0, bytes(8))[:-3]
    splitter = FrameSplitter()
    splitter.feed(data)
    while splitter._at < len(data):
        splitter.next_piece()
    assert splitter.under_way == 14
    assert splitter.in_head


@given(FRAMES, st.lists(st.tuples(st.integers(1, 60), st.integers(0, 3)), min_size=1))
def test_what_was_not_given_out_yet_stays_before_what_is_fed(
    frames: list[bytes], steps: list[tuple[int, int]]
) -> None:
    whole = b"".join([OCTETS, *frames])
    splitter, found, at = FrameSplitter(), b"", 0
    for size, takes in steps:
        splitter.feed(whole[at : at + size])
        at += size
        for _ in range(takes):
            piece = splitter.next_piece()
            found += b"" if piece is None else piece.octets
    while splitter.has_more:
        piece = splitter.next_piece()
        found += b"" if piece is None else piece.octets
    fed = whole[:at]
    assert found == fed[: len(found)]
    # What is missing is the beginning of a header.
    assert len(fed) - len(found) < 9


def test_blocks_and_heads() -> None:
    splitter = FrameSplitter()
    steps = [
        (OCTETS[:-1], True, False, 0),
        (OCTETS[-1:], False, False, 1),
        (frame(HEADERS, 0, 1, b"x"), True, True, 1),
        (frame(CONTINUATION, 0, 1, b"x"), True, True, 1),
        (frame(CONTINUATION, END_HEADERS, 1, b"x"), False, False, 2),
        (frame(DATA, 0, 1, b"abc")[:-1], False, False, 2),
        (b"c", False, False, 3),
        (b"\x00", True, False, 3),
    ]
    for data, in_head, in_block, ended in steps:
        splitter.feed(data)
        while splitter._at < len(data):
            splitter.next_piece()
        assert (splitter.in_head, splitter.in_block, splitter.ended) == (in_head, in_block, ended)


def test_a_frame_that_is_too_large_is_refused_before_it_has_come() -> None:
    splitter = FrameSplitter()
    splitter.feed(OCTETS + frame(DATA, 0, 1, bytes(LARGEST_FRAME)))
    assert splitter.next_piece() is not None
    assert splitter.next_piece() is not None
    splitter.feed(frame(DATA, 0, 1, bytes(LARGEST_FRAME + 1))[:9])
    with pytest.raises(RemoteProtocolError) as caught:
        splitter.next_piece()
    assert caught.value.reason == "frame_too_large"


def test_an_allowance() -> None:
    allowance = Allowance(2, 1)
    assert [allowance.spend() for _ in range(3)] == [True, True, False]
    allowance.sweep()
    allowance.sweep()
    assert [allowance.spend() for _ in range(2)] == [True, False]
    allowance.earn(1000)
    assert [allowance.spend() for _ in range(3)] == [True, True, False]


def piece(kind: int, length: int = 8) -> Piece:
    return Piece(b"", kind, length, 1, True)


def test_resets_and_others_are_apart_and_data_earns() -> None:
    allowances = Allowances()
    for _ in range(OTHERS[0]):
        assert allowances.afford(piece(PING), known=True)
    assert not allowances.afford(piece(PING), known=True)
    for _ in range(RESETS[0]):
        assert allowances.afford(piece(RST_STREAM), known=True)
    assert not allowances.afford(piece(RST_STREAM), known=True)
    assert allowances.afford(piece(HEADERS), known=False)
    assert not allowances.afford(piece(DATA, 0), known=True)
    assert not allowances.afford(piece(DATA, 1), known=False)
    for _ in range(3):
        assert allowances.afford(piece(DATA, 1), known=True)
    assert allowances.afford(piece(PING), known=True)
