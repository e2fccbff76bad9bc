"""What a head may measure, to the octet and to the field."""

from __future__ import annotations

import pytest

from lambdadispatch.wire.reader import CHUNK_LINE_LIMIT, Limits
from tests.wire.reading import read_requests, read_responses, split

READ = ["GET / HTTP/1.1 0", "end", "more"]
START = b"GET / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def head_of(octets: int) -> bytes:
    """A request whose head, its last line end included, has so many octets."""
    filler = octets - len(START) - len(b"X: \r\n\r\n")
    return START + b"X: " + b"x" * filler + b"\r\n\r\n"


@pytest.mark.parametrize("size", [1, 4096, 1 << 20])
def test_head_of_65536_octets_but_no_more(size: int) -> None:
    assert read_requests(split(head_of(65536), size)) == READ
    assert read_requests(split(head_of(65537), size)) == ["head_too_large 431"]


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_head_without_an_end(size: int) -> None:
    assert read_requests(split(b"x" * 65536, size)) == ["more"]
    assert read_requests(split(b"x" * 65537, size)) == ["head_too_large 431"]


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_one_hundred_fields_but_no_more(size: int) -> None:
    more = b"".join(b"X-%d: y\r\n" % number for number in range(99))
    assert read_requests(split(START + more + b"\r\n", size)) == READ
    notes = read_requests(split(START + more + b"Z: z\r\n\r\n", size))
    assert notes == ["too_many_fields 431"]


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_limits_that_are_set(size: int) -> None:
    limits = Limits(head_octets=40, fields=2)
    assert read_requests(split(head_of(40), size), limits=limits) == READ
    assert read_requests(split(head_of(41), size), limits=limits) == ["head_too_large 431"]
    three = b"GET / HTTP/1.1\r\nHost: a\r\nB: \r\nC: \r\n\r\n"
    assert read_requests(split(three, size), limits=limits) == ["too_many_fields 431"]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_bare_lf_within_the_limit_comes_before_the_limit(size: int) -> None:
    limits = Limits(head_octets=60)
    for end in (b"", b"\r\n\r\n"):
        early = START + b"X: a\nb" + b"x" * 60 + end
        assert read_requests(split(early, size), limits=limits) == ["bare_lf 400"]
        late = START + b"X: " + b"x" * 60 + b"\nb" + end
        assert read_requests(split(late, size), limits=limits) == ["head_too_large 431"]


@pytest.mark.parametrize("size", [1, 2, 1 << 20])
def test_trailers_up_to_the_limit(size: int) -> None:
    limits = Limits(head_octets=100)
    for octets, last in ((100, "end"), (101, "head_too_large 431")):
        trailers = b"Te: " + b"x" * (octets - 8) + b"\r\n\r\n"
        notes = read_requests(split(CHUNKED + b"0\r\n" + trailers, size), limits=limits)
        assert notes[1] == last


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_trailers_are_limited_as_heads_are(size: int) -> None:
    limits = Limits(head_octets=200, fields=3)
    lines = b"".join(b"X-%d: y\r\n" % number for number in range(4))
    notes = read_requests(split(CHUNKED + b"0\r\n" + lines + b"\r\n", size), limits=limits)
    assert notes == ["POST / HTTP/1.1 chunked", "too_many_fields 431"]
    long = b"X: " + b"x" * 200
    for end in (b"", b"\r\n\r\n"):
        notes = read_requests(split(CHUNKED + b"0\r\n" + long + end, size), limits=limits)
        assert notes == ["POST / HTTP/1.1 chunked", "head_too_large 431"]


def test_trailers_that_come_byte_by_byte() -> None:
    """Each byte is looked at a few times, not once for every byte that came before it."""
    trailer = b"X: " + b"x" * 60000 + b"\r\n\r\n"
    notes = read_requests(split(CHUNKED + b"0\r\n" + trailer, 1))
    assert notes == ["POST / HTTP/1.1 chunked", f"end X={'x' * 60000}", "more"]


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_chunk_lines_are_limited(size: int) -> None:
    longest = b"1;" + b"x" * (CHUNK_LINE_LIMIT - 4) + b"\r\n"
    assert len(longest) == CHUNK_LINE_LIMIT
    notes = read_requests(split(CHUNKED + longest + b"x\r\n0\r\n\r\n", size))
    assert notes == ["POST / HTTP/1.1 chunked", b"x", "end", "more"]


def test_the_largest_chunk_and_the_largest_length_can_be_announced() -> None:
    notes = read_requests([CHUNKED + b"f" * 15 + b"\r\nabc"])
    assert notes == ["POST / HTTP/1.1 chunked", b"abc", "more"]
    length = b"9" * 18
    notes = read_requests([START + b"Content-Length: " + length + b"\r\n\r\nabc"])
    assert notes == [f"GET / HTTP/1.1 {length.decode()}", b"abc", "more"]


def test_many_empty_lines_before_a_request() -> None:
    assert read_requests([b"\r\n" * 100_000 + START + b"\r\n"]) == READ


def test_many_small_chunks() -> None:
    body = b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n"
    assert read_requests([CHUNKED + body]) == [
        "POST / HTTP/1.1 chunked",
        b"x" * 50_000,
        "end",
        "more",
    ]


def test_a_response_over_a_limit_is_a_bad_gateway() -> None:
    data = b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n"
    assert read_responses([data]) == ["too_many_fields 502"]
    assert read_responses([b"HTTP/1.1 200 " + b"x" * 70_000]) == ["head_too_large 502"]


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_the_extensions_of_a_body_are_limited_together(size: int) -> None:
    limits = Limits(head_octets=200)
    body = b"1;" + b"x" * 49 + b"\r\na\r\n"
    notes = read_requests(split(CHUNKED + body * 4 + b"0\r\n\r\n", size), limits=limits)
    assert notes == ["POST / HTTP/1.1 chunked", b"aaaa", "end", "more"]
    for last in (b"0;\r\n\r\n", body):
        notes = read_requests(split(CHUNKED + body * 4 + last, size), limits=limits)
        assert notes == ["POST / HTTP/1.1 chunked", b"aaaa", "bad_chunk 400"]
    twice = (CHUNKED + body * 4 + b"0\r\n\r\n") * 2
    assert read_requests(split(twice, size), limits=limits)[-1] == "more"


# -- targets


def asking(target: bytes, rest: bytes = b" HTTP/1.1\r\nHost: a\r\n\r\n") -> bytes:
    return b"GET " + target + rest


LONG_TARGETS = [
    b"/" + b"x" * 100,
    b"/?" + b"x" * 99,
    b"http://a/" + b"x" * 92,
    b"\xff" * 101,
    b"x" * 4000,
]
AFTER_THEM = [
    b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b" HTTP/1.1\r\n\r\n",
    b" HTTP/2.0\r\n\r\n",
    b"\n\r\n\r\n",
    b"\x00 HTTP/1.1\r\n\r\n",
    b"",
    b"\r\n\r\n",
]


@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize("rest", AFTER_THEM)
@pytest.mark.parametrize("target", LONG_TARGETS)
def test_a_target_too_long_is_told_first_of_all(target: bytes, rest: bytes, size: int) -> None:
    """Whatever follows it, or does not; also where all is longer than a head may be."""
    limits = Limits(head_octets=1000, target_octets=100)
    notes = read_requests(split(asking(target, rest), size), limits=limits)
    assert notes == ["uri_too_long 414"]


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_target_as_long_as_is_allowed(size: int) -> None:
    limits = Limits(target_octets=100)
    for target in (b"/" + b"x" * 99, b"/", b"/?" + b"y" * 98):
        line = f"GET {target.decode()} HTTP/1.1 0"
        notes = read_requests(split(asking(target) * 2, size), limits=limits)
        assert notes == [line, "end", line, "end", "more"]
    field = asking(b"/", b" HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 3000 + b"\r\n\r\n")
    notes = read_requests(split(field, size), limits=limits)
    assert notes == ["GET / HTTP/1.1 0", "end", "more"]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("most", [95, 96, 97, 100, 200])
def test_a_target_may_be_over_both_limits(most: int, size: int) -> None:
    """Which of the two is told depends on the limits, not on how the bytes are split."""
    limits = Limits(head_octets=100, target_octets=most)
    notes = read_requests(split(asking(b"/" + b"x" * 400), size), limits=limits)
    assert notes == ["uri_too_long 414" if most <= 96 else "head_too_large 431"]


def test_a_long_target_is_refused_before_its_head_is_whole() -> None:
    limits = Limits(target_octets=100)
    assert read_requests([b"GET /" + b"x" * 99], limits=limits) == ["more"]
    assert read_requests([b"GET /" + b"x" * 100], limits=limits) == ["uri_too_long 414"]


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_responses_have_no_target(size: int) -> None:
    limits = Limits(target_octets=10)
    data = b"HTTP/1.1 200 " + b"x" * 100 + b"\r\nContent-Length: 0\r\n\r\n"
    assert read_responses(split(data, size), limits=limits)[1:] == ["end", "more"]


# -- bodies


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_declared_body_over_the_limit_is_refused_with_its_head(size: int) -> None:
    limits = Limits(body_octets=10)
    start = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "
    fits = read_requests(split(start + b"10\r\n\r\n" + bytes(10), size), limits=limits)
    assert fits == ["POST / HTTP/1.1 10", bytes(10), "end", "more"]
    for length in (b"11", b"999999999999999999"):
        notes = read_requests(split(start + length + b"\r\n\r\n", size), limits=limits)
        assert notes == ["body_too_large 413"]


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_chunks_are_counted_as_they_come(size: int) -> None:
    limits = Limits(body_octets=10)
    begun = CHUNKED + b"4\r\nabcd\r\n6;x=y\r\nefghij\r\n"
    head = "POST / HTTP/1.1 chunked"
    fits = read_requests(split(begun + b"0\r\n\r\n" + begun, size), limits=limits)
    assert fits == [head, b"abcdefghij", "end", head, b"abcdefghij", "more"]
    notes = read_requests(split(begun + b"1\r\nk\r\n", size), limits=limits)
    assert notes == [head, b"abcdefghij", "body_too_large 413"]
    for announced in (b"b", b"fffffffffffffff"):
        notes = read_requests(split(CHUNKED + announced + b"\r\nab", size), limits=limits)
        assert notes == [head, "body_too_large 413"]


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_no_body_at_all_allowed(size: int) -> None:
    limits = Limits(body_octets=0)
    empty = CHUNKED + b"0\r\n\r\n" + START + b"\r\n"
    notes = read_requests(split(empty, size), limits=limits)
    assert notes == ["POST / HTTP/1.1 chunked", "end", "GET / HTTP/1.1 0", "end", "more"]
    notes = read_requests(split(CHUNKED + b"1\r\n", size), limits=limits)
    assert notes == ["POST / HTTP/1.1 chunked", "body_too_large 413"]
