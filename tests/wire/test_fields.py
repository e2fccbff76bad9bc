from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.wire.errors import LocalProtocolError, RemoteProtocolError
from lambdadispatch.wire.fields import (
    HOP_BY_HOP,
    NO_FIELDS,
    REMEMBERED_BYTES,
    Fields,
    _parse,
    parse_fields,
    render_fields,
    trailer_pairs,
)


def test_lookups_ignore_case_and_keep_order() -> None:
    fields = parse_fields(b"A: 1\r\nB: 2\r\na:3\r\n", 100)
    assert fields.pairs == ((b"A", b"1"), (b"B", b"2"), (b"a", b"3"))
    assert fields.get(b"a") == b"3"
    assert fields.get(b"c") is None
    assert fields.get_all(b"a") == [b"1", b"3"]
    assert fields.without(frozenset([b"a"])) == ((b"B", b"2"),)
    assert NO_FIELDS.pairs == ()


def test_white_space_around_a_value_is_no_part_of_it() -> None:
    """RFC 9110 section 5.5."""
    fields = parse_fields(b"A: \t 1 2 \t\r\nB:\r\nC: \t \r\n", 100)
    assert fields.pairs == ((b"A", b"1 2"), (b"B", b""), (b"C", b""))


def test_what_framing_and_routing_need_is_read_at_once() -> None:
    fields = parse_fields(
        b"HOST: a\r\nhost: b\r\nConnection: Close , ,x\r\nconnection:\tUpgrade\r\n"
        b"Upgrade: ptth/1\r\nupgrade: other\r\nExpect: 100-Continue\r\nContent-Length: 12\r\n",
        100,
    )
    assert fields.hosts == (b"a", b"b")
    assert fields.connection == {b"close", b"x", b"upgrade"}
    assert fields.upgrade == b"ptth/1, other"
    assert fields.expects_continue
    assert (fields.content_length, fields.chunked) == (12, False)
    assert parse_fields(b"Transfer-Encoding: Chunked\r\n", 100).chunked
    assert not parse_fields(b"Expect: 200-ok\r\n", 100).expects_continue


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_fields_for_the_next_hop_are_not_passed_on(name: bytes) -> None:
    """RFC 9110 section 7.6.1."""
    value = b"chunked" if name == b"transfer-encoding" else b"x"
    fields = parse_fields(b"A: 1\r\n" + name.title() + b": " + value + b"\r\nB: 2\r\n", 100)
    assert fields.end_to_end == ((b"A", b"1"), (b"B", b"2"))
    assert fields.end_to_end_block == b"A: 1\r\nB: 2\r\n"


def test_fields_that_connection_names_are_not_passed_on() -> None:
    fields = parse_fields(b"X-One: 1\r\nConnection: x-one, X-TWO\r\nX-Two: 2\r\nX: 3\r\n", 100)
    assert fields.end_to_end == ((b"X", b"3"),)
    assert fields.hop_by_hop == HOP_BY_HOP | {b"x-one", b"x-two"}


@pytest.mark.parametrize(
    "name", [b"Host", b"Content-Length", b"Authorization", b"Cookie", b"Set-Cookie"]
)
def test_fields_that_connection_cannot_remove(name: bytes) -> None:
    fields = parse_fields(name + b": 1\r\nConnection: close, " + name + b"\r\n", 100)
    assert fields.end_to_end == ((name, b"1"),)


def test_trailers_that_may_be_passed_on() -> None:
    """RFC 9110 section 6.5.1."""
    fields = parse_fields(b"Digest: x\r\nHOST: a\r\nMax-Forwards: 1\r\nServer-Timing: y\r\n", 100)
    assert trailer_pairs(fields) == ((b"Digest", b"x"), (b"Server-Timing", b"y"))
    named = frozenset([b"digest"])
    assert trailer_pairs(fields, named) == ((b"Server-Timing", b"y"),)


def test_fields_of_this_side() -> None:
    pairs = [(b"Content-Length", b"3"), (b"X", b"")]
    fields = Fields.of(iter(pairs))
    assert fields.pairs == tuple(pairs)
    assert fields.content_length == 3


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"\xe9", b"a\n", b"a\x00", b'"a"'])
def test_names_of_this_side_that_are_refused(name: bytes) -> None:
    with pytest.raises(LocalProtocolError) as error:
        Fields.of([(name, b"x")])
    assert (error.value.reason, error.value.status) == ("bad_field_name", 500)
    assert repr(name) in error.value.detail


@pytest.mark.parametrize("value", [b"a\r\nB: c", b"\n", b"\r", b"\x00", b"\x7f", b"a\x1f"])
def test_values_of_this_side_that_are_refused(value: bytes) -> None:
    with pytest.raises(LocalProtocolError) as error:
        Fields.of([(b"Name", value)])
    assert error.value.reason == "bad_field_value"
    assert repr(value) in error.value.detail


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([(b"Content-Length", b"-1")], "bad_content_length"),
        ([(b"Content-Length", b"1"), (b"content-length", b"1")], "bad_content_length"),
        ([(b"Transfer-Encoding", b"gzip")], "bad_transfer_encoding"),
        ([(b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"1")], "length_and_chunked"),
    ],
)
def test_framing_of_this_side_that_is_refused(
    pairs: list[tuple[bytes, bytes]], reason: str
) -> None:
    with pytest.raises(LocalProtocolError) as error:
        Fields.of(pairs)
    assert (error.value.reason, error.value.status) == (reason, 500)


def outcome(block: bytes, most: int, *, remembered: bool) -> object:
    """What reading a block gives, as something to compare."""
    try:
        fields = parse_fields(block, most) if remembered else _parse(block, most)
    except RemoteProtocolError as error:
        return error.reason, error.detail, error.status
    vital = (fields.content_length, fields.chunked, fields.connection, fields.hosts)
    return fields.pairs, vital, fields.end_to_end_block


LINES = st.lists(
    st.sampled_from(
        [
            b"A: b\r\n",
            b"Host: a\r\n",
            b"Host: b \r\n",
            b"Content-Length: 1\r\n",
            b"Content-Length: x\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Connection: close, a\r\n",
            b" folded\r\n",
            b"bare\n",
            b"X: " + b"x" * REMEMBERED_BYTES + b"\r\n",
        ]
    ),
    max_size=4,
).map(b"".join)


@given(st.lists(st.tuples(LINES, st.integers(1, 4)), max_size=8))
def test_remembering_blocks_never_changes_what_is_read(blocks: list[tuple[bytes, int]]) -> None:
    for block, most in blocks * 2:
        plain = outcome(block, most, remembered=False)
        assert outcome(block, most, remembered=True) == plain


def test_a_small_block_is_remembered_and_a_large_one_is_not() -> None:
    small = b"Remembered: yes\r\n"
    assert parse_fields(small, 100) is parse_fields(small, 100)
    large = b"X: " + b"x" * REMEMBERED_BYTES + b"\r\n"
    assert parse_fields(large, 100) is not parse_fields(large, 100)


@pytest.mark.parametrize("block", [b"A b\r\n", b"A: b\r\nB : c\r\n", b"A: b\nB: c\r\n"])
def test_the_line_that_cannot_be_read_is_named(block: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as error:
        parse_fields(block, 100)
    assert error.value.reason == "bad_field"
    assert "is not a name, a colon and a value" in error.value.detail


def test_render_is_the_inverse_of_parse() -> None:
    block = b"A: 1\r\nB: \r\nA: x: y\r\n"
    assert render_fields(parse_fields(block, 100).pairs) == block
