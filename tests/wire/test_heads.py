from __future__ import annotations

import pytest

from lambdadispatch.wire.errors import LocalProtocolError
from lambdadispatch.wire.heads import (
    CHUNKED,
    TO_CLOSE,
    render_chunk,
    render_last_chunk,
    render_own,
    render_request,
    render_response,
    request,
    response,
)

HOST = (b"Host", b"a")
LENGTH = (b"Content-Length", b"5")


@pytest.mark.parametrize(
    ("pairs", "body", "lines"),
    [
        ((), 0, b""),
        ((), 5, b"Content-Length: 5\r\n"),
        ((), CHUNKED, b"Transfer-Encoding: chunked\r\n"),
        ((LENGTH,), 5, b"Content-Length: 5\r\n"),
        (((b"Content-Length", b"0"),), 0, b"Content-Length: 0\r\n"),
        (((b"Content-Length", b"005"),), 5, b"Content-Length: 005\r\n"),
        (((b"Transfer-Encoding", b"chunked"),), CHUNKED, b"Transfer-Encoding: chunked\r\n"),
        (((b"Connection", b"close, x"), (b"X", b"y")), 0, b""),
    ],
)
def test_request_for_each_framing(
    pairs: tuple[tuple[bytes, bytes], ...], body: int, lines: bytes
) -> None:
    head = request(b"PUT", b"/x?y", (HOST, *pairs), body)
    assert render_request(head) == b"PUT /x?y HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n"


def test_extra_lines_of_a_request_stand_before_the_framing() -> None:
    head = request(b"PUT", b"/", (HOST,), CHUNKED)
    assert render_request(head, b"Via: b\r\n") == (
        b"PUT / HTTP/1.1\r\nHost: a\r\nVia: b\r\nTransfer-Encoding: chunked\r\n\r\n"
    )


@pytest.mark.parametrize("body", [0, 4, 6, CHUNKED])
def test_a_request_never_declares_another_length_than_its_own(body: int) -> None:
    with pytest.raises(LocalProtocolError, match="Content-Length is 5") as error:
        render_request(request(b"PUT", b"/", (HOST, LENGTH), body))
    assert error.value.reason == "bad_content_length"


@pytest.mark.parametrize("body", [0, 4, 6, CHUNKED, TO_CLOSE])
def test_a_response_never_declares_another_length_than_its_own(body: int) -> None:
    with pytest.raises(LocalProtocolError, match="Content-Length is 5") as error:
        render_response(response(200, (LENGTH,)), body)
    assert error.value.reason == "bad_content_length"


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (0, b"Content-Length: 0\r\n"),
        (7, b"Content-Length: 7\r\n"),
        (CHUNKED, b"Transfer-Encoding: chunked\r\n"),
        (TO_CLOSE, b""),
        (None, b""),
    ],
)
def test_response_for_each_framing(body: int | None, lines: bytes) -> None:
    head = response(200, ((b"A", b"b"), (b"Keep-Alive", b"x"), (b"Transfer-Encoding", b"chunked")))
    assert render_response(head, body) == b"HTTP/1.1 200 OK\r\nA: b\r\n" + lines + b"\r\n"


@pytest.mark.parametrize(
    ("status", "kept"), [(200, True), (304, True), (204, False), (100, False), (199, False)]
)
def test_a_length_where_there_is_no_body(status: int, kept: bool) -> None:
    """RFC 9110 section 8.6: allowed in answers to HEAD and in 304, not in 1xx and 204."""
    written = render_response(response(status, ((b"A", b"b"), LENGTH)), None)
    assert (b"Content-Length: 5\r\n" in written) is kept
    assert b"\r\nA: b\r\n" in written


def test_extra_lines_of_a_response_stand_before_the_framing() -> None:
    written = render_response(response(502), 0, b"Connection: close\r\n")
    assert written == (
        b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("pairs", "body", "expected"),
    [((), None, CHUNKED), ((LENGTH,), None, 5), ((), 0, 0), ((), 9, 9), ((), TO_CLOSE, TO_CLOSE)],
)
def test_body_of_a_response_made_here(
    pairs: tuple[tuple[bytes, bytes], ...], body: int | None, expected: int
) -> None:
    head = response(200, pairs, body)
    assert head.body == expected
    assert head.keep_alive is (expected != TO_CLOSE)


@pytest.mark.parametrize("status", [-1, 0, 99, 600, 1000])
def test_status_that_is_none(status: int) -> None:
    with pytest.raises(LocalProtocolError, match=f"status {status} is not within 100 to 599"):
        response(status)


def test_status_without_a_phrase_of_its_own() -> None:
    assert response(299).reason == b"Unknown"
    assert response(100).interim
    assert not response(200).interim


@pytest.mark.parametrize(
    ("method", "target"),
    [(b"", b"/"), (b"G T", b"/"), (b"GET", b""), (b"GET", b"/ x"), (b"GET", b"/\r\nA: b")],
)
def test_request_line_that_cannot_be_sent(method: bytes, target: bytes) -> None:
    with pytest.raises(LocalProtocolError) as error:
        request(method, target)
    assert error.value.reason == "bad_request_line"
    assert repr(target) in error.value.detail


def test_own_heads_keep_what_is_for_the_next_hop() -> None:
    upgrade = ((b"Connection", b"Upgrade"), (b"Upgrade", b"PTTH/1.0"))
    assert render_own(request(b"GET", b"/", (HOST, *upgrade))) == (
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: PTTH/1.0\r\n\r\n"
    )
    assert render_own(response(101, upgrade, 0)) == (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: PTTH/1.0\r\n\r\n"
    )


def test_chunks() -> None:
    """RFC 9112 section 7.1."""
    assert render_chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert render_last_chunk() == b"0\r\n\r\n"
    assert render_last_chunk(((b"A", b"b"), (b"C", b""))) == b"0\r\nA: b\r\nC: \r\n\r\n"
