"""What a channel's reader reads at once is what any reader of requests reads."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lambdadispatch.wire.channel_reader import ChannelReader
from lambdadispatch.wire.fields import Fields
from lambdadispatch.wire.heads import RequestHead, render_request
from lambdadispatch.wire.reader import DEFAULT_LIMITS, Limits
from lambdadispatch.wire.request_reader import RequestReader

START = b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n"
LAST_LINES = [
    b"x-request-id: 1-a",
    b"X:",
    b"X: \t a \t ",
    b"X: a:b",
    b" folded",
    b"no colon",
    b"X : a",
    b"X: a\x00b",
    b"X: a\nY: b",
    b"X: a\rb",
    b"Host: b",
    b"Content-Length: 0",
    b"Content-Length: 1",
    b"Transfer-Encoding: chunked",
    b"Connection: close, x-a",
    b"Upgrade: websocket",
    b"Expect: 100-continue",
    b"TE: trailers",
    b"Keep-Alive: 5",
    b"X-A: c",
    b"GET / HTTP/1.1",
    b"",
]
BEGINNINGS = [
    START,
    b"GET / HTTP/1.1\r\nHost: a\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: X, close\r\n",
    b"GET / HTTP/1.1\r\n",
    b"GET / HTTP/1.0\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n",
    b"\r\n",
    b"",
]


def facts(head: RequestHead | None) -> object:
    """All that can be asked of a head."""
    if head is None:
        return None
    fields = head.fields
    return (
        (*head[:3], head.body, head.keep_alive),
        (fields.pairs, fields.content_length, fields.chunked, fields.connection),
        (fields.hosts, fields.upgrade, fields.expects_continue, fields.hop_by_hop),
        (fields.end_to_end, fields.end_to_end_block, render_request(head, b"Y: z\r\n")),
    )


def check(data: bytes, limits: Limits = DEFAULT_LIMITS) -> RequestHead | None:
    read = ChannelReader(limits).whole(data)
    assert facts(read) == facts(RequestReader(limits).whole(data))
    again = ChannelReader(limits).whole(data)
    assert facts(again) == facts(read)
    return read


@pytest.mark.parametrize("last", LAST_LINES)
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_any_last_line(beginning: bytes, last: bytes) -> None:
    check(beginning + last + b"\r\n\r\n")
    check(beginning + last + b"\r\n")
    check(beginning + last)


@given(
    st.lists(st.sampled_from([*LAST_LINES, b"A: b", b"C: d"]), max_size=4),
    st.sampled_from(BEGINNINGS),
    st.integers(1, 5),
)
@example([b"X: 1", b"X: 2"], START, 3)
def test_any_lines_and_limits(lines: list[bytes], beginning: bytes, most: int) -> None:
    data = beginning + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    check(data, Limits(fields=most))
    check(data, Limits(head_octets=len(data) - most % 2))


def test_lines_that_differ_from_one_request_to_the_next() -> None:
    reader = ChannelReader()
    for number in (1, 2, 2, 1, 3):
        head = reader.whole(START + b"x-request-id: %d\r\n\r\n" % number)
        assert head is not None
        assert head.fields.get(b"x-request-id") == b"%d" % number
        assert head.fields.end_to_end_block == START[16:] + b"x-request-id: %d\r\n" % number
        assert head.fields.hosts == (b"a",)


def test_what_came_before_keeps_it_from_being_whole() -> None:
    reader = ChannelReader()
    reader.feed(b"G")
    assert reader.whole(START + b"\r\n") is None


def test_a_field_that_means_more_cannot_be_added() -> None:
    fields = Fields.of([(b"Connection", b"X-Hop")])
    for name in (b"Host", b"CONTENT-LENGTH", b"te", b"X-Hop", b"Connection"):
        assert fields.followed_by(name, b"1") is None
    longer = fields.followed_by(b"X", b"1")
    assert longer is not None
    assert longer.end_to_end_block == b"X: 1\r\n"
