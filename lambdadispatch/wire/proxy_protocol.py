"""The header that the PROXY protocol puts before a connection's own bytes, versions 1 and 2.

``read_proxy_header`` is given everything that has come so far, as often as it takes: the header is
short, and most often comes whole. A header that can be no good any more is refused at once and not
only when it would have been complete.

Source: "The PROXY protocol", versions 1 and 2, of HAProxy (doc/proxy-protocol.txt), section 2.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from lambdadispatch.wire.errors import RemoteProtocolError

V1_LIMIT: Final = 107
"""Octets of a header of version 1, its CRLF included."""

V2_LIMIT: Final = 4096
"""Octets of a header of version 2. Its length field could tell of 65551, to be held for each
connection; what is in use, the extensions of AWS and of TLS included, takes a few hundred.
"""

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_V1: Final = b"PROXY "
_V2_FIXED: Final = 16
_LOCAL, _PROXY = 0, 1
_UNSPEC, _INET, _INET6, _UNIX = 0, 1, 2, 3
_STREAM, _DGRAM = 1, 2
_SIZES: Final = {_UNSPEC: 0, _INET: 12, _INET6: 36, _UNIX: 216}

_LINE = re.compile(rb"PROXY TCP([46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) ([0-9]+) ([0-9]+)\r\n")
_UNKNOWN_LINE = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")
_PORT = re.compile(rb"0|[1-9][0-9]{0,4}")


class Proxied(NamedTuple):
    """The two ends of the connection that a proxy passes on.

    Hosts are IP addresses in their shortest form; for a Unix socket both are None, ports 0.
    """

    host: str | None
    port: int
    own_host: str | None
    own_port: int


class ProxyHeader(NamedTuple):
    """``octets`` of header, and the ends it tells of: None if the connection's own are to be used
    (LOCAL, UNKNOWN, UNSPEC, and datagrams, which nobody could have passed on here).
    """

    octets: int
    proxied: Proxied | None


def read_proxy_header(data: bytes) -> ProxyHeader | None:
    """The header that ``data`` begins with, or None as long as more is needed to tell.

    Raises RemoteProtocolError ``bad_proxy_header`` for anything else.
    """
    if data[:1] == b"P":
        return _read_text(data)
    size = min(len(data), len(SIGNATURE))
    if data[:size] != SIGNATURE[:size]:
        raise _bad(f"a connection begins with {data[:16]!r}")
    return _read_binary(data) if len(data) > len(SIGNATURE) else None


def _bad(detail: str) -> RemoteProtocolError:
    return RemoteProtocolError("bad_proxy_header", detail)


# -- version 1


def _read_text(data: bytes) -> ProxyHeader | None:
    size = min(len(data), len(_V1))
    end = data.find(b"\n", 0, V1_LIMIT) + 1
    if data[:size] != _V1[:size] or (not end and len(data) >= V1_LIMIT):
        raise _bad(f"{data[:V1_LIMIT]!r} is not a line of the PROXY protocol")
    if not end:
        return None
    line = data[:end]
    if _UNKNOWN_LINE.fullmatch(line):
        return ProxyHeader(end, None)
    match = _LINE.fullmatch(line)
    if match is None:
        raise _bad(f"{line!r} is not a line of the PROXY protocol")
    kind = IPv4Address if match[1] == b"4" else IPv6Address
    try:
        host, own_host = str(kind(match[2].decode())), str(kind(match[3].decode()))
    except ValueError:
        raise _bad(f"{line!r} has an address that is not of TCP{match[1].decode()}") from None
    return ProxyHeader(end, Proxied(host, _port(match[4]), own_host, _port(match[5])))


def _port(text: bytes) -> int:
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise _bad(f"port {text[:20]!r} is not a number from 0 to 65535")
    return int(text)


# -- version 2


def _read_binary(data: bytes) -> ProxyHeader | None:
    command = data[12]
    if command >> 4 != 2 or command & 15 not in {_LOCAL, _PROXY}:
        raise _bad(f"version and command {command:#04x} are not those of version 2")
    if len(data) < _V2_FIXED:
        return None
    family, transport = data[13] >> 4, data[13] & 15
    octets = _V2_FIXED + int.from_bytes(data[14:16], "big")
    local = command & 15 == _LOCAL
    if not local:
        _check_family(family, transport, octets)
    if octets > V2_LIMIT:
        raise _bad(f"a header of {octets} octets, {V2_LIMIT} are allowed")
    if len(data) < octets:
        return None
    known = not local and transport == _STREAM
    return ProxyHeader(octets, _ends(family, data) if known else None)


def _check_family(family: int, transport: int, octets: int) -> None:
    if family not in _SIZES or transport > _DGRAM:
        raise _bad(f"address family {family} and transport {transport} are not of version 2")
    if transport and octets - _V2_FIXED < _SIZES[family]:
        raise _bad(f"{octets - _V2_FIXED} octets are too few for address family {family}")


def _ends(family: int, data: bytes) -> Proxied | None:
    if family == _UNIX:
        return Proxied(None, 0, None, 0)
    if family == _UNSPEC:
        return None
    size = 4 if family == _INET else 16
    kind = IPv4Address if family == _INET else IPv6Address
    start = _V2_FIXED
    host, own_host = kind(data[start : start + size]), kind(data[start + size : start + 2 * size])
    start += 2 * size
    port, own_port = data[start : start + 2], data[start + 2 : start + 4]
    return Proxied(
        str(host), int.from_bytes(port, "big"), str(own_host), int.from_bytes(own_port, "big")
    )
