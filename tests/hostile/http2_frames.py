"""Frames of HTTP/2 as the tests write and read them, sharing no line with the code under test but
the decoder of HPACK.

A block of fields is written with literals that are put into no table (RFC 7541 section 6.2.2), so
that its bytes are the same wherever it stands, whatever stands in it.
"""

from __future__ import annotations

from typing import Any

import hpack
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, END_HEADERS, PADDED, PRIORITIZED = 0x1, 0x4, 0x8, 0x20
ACK = 0x1

NO_ERROR, PROTOCOL_ERROR, INTERNAL, FLOW_CONTROL, _, STREAM_CLOSED, FRAME_SIZE, REFUSED = range(8)
CANCEL, COMPRESSION, CALM = 0x8, 0x9, 0xB


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + payload


def number(value: int, prefix: int = 7) -> bytes:
    """An integer of HPACK (RFC 7541 section 5.1)."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes([value])
    octets = [most]
    value -= most
    while value >= 128:
        octets.append(value % 128 + 128)
        value //= 128
    return bytes([*octets, value])


def block(*pairs: tuple[bytes, bytes]) -> bytes:
    """A block of fields, in which anything may stand."""
    return b"".join(
        b"\x00" + number(len(name)) + name + number(len(value)) + value for name, value in pairs
    )


def headers(stream: int, *pairs: tuple[bytes, bytes], end: bool = True) -> bytes:
    flags = END_HEADERS | (END_STREAM if end else 0)
    return frame(HEADERS, flags, stream, block(*pairs))


def data(stream: int, octets: bytes, *, end: bool = False) -> bytes:
    return frame(DATA, END_STREAM if end else 0, stream, octets)


class Told:
    """What came on one stream."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.body = b""
        self.ended = False
        self.reset: int | None = None


class FrameClient(Protocol):
    """Keeps what it is told, frame by frame, and checks that each is as it must be."""

    transport: Any

    def __init__(self) -> None:
        self.told: dict[int, Told] = {}
        self.goaway: tuple[int, int] | None = None
        self.settings: bytes | None = None
        self.kinds: list[int] = []
        self.lost: Failure | None = None
        self._data = b""
        self._decoder = hpack.Decoder()

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        while len(self._data) >= 9:
            length = int.from_bytes(self._data[:3], "big")
            if len(self._data) < 9 + length:
                return
            kind, flags = self._data[3:5]
            stream = int.from_bytes(self._data[5:9], "big")
            payload = self._data[9 : 9 + length]
            self._data = self._data[9 + length :]
            self._take(kind, flags, stream, payload)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost = reason
        assert not self._data, "a frame was cut"

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if not self.kinds:
            assert kind == SETTINGS and not flags & ACK, "SETTINGS come first"
            self.settings = payload
        self.kinds.append(kind)
        if kind == GOAWAY:
            self.goaway = (
                int.from_bytes(payload[4:8], "big"),
                int.from_bytes(payload[:4], "big"),
            )
        elif kind in {HEADERS, DATA, RST}:
            told = self.told.setdefault(stream, Told())
            if told.reset is None:
                self._take_of(told, kind, flags, payload)
            else:
                # The library resets once more what comes on such a stream.
                assert kind == RST, "nothing else follows a reset"

    def _take_of(self, told: Told, kind: int, flags: int, payload: bytes) -> None:
        if kind == RST:
            told.reset = int.from_bytes(payload, "big")
            return
        assert not told.ended, "nothing follows the end of a response"
        told.ended = bool(flags & END_STREAM)
        if kind == DATA:
            told.body += payload
            return
        assert flags & END_HEADERS
        pairs = [(bytes(each[0]), bytes(each[1])) for each in self._decoder.decode(payload, True)]
        for name, _ in pairs:
            assert name == name.lower(), name
            assert name not in {b"connection", b"transfer-encoding", b"keep-alive"}, name
        if pairs and pairs[0][0] == b":status":
            told.statuses.append(int(pairs[0][1]))
