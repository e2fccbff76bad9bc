"""The PROXY protocol's headers: whole, byte by byte, with bytes after them, and broken."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.proxy_protocol import (
    SIGNATURE,
    V1_LIMIT,
    V2_LIMIT,
    Proxied,
    ProxyHeader,
    read_proxy_header,
)

V4 = Proxied("192.0.2.1", 56324, "198.51.100.2", 443)
V6 = Proxied("2001:db8::1", 1, "2001:db8::2", 65535)
NAMELESS = Proxied(None, 0, None, 0)
LONG = b"ffff:" * 7 + b"ffff"


def v2(command: int, family: int, rest: bytes, length: int | None = None) -> bytes:
    size = len(rest) if length is None else length
    return SIGNATURE + bytes([command, family]) + size.to_bytes(2, "big") + rest


def ends(proxied: Proxied) -> bytes:
    kind = IPv6Address if ":" in str(proxied.host) else IPv4Address
    hosts = b"".join(kind(host).packed for host in (proxied.host, proxied.own_host))
    return hosts + b"".join(port.to_bytes(2, "big") for port in (proxied.port, proxied.own_port))


def line(proxied: Proxied) -> bytes:
    kind = 6 if ":" in str(proxied.host) else 4
    ends = f"{proxied.host} {proxied.own_host} {proxied.port} {proxied.own_port}"
    return f"PROXY TCP{kind} {ends}\r\n".encode()


TLVS = b"\x04\x00\x02ab" + b"\xea\x00\x10\x01vpce-08d2bf15fa"
UNIX = b"/tmp/client".ljust(108, b"\0") + b"/tmp/server".ljust(108, b"\0")

GOOD: dict[str, tuple[bytes, Proxied | None]] = {
    "text, IPv4": (line(V4), V4),
    "text, IPv6": (line(V6), V6),
    "text, IPv6 in capitals and whole": (
        b"PROXY TCP6 2001:0DB8:0:0:0:0:0:1 2001:db8::2 1 65535\r\n",
        V6,
    ),
    "text, longest IPv6": (
        b"PROXY TCP6 %b %b 65535 65535\r\n" % (LONG, LONG),
        Proxied(LONG.decode(), 65535, LONG.decode(), 65535),
    ),
    "text, unknown": (b"PROXY UNKNOWN\r\n", None),
    "text, unknown and longest": (b"PROXY UNKNOWN %b %b 65535 65535\r\n" % (LONG, LONG), None),
    "text, port 0": (b"PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n", Proxied("1.2.3.4", 0, "5.6.7.8", 0)),
    "IPv4": (v2(0x21, 0x11, ends(V4)), V4),
    "IPv6": (v2(0x21, 0x21, ends(V6)), V6),
    "IPv4 with extensions": (v2(0x21, 0x11, ends(V4) + TLVS), V4),
    "IPv6 with extensions": (v2(0x21, 0x21, ends(V6) + TLVS), V6),
    "as long as is allowed": (v2(0x21, 0x11, ends(V4).ljust(V2_LIMIT - 16, b"\x04")), V4),
    "Unix": (v2(0x21, 0x31, UNIX), NAMELESS),
    "local": (v2(0x20, 0x00, b""), None),
    "local with an address, which means nothing": (v2(0x20, 0x11, ends(V4)), None),
    "local of any family": (v2(0x20, 0xFF, b"x"), None),
    "unspecified": (v2(0x21, 0x00, b""), None),
    "unspecified with something": (v2(0x21, 0x00, b"whatever"), None),
    "IPv4, unspecified transport": (v2(0x21, 0x10, ends(V4)), None),
    "datagrams": (v2(0x21, 0x12, ends(V4)), None),
}

BAD: dict[str, bytes] = {
    "HTTP": b"GET / HTTP/1.1\r\n",
    "a POST": b"POST / HTTP/1.1\r\n",
    "TLS": b"\x16\x03\x01\x02\x00",
    "an empty line before HTTP": b"\r\nGET / HTTP/1.1\r\n",
    "small letters": b"proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    "LF alone": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
    "CR within": b"PROXY UNKNOWN \r \r\n",
    "two spaces": b"PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    "a space at the end": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
    "another protocol": b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
    "unknown run together": b"PROXY UNKNOWNX\r\n",
    "no addresses": b"PROXY TCP4\r\n",
    "a port too few": b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
    "a port too many": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
    "the other family": b"PROXY TCP4 ::1 ::2 1 2\r\n",
    "the other family, too": b"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
    "leading zero in an address": b"PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n",
    "leading zero in a port": b"PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",
    "port 65536": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
    "256": b"PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n",
    "a zone": b"PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n",
    "a line too long by one": b"PROXY UNKNOWN ".ljust(V1_LIMIT - 1, b"x") + b"\r\n",
    "no end": b"PROXY UNKNOWN ".ljust(V1_LIMIT, b"x"),
    "version 1 in binary": v2(0x11, 0x11, ends(V4)),
    "version 3": v2(0x31, 0x11, ends(V4)),
    "command 2": v2(0x22, 0x11, ends(V4)),
    "family 4": v2(0x21, 0x41, ends(V4)),
    "transport 3": v2(0x21, 0x13, ends(V4)),
    "IPv4 too short": v2(0x21, 0x11, ends(V4)[:-1]),
    "IPv6 too short": v2(0x21, 0x21, ends(V4)),
    "Unix too short": v2(0x21, 0x31, UNIX[:-1]),
    "longer than is allowed": v2(0x21, 0x11, ends(V4), V2_LIMIT - 15),
    "as long as can be written": v2(0x21, 0x11, ends(V4), 65535),
    "a broken signature": SIGNATURE[:-1] + b"\r" + bytes(10),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_header_is_read_however_it_comes(name: str) -> None:
    data, proxied = GOOD[name]
    for size in range(len(data)):
        assert read_proxy_header(data[:size]) is None, size
    for rest in (b"", b"G", b"GET / HTTP/1.1\r\n\r\n", b"\r\n", b"PROXY UNKNOWN\r\n", bytes(5000)):
        assert read_proxy_header(data + rest) == ProxyHeader(len(data), proxied)


@pytest.mark.parametrize("name", BAD)
def test_a_broken_header_is_refused_however_it_comes(name: str) -> None:
    data = BAD[name]
    with pytest.raises(RemoteProtocolError) as caught:
        read_proxy_header(data + b"GET / HTTP/1.1\r\n\r\n")
    assert caught.value.reason == "bad_proxy_header"
    with pytest.raises(RemoteProtocolError):
        for size in range(len(data) + 1):
            assert read_proxy_header(data[:size]) is None


@pytest.mark.parametrize(
    ("data", "octets"),
    [(b"GET", 1), (b"PO", 2), (b"\r\nG", 3), (v2(0x21, 0x11, b"", 65535), 16), (b"\x16\x03", 1)],
)
def test_what_cannot_become_a_header_is_refused_at_once(data: bytes, octets: int) -> None:
    assert read_proxy_header(data[: octets - 1]) is None
    with pytest.raises(RemoteProtocolError):
        read_proxy_header(data[:octets])


PORTS = st.integers(0, 65535)
HOSTS = st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)) | st.tuples(
    st.ip_addresses(v=6), st.ip_addresses(v=6)
)


@given(HOSTS, PORTS, PORTS, st.binary(max_size=300), st.binary(max_size=40))
def test_what_is_written_is_read(
    hosts: tuple[object, object], port: int, own_port: int, tlvs: bytes, rest: bytes
) -> None:
    proxied = Proxied(str(hosts[0]), port, str(hosts[1]), own_port)
    text = line(proxied)
    family = 0x21 if ":" in str(proxied.host) else 0x11
    binary = v2(0x21, family, ends(proxied) + tlvs)
    assert read_proxy_header(text + rest) == ProxyHeader(len(text), proxied)
    assert read_proxy_header(binary + rest) == ProxyHeader(len(binary), proxied)


BEGINNINGS = st.sampled_from([b"", b"PROXY TCP4 ", b"PROXY TCP6 ", SIGNATURE, SIGNATURE + b"\x21"])


@given(BEGINNINGS, st.binary(max_size=120))
@example(SIGNATURE, b"\x21\x11\x00\x0c" + bytes(12))
def test_more_bytes_change_no_verdict(beginning: bytes, rest: bytes) -> None:
    """Once told, header or error, it stays so; nothing else than these comes of any bytes."""
    data = beginning + rest
    verdict: object = None
    for size in range(len(data) + 1):
        try:
            now: object = read_proxy_header(data[:size])
        except RemoteProtocolError as error:
            now = error.reason
        assert verdict is None or now == verdict
        verdict = now
