"""The Forwarded field of RFC 7239, and the names of fields that make claims."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.fields import CLAIMS, Fields, NameSet, parse_fields, trailer_pairs
from lambdadispatch.wire.forwarded import Element, node, parse_forwarded, quoted, render_forwarded

READ: list[tuple[bytes, list[Element]]] = [
    (b"", []),
    (b"for=192.0.2.43", [((b"for", b"192.0.2.43"),)]),
    # The examples of section 4.
    (b'for="_gazonk"', [((b"for", b"_gazonk"),)]),
    (b'For="[2001:db8:cafe::17]:4711"', [((b"for", b"[2001:db8:cafe::17]:4711"),)]),
    (
        b"for=192.0.2.60;proto=http;by=203.0.113.43",
        [((b"for", b"192.0.2.60"), (b"proto", b"http"), (b"by", b"203.0.113.43"))],
    ),
    (
        b"for=192.0.2.43, for=198.51.100.17",
        [((b"for", b"192.0.2.43"),), ((b"for", b"198.51.100.17"),)],
    ),
    # Section 6: unknown and obfuscated nodes are values like others.
    (
        b"for=unknown,for=_hidden;by=_SEVKISEK",
        [
            ((b"for", b"unknown"),),
            ((b"for", b"_hidden"), (b"by", b"_SEVKISEK")),
        ],
    ),
    (b'host="a,b;c\\"d\\\\"', [((b"host", b'a,b;c"d\\'),)]),
    (b'for="";ext=""', [((b"for", b""), (b"ext", b""))]),
    # Empty elements and pairs are allowed (RFC 9110 section 5.6.1 and the grammar of section 4).
    (b" , for=a ,, for=b , ", [((b"for", b"a"),), ((b"for", b"b"),)]),
    (b";for=a;;proto=b;", [((b"for", b"a"), (b"proto", b"b"))]),
]

BROKEN = [
    b"for",
    b"for=",
    b"=a",
    b"for=a b",
    b"for=a; proto=b",
    b"for = a",
    b"for=[::1]",
    b"for=a:80",
    b'for="a',
    b'for="a\\',
    b'for="a"b',
    b'"for"=a',
    b"for=a;for=b",
    b"for=a;FOR=a",
    b"for=a\x00",
    b'for="\x00"',
    b"1.2.3.4",
]

TOKENS = st.from_regex(rb"[!#$%&'*+\-.^_`|~0-9a-z]{1,8}", fullmatch=True)
VALUES = st.from_regex(rb"[\t -~\x80-\xff]{0,20}", fullmatch=True)
ELEMENTS = st.lists(
    st.lists(st.tuples(TOKENS, VALUES), min_size=1, max_size=4, unique_by=lambda pair: pair[0]).map(
        tuple
    ),
    max_size=4,
)


@pytest.mark.parametrize(("value", "elements"), READ)
def test_read(value: bytes, elements: list[Element]) -> None:
    assert parse_forwarded(value) == elements


@pytest.mark.parametrize("value", BROKEN)
def test_what_breaks_the_grammar_is_refused(value: bytes) -> None:
    for text in (value, b"for=ok, " + value, value + b', for="ok"'):
        with pytest.raises(RemoteProtocolError) as caught:
            parse_forwarded(text)
        assert caught.value.reason == "bad_forwarded"


@given(ELEMENTS)
def test_what_is_written_is_read(elements: list[Element]) -> None:
    assert parse_forwarded(render_forwarded(elements)) == elements


@given(st.from_regex(rb'[ -~]{0,8}(for=|"|\\|,|;|=|[ -~]){0,12}', fullmatch=True), ELEMENTS)
def test_what_can_be_read_can_be_added_to(came: bytes, elements: list[Element]) -> None:
    try:
        before = parse_forwarded(came)
    except RemoteProtocolError:
        return
    assert parse_forwarded(came + b", " + render_forwarded(elements)) == before + elements


def test_nodes() -> None:
    assert quoted(node("192.0.2.1")) == b"192.0.2.1"
    assert quoted(node("2001:db8::1")) == b'"[2001:db8::1]"'
    assert quoted(node(None)) == b"unknown"


# -- names


@pytest.mark.parametrize(
    "name",
    [b"X-Forwarded-For", b"x-forwarded-anything", b"X_Forwarded_For", b"x-real_ip", b"FORWARDED"],
)
def test_a_name_is_known_in_every_spelling(name: bytes) -> None:
    assert name in CLAIMS


CLAIMED = st.sampled_from(
    [*sorted(CLAIMS.names), b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-client-cert"]
)


@given(CLAIMED, st.integers(0, 1 << 32), st.integers(0, 1 << 32))
def test_no_mixture_of_cases_and_underscores_gets_through(
    name: bytes, capitals: int, underscores: int
) -> None:
    spelled = bytes(
        0x5F if octet == 0x2D and underscores >> place & 1 else octet ^ (0x20 if big else 0)
        for place, octet in enumerate(name)
        for big in (chr(octet).isalpha() and capitals >> place & 1,)
    )
    assert spelled.lower().replace(b"_", b"-") == name
    fields = parse_fields(b"Host: a\r\n" + spelled + b": evil\r\n", 10)
    assert fields.passing_over(CLAIMS).pairs == ((b"Host", b"a"),)


@pytest.mark.parametrize("name", [b"X-Forwarded", b"Forwarded-For", b"X-Request-Id", b"Host", b""])
def test_other_names_are_not_claims(name: bytes) -> None:
    assert name not in CLAIMS


def test_passing_over() -> None:
    fields = parse_fields(b"Host: a\r\nX_Real_IP: b\r\nForwarded: for=c\r\nX-D: e\r\n", 10)
    kept = fields.passing_over(CLAIMS)
    assert kept.pairs == ((b"Host", b"a"), (b"X-D", b"e"))
    assert kept.end_to_end_block == b"Host: a\r\nX-D: e\r\n"
    assert kept.hosts == (b"a",)
    assert fields.passing_over(CLAIMS) is kept
    other = NameSet([b"x-d"])
    assert fields.passing_over(other).pairs == fields.pairs[:3]
    assert fields.passing_over(CLAIMS).pairs == kept.pairs


def test_passing_over_nothing_is_the_same_object() -> None:
    fields = Fields.of([(b"Host", b"a")])
    assert fields.passing_over(CLAIMS) is fields
    assert fields.passing_over(CLAIMS) is fields


def test_claims_are_not_taken_from_trailers() -> None:
    """An application that merges trailers into the head must not find any either."""
    fields = parse_fields(b"X-Forwarded-For: a\r\nX-Sum: 1\r\nforwarded: for=b\r\n", 10)
    assert trailer_pairs(fields) == ((b"X-Sum", b"1"),)
