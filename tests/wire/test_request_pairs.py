"""Field pairs of HTTP/2 as heads, and back; the hostile ones are in ``tests/hostile``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.wire.errors import LocalProtocolError, RemoteProtocolError
from lambdadispatch.wire.heads import CHUNKED, RequestHead, render_request, response
from lambdadispatch.wire.reader import DEFAULT_LIMITS, Limits
from lambdadispatch.wire.request_pairs import (
    has_no_body,
    request_from,
    response_pairs,
    small_letters,
    trailers_from,
)
from lambdadispatch.wire.request_reader import RequestReader

Pairs = tuple[tuple[bytes, bytes], ...]
PSEUDO: Pairs = (
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":path", b"/x?y"),
    (b":authority", b"Host:80"),
)


def read(
    *fields: tuple[bytes, bytes], ended: bool = True, limits: Limits = DEFAULT_LIMITS
) -> RequestHead:
    return request_from((*PSEUDO, *fields), ended=ended, limits=limits)


def test_a_request() -> None:
    head = read((b"a", b"b"), (b"cookie", b"c=1"), (b"d", b""), (b"cookie", b"e=2"))
    assert (head.method, head.target, head.minor, head.body) == (b"GET", b"/x?y", 1, 0)
    expected = ((b"host", b"Host:80"), (b"a", b"b"), (b"d", b""), (b"cookie", b"c=1; e=2"))
    assert head.fields.pairs == expected
    assert head.fields.hosts == (b"Host:80",)


@pytest.mark.parametrize(
    ("length", "ended", "body"), [(None, True, 0), (None, False, CHUNKED), (b"5", False, 5)]
)
def test_the_framing_of_its_body(length: bytes | None, ended: bool, body: int) -> None:
    fields = () if length is None else ((b"content-length", length),)
    assert read(*fields, ended=ended).body == body


@pytest.mark.parametrize(
    ("limits", "reason", "status"),
    [
        (Limits(head_octets=40), "head_too_large", 431),
        (Limits(fields=2), "too_many_fields", 431),
        (Limits(target_octets=3), "uri_too_long", 414),
        (Limits(body_octets=4), "body_too_large", 413),
    ],
)
def test_limits(limits: Limits, reason: str, status: int) -> None:
    fields = ((b"x", b"y"), (b"content-length", b"5"))
    with pytest.raises(RemoteProtocolError) as caught:
        read(*fields, ended=False, limits=limits)
    assert (caught.value.reason, caught.value.status) == (reason, status)


def test_the_limit_on_heads_is_that_of_http_1() -> None:
    raw = b"GET /x?y HTTP/1.1\r\nhost: Host:80\r\nx: y\r\n\r\n"
    assert read((b"x", b"y"), limits=Limits(head_octets=len(raw))).body == 0
    with pytest.raises(RemoteProtocolError):
        read((b"x", b"y"), limits=Limits(head_octets=len(raw) - 1))
    reader = RequestReader(Limits(head_octets=len(raw)))
    reader.feed(raw)
    assert isinstance(reader.next_event(), RequestHead)


ANY = st.one_of(
    st.binary(max_size=12),
    st.text(st.sampled_from("aX:- \r\n\t\0,;=5"), max_size=12).map(str.encode),
    st.sampled_from(
        [b"content-length", b"transfer-encoding", b"host", b"te", b"cookie", b"chunked"]
    ),
)


@given(st.lists(st.tuples(ANY, ANY), max_size=6), st.sampled_from([0, 1, 2, 3, None]), ANY)
def test_whatever_is_taken_is_one_request_of_http_1(
    fields: list[tuple[bytes, bytes]], which: int | None, value: bytes
) -> None:
    """It is written and read again as just what it was taken for, with nothing behind it."""
    pseudo = [
        (name, value if number == which else own) for number, (name, own) in enumerate(PSEUDO)
    ]
    try:
        head = request_from((*pseudo, *fields), ended=True, limits=DEFAULT_LIMITS)
    except RemoteProtocolError:
        return
    raw = render_request(head)
    reader = RequestReader()
    reader.feed(raw)
    again = reader.next_event()
    assert isinstance(again, RequestHead)
    assert (again.method, again.target, again.body) == (head.method, head.target, 0)
    assert reader.buffered == 0
    assert [pair for pair in again.fields.pairs if pair[0] != b"te"] == [
        pair for pair in head.fields.pairs if pair[0] != b"te"
    ]
    named = [name for name, _ in fields if name not in {b"cookie", b"host"}]
    assert sorted(named) == sorted(
        name for name, _ in head.fields.pairs if name not in {b"cookie", b"host"}
    )


def test_trailers() -> None:
    head = read(ended=False)
    pairs = ((b"x", b"y"), (b"host", b"a"), (b"forwarded", b"for=a"))
    assert trailers_from(pairs, head, DEFAULT_LIMITS) == ((b"x", b"y"),)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [(Limits(head_octets=10), "head_too_large"), (Limits(fields=1), "too_many_fields")],
)
def test_limits_on_trailers(limits: Limits, reason: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        trailers_from(((b"a", b"b"), (b"c", b"d")), read(ended=False), limits)
    assert (caught.value.reason, caught.value.status) == (reason, 431)


def test_a_response() -> None:
    pairs = (
        (b"X-A", b"b"),
        (b"Connection", b"x-gone"),
        (b"X-Gone", b"c"),
        (b"Keep-Alive", b"5"),
        (b"Transfer-Encoding", b"chunked"),
    )
    assert response_pairs(response(200, pairs), CHUNKED, b"X-Id: 1-2\r\nB: c: d\r\n") == [
        (b":status", b"200"),
        (b"x-a", b"b"),
        (b"x-id", b"1-2"),
        (b"b", b"c: d"),
    ]


def test_lengths_of_responses() -> None:
    head = response(200, (), 5)
    assert (b"content-length", b"5") in response_pairs(head, 5)
    declared = response(200, ((b"Content-Length", b"5"),))
    assert response_pairs(declared, 5).count((b"content-length", b"5")) == 1
    assert (b"content-length", b"5") in response_pairs(declared, None)
    assert response_pairs(response(204, ((b"Content-Length", b"0"),)), None) == [
        (b":status", b"204")
    ]
    assert response_pairs(response(103, (), 0), None) == [(b":status", b"103")]
    with pytest.raises(LocalProtocolError):
        response_pairs(declared, 4)


def test_who_has_no_body() -> None:
    assert has_no_body(response(204), None)
    assert has_no_body(response(304), read())
    assert not has_no_body(response(200), read())
    assert has_no_body(response(200), read()._replace(method=b"HEAD"))


def test_trailers_of_responses() -> None:
    assert small_letters(((b"X-Sum", b"1"), (b"Connection", b"x"))) == [(b"x-sum", b"1")]
