"""Which protocols a request asks for in a client's place, and which 101 is taken."""

from __future__ import annotations

import pytest

from lambdadispatch.settings.kinds import RefusedPart, protocols
from lambdadispatch.wire.control import UPGRADES
from lambdadispatch.wire.heads import RequestHead, ResponseHead, render_request, render_response
from lambdadispatch.wire.request_reader import RequestReader
from lambdadispatch.wire.response_reader import ResponseReader
from lambdadispatch.wire.upgrade import (
    NO_UPGRADES,
    UPGRADES_OF_CHANNELS,
    VALUE_LIMIT,
    Upgrades,
    is_refused,
    switched_to,
    upgrade_lines,
)

WEBSOCKET = Upgrades([b"websocket"])
TWO = Upgrades([b"websocket", b"Chat/2"])
NAMED = b"Connection: Upgrade\r\n"


def request_head(lines: bytes, first: bytes = b"GET / HTTP/1.1") -> RequestHead:
    reader = RequestReader()
    reader.feed(first + b"\r\nHost: a\r\n" + lines + b"\r\n")
    head = reader.next_event()
    assert isinstance(head, RequestHead)
    return head


def response_head(lines: bytes, first: bytes = b"HTTP/1.1 101 X") -> ResponseHead:
    reader = ResponseReader()
    reader.expect(b"GET")
    reader.feed(first + b"\r\n" + lines + b"\r\n")
    head = reader.next_event()
    assert isinstance(head, ResponseHead)
    return head


@pytest.mark.parametrize(
    ("lines", "asked"),
    [
        (NAMED + b"Upgrade: websocket\r\n", (b"websocket",)),
        (b"connection: keep-alive, upgrade\r\nupgrade: WebSocket\r\n", (b"websocket",)),
        (NAMED + b"Upgrade: websocket\r\nContent-Length: 0\r\n", (b"websocket",)),
        (NAMED + b"Upgrade: chat/2, \twebsocket ,,\r\n", (b"Chat/2", b"websocket")),
        (NAMED + b"Upgrade: websocket\r\nUpgrade: websocket\r\n", (b"websocket",)),
        (NAMED + b"Upgrade: h2c, websocket, PTTH/1.0\r\n", (b"websocket",)),
        (NAMED + b"Upgrade: chat\r\n", ()),
        (NAMED + b"Upgrade: websocket/13\r\n", ()),
        (NAMED + b'Upgrade: "websocket"\r\n', ()),
        (NAMED + b"Upgrade: websocket;x\r\n", ()),
        (NAMED + b"Upgrade:\r\n", ()),
        (NAMED, ()),
        (b"Upgrade: websocket\r\n", ()),
        (b"Connection: close\r\nUpgrade: websocket\r\n", ()),
        (NAMED + b"Upgrade: websocket\r\nContent-Length: 1\r\n", ()),
        (NAMED + b"Upgrade: websocket\r\nTransfer-Encoding: chunked\r\n", ()),
    ],
)
def test_what_is_asked_for(lines: bytes, asked: tuple[bytes, ...]) -> None:
    assert TWO.asked(request_head(lines)) == asked
    assert NO_UPGRADES.asked(request_head(lines)) == ()


@pytest.mark.parametrize("first", [b"GET / HTTP/1.0", b"POST / HTTP/1.1", b"HEAD / HTTP/1.1"])
def test_another_version_or_method_asks_for_nothing(first: bytes) -> None:
    assert WEBSOCKET.asked(request_head(NAMED + b"Upgrade: websocket\r\n", first)) == ()


def test_a_long_list_is_not_read() -> None:
    fits = b"websocket" + b"," * (VALUE_LIMIT - 9)
    assert WEBSOCKET.asked(request_head(NAMED + b"Upgrade: %b\r\n" % fits)) == (b"websocket",)
    assert WEBSOCKET.asked(request_head(NAMED + b"Upgrade: %b,\r\n" % fits)) == ()


REFUSED = [
    *UPGRADES.values(),
    b"ptth/1.0",
    b"PTTH/2",
    b"LambdaDispatch-Session/9",
    b"h2c",
    b"H2C",
    b"h2",
    b"HTTP/2.0",
    b"http/1.1",
    b"TLS/1.0",
    b"tls",
]


@pytest.mark.parametrize("protocol", REFUSED)
def test_what_is_never_passed_on(protocol: bytes) -> None:
    head = request_head(NAMED + b"Upgrade: %b\r\n" % protocol)
    assert is_refused(protocol)
    assert Upgrades([protocol]).asked(head) == ()
    assert UPGRADES_OF_CHANNELS.asked(head) == ()
    with pytest.raises(RefusedPart, match="is never passed on"):
        protocols().read(protocol.decode())


@pytest.mark.parametrize("protocol", [b"websocket", b"Chat/2", b"spdy/3.1", b"x"])
def test_what_a_channel_brings_is_passed_on_as_it_is(protocol: bytes) -> None:
    head = request_head(NAMED + b"Upgrade: %b\r\n" % protocol)
    assert UPGRADES_OF_CHANNELS.asked(head) == (protocol,)
    assert protocols().read(protocol.decode()) == (protocol.decode(),)


@pytest.mark.parametrize("value", [b"a b", b'"x"', b"x/", b"/x", b"a/b/c", b"x;y"])
def test_what_is_no_protocol_is_not_passed_on_at_all(value: bytes) -> None:
    assert UPGRADES_OF_CHANNELS.asked(request_head(NAMED + b"Upgrade: %b\r\n" % value)) == ()
    with pytest.raises(ValueError):
        protocols().read(value.decode())


@pytest.mark.parametrize(
    ("lines", "protocol"),
    [
        (NAMED + b"Upgrade: websocket\r\n", b"websocket"),
        (b"connection: upgrade\r\nupgrade: WEBSOCKET\r\n", b"websocket"),
        (NAMED + b"Upgrade: chat/2\r\n", b"Chat/2"),
        (NAMED + b"Upgrade: other\r\n", b""),
        (NAMED + b"Upgrade: websocket, Chat/2\r\n", b""),
        (NAMED + b"Upgrade: h2c\r\n", b""),
        (NAMED, b""),
        (b"Upgrade: websocket\r\n", b""),
        (NAMED + b"Upgrade: websocket\r\nContent-Length: 0\r\n", b""),
        (NAMED + b"Upgrade: websocket\r\nTransfer-Encoding: chunked\r\n", b""),
    ],
)
def test_which_101_is_taken(lines: bytes, protocol: bytes) -> None:
    assert switched_to(response_head(lines), (b"websocket", b"Chat/2")) == protocol
    assert switched_to(response_head(lines), ()) == b""


def test_a_101_of_http_1_0_is_none() -> None:
    head = response_head(NAMED + b"Upgrade: websocket\r\n", b"HTTP/1.0 101 X")
    assert switched_to(head, (b"websocket",)) == b""


def test_the_fields_of_the_hop_are_written_anew() -> None:
    """Also HTTP2-Settings, whether or not Connection names it."""
    lines = b"Connection: Upgrade, X\r\nX: 1\r\nUpgrade: h2c, websocket\r\nHTTP2-Settings: A\r\n"
    extra = upgrade_lines([b"websocket"])
    written = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert render_request(request_head(lines), extra) == (
        b"GET / HTTP/1.1\r\nHost: a\r\n" + written
    )
    answer = response_head(b"Upgrade: websocket\r\nConnection: Upgrade, Y\r\nY: 1\r\nZ: 1\r\n")
    assert render_response(answer, None, extra) == b"HTTP/1.1 101 X\r\nZ: 1\r\n" + written
