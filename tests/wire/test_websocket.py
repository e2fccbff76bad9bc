"""Where frames end, whole, byte by byte and with more behind them; and the Close frames."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.wire.websocket import (
    SERVICE_RESTART,
    FrameScanner,
    close_frame,
    masked_close_frame,
)

TEXT, CLOSE, PING = 0x81, 0x88, 0x89


def frame(payload: bytes, first: int = TEXT, key: bytes = b"") -> bytes:
    """A frame; masked if there is a key (RFC 6455 section 5.2)."""
    masked, size = (0x80 if key else 0), len(payload)
    if size < 126:
        head = bytes([first, masked | size])
    elif size < 65536:
        head = bytes([first, masked | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, masked | 127]) + size.to_bytes(8, "big")
    if key:
        payload = bytes(each ^ key[at % 4] for at, each in enumerate(payload))
    return head + key + payload


KEY = b"\x01\x02\x03\x04"
FRAMES = [
    frame(b""),
    frame(b"", key=KEY),
    frame(b"hello"),
    frame(b"hello", key=KEY),
    frame(bytes(125)),
    frame(bytes(126)),
    frame(bytes(126), key=KEY),
    frame(bytes(65535)),
    frame(bytes(65536), key=KEY),
    frame(b"part", 0x01),
    frame(b"ping", PING, KEY),
    frame(b"deflated", 0xC1),
    # Longer forms than are needed are not allowed, and are followed all the same.
    b"\x81\x7e\x00\x01x",
    b"\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x01x",
]


@pytest.mark.parametrize("data", FRAMES, ids=lambda data: f"{len(data)} {data[:2].hex()}")
@pytest.mark.parametrize("behind", [b"", frame(b"next"), b"\x81"], ids=["alone", "frame", "part"])
def test_a_frame_ends_where_it_ends(data: bytes, behind: bytes) -> None:
    scanner = FrameScanner()
    assert scanner.at_boundary
    assert scanner.follow_to_boundary(data + behind) == 0
    scanner.follow(data[:1])
    assert not scanner.at_boundary
    assert scanner.follow_to_boundary(data[1:] + behind) == len(data) - 1
    assert scanner.at_boundary
    assert not scanner.closing
    scanner.follow(behind)
    assert scanner.at_boundary is (behind != b"\x81")


@pytest.mark.parametrize("data", FRAMES, ids=lambda data: f"{len(data)} {data[:2].hex()}")
def test_byte_by_byte(data: bytes) -> None:
    scanner = FrameScanner()
    for at in range(len(data)):
        assert scanner.at_boundary is (at == 0)
        scanner.follow(data[at : at + 1])
    assert scanner.at_boundary


@given(
    st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=12),
    st.lists(st.integers(0, 3000), max_size=8),
)
def test_any_frames_in_any_pieces(frames: list[tuple[bytes, bool]], cuts: list[int]) -> None:
    whole = [frame(payload, key=KEY if masked else b"") for payload, masked in frames]
    ends = {0, *itertools.accumulate(map(len, whole))}
    data = b"".join(whole)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    scanner = FrameScanner()
    for start, end in itertools.pairwise(places):
        scanner.follow(data[start:end])
        assert scanner.at_boundary is (end in ends)
        other = FrameScanner()
        other.follow(data[:start])
        found = other.follow_to_boundary(data[start:end])
        nearest = min([each for each in ends if start <= each <= end], default=end)
        assert found == (0 if start in ends else nearest - start)


@pytest.mark.parametrize("key", [b"", KEY])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_close_is_seen_when_its_head_is_whole_and_over_when_it_is(key: bytes, size: int) -> None:
    data = frame(b"x") + frame(b"\x03\xe8bye", CLOSE, key)
    begins, scanner = len(frame(b"x")), FrameScanner()
    for at in range(0, len(data), size):
        scanner.follow(data[at : at + size])
        come = min(at + size, len(data))
        assert scanner.closing is (come >= begins + 2)
        assert scanner.closed is (come == len(data))


def test_a_payload_that_looks_like_a_close_is_none() -> None:
    scanner = FrameScanner()
    scanner.follow(frame(frame(b"", CLOSE) * 20))
    assert scanner.at_boundary
    assert not scanner.closing


def test_a_frame_without_an_end_has_none() -> None:
    scanner = FrameScanner()
    scanner.follow(b"\x82\x7f" + b"\xff" * 8)
    assert scanner.follow_to_boundary(bytes(100_000)) == 100_000
    assert not scanner.at_boundary


def test_close_frames() -> None:
    """RFC 6455 sections 5.5.1 and 7.4: two octets of code; of a client, masked."""
    assert SERVICE_RESTART == 1012
    assert close_frame(1012) == frame(b"\x03\xf4", CLOSE)
    masked = masked_close_frame(1012)
    assert masked == frame(b"\x03\xf4", CLOSE, masked[2:6])
    assert any(masked[2:6])
    for data in (close_frame(1012), masked):
        scanner = FrameScanner()
        scanner.follow(data)
        assert scanner.closed
