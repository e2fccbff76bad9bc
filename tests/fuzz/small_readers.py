"""What must hold of what is read beside messages: channel heads, PROXY headers, field values."""

from __future__ import annotations

from ipaddress import ip_address

from lambdadispatch.wire.channel_reader import ChannelReader
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.forwarded import parse_forwarded, render_forwarded
from lambdadispatch.wire.proxy_protocol import (
    V1_LIMIT,
    V2_LIMIT,
    ProxyHeader,
    read_proxy_header,
)
from lambdadispatch.wire.request_reader import RequestReader
from lambdadispatch.wire.trace import amzn_trace, render_amzn, render_w3c, w3c_trace
from tests.fuzz.readers import LIMITS, SMALL, plain, same_for_every_cut
from tests.wire.test_channel_reader import check

HEXADECIMAL = set(b"0123456789abcdef")
SPAN = b"00f067aa0ba902b7"


def channel(data: bytes) -> None:
    """ChannelReader reads what RequestReader reads, at once and in pieces."""
    check(data)
    check(data, LIMITS)
    read = plain(same_for_every_cut(ChannelReader, data))
    assert read == plain(same_for_every_cut(RequestReader, data))


def proxy(data: bytes) -> None:
    """A PROXY header: what is said of the first octets still holds when there are more."""
    said: ProxyHeader | str | None = None
    ends = range(len(data) + 1) if len(data) <= SMALL else (0, 1, 16, 107, len(data))
    for end in ends:
        now = _proxy(data[:end])
        assert said in {None, now}, (said, now)
        said = now
    if said is None:
        # What is not to be told yet is bounded.
        assert len(data) < (V1_LIMIT if data[:1] == b"P" else V2_LIMIT)
    elif isinstance(said, ProxyHeader):
        assert said.octets <= len(data)
        assert _proxy(data[: said.octets]) == said
        _check_ends(said)


def _proxy(data: bytes) -> ProxyHeader | str | None:
    try:
        return read_proxy_header(data)
    except RemoteProtocolError as error:
        assert len(str(error)) < 1000
        return error.reason


def _check_ends(header: ProxyHeader) -> None:
    if header.proxied is None:
        return
    for host in (header.proxied.host, header.proxied.own_host):
        assert host is None or str(ip_address(host)) == host
    for port in (header.proxied.port, header.proxied.own_port):
        assert 0 <= port <= 65535


def values(data: bytes) -> None:
    """Forwarded and trace fields: what can be read is written so that it reads the same."""
    try:
        elements = parse_forwarded(data)
    except RemoteProtocolError as error:
        assert error.reason == "bad_forwarded"
    else:
        assert parse_forwarded(render_forwarded(elements)) == elements
    trace = amzn_trace(data)
    if trace is not None:
        assert len(trace) == 32 and set(trace) <= HEXADECIMAL
        assert amzn_trace(render_amzn(trace)) == trace
    trace = w3c_trace(data)
    if trace is not None:
        assert len(trace) == 32 and set(trace) <= HEXADECIMAL
        assert w3c_trace(render_w3c(trace, SPAN)) == trace
