"""What fuzzing begins with: the tables of hostile requests and answers, and the kept corpus."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

from tests.fuzz import readers, small_readers, whole
from tests.fuzz.http2 import http2
from tests.hostile.answers import ANSWERS
from tests.hostile.http2_requests import HTTP2_REQUESTS
from tests.hostile.table import REQUESTS

CORPUS = Path(__file__).parent / "corpus"
LARGEST = 2048

TARGETS: dict[str, Callable[[bytes], None]] = {
    "requests": readers.requests,
    "responses": readers.responses,
    "session": readers.session,
    "frames": readers.frames,
    "payload": readers.payload,
    "front": whole.front,
    "control": whole.control,
    "http2": http2,
    "channel": small_readers.channel,
    "proxy": small_readers.proxy,
    "values": small_readers.values,
}

VALUES = (
    "null",
    "1",
    "-1",
    "0",
    "1.5",
    "1e999",
    "NaN",
    "true",
    '"x"',
    '"\\ud800"',
    "[]",
    "{}",
    '""',
)

SESSION_LINES = (
    b'{"kind": "ready", "environment": "e"}\n',
    b'{"kind": "idle"}\n{"kind": "leaving", "reason": "deadline"}\n',
    b'{"kind": "ping"}\n{"kind": "pong"}\n{"kind": "news", "x": [1, {}]}\n',
    b'{"kind": "drain", "reason": "\\ud800"}\n{"kind": "retire", "reason": 1}\n',
    b'{"kind": "ping"}\n\n',
)

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
PROXY_HEADERS = (
    b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nGET /",
    b"PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n",
    b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
    SIGNATURE + b"\x21\x11\x00\x0c" + bytes(range(12)),
    SIGNATURE + b"\x21\x21\x00\x29" + bytes(range(36)) + b"\x04\x00\x02ab",
    SIGNATURE + b"\x21\x31\x00\xd8" + b"/tmp/client".ljust(216, b"\0"),
    SIGNATURE + b"\x20\x00\x00\x00GET /",
    SIGNATURE + b"\x21\x12\x00\x0c" + bytes(12),
)

FIELD_VALUES = (
    b'for="[2001:db8:cafe::17]:4711";proto=https;by=203.0.113.43',
    b'for=192.0.2.60;host="a\\"b,c;d", , for=_hidden;secret=x',
    b'for=unknown;secret="back\\\\slash \\" quote"',
    b"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
    b"Self=1-67891234-12456789abcdef012345678;Root=1-67891233-abcdef012345678912345678",
    b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    b"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
)


FRAMES = (
    b"\x81\x05hello",
    b"\x88\x82\x00\x00\x00\x00\x03\xf4",
    b"\x01\x7e\x00\x81" + bytes(129),
    b"\x82\xff" + bytes(7) + b"\x90" + b"keys" + b"\x88" * 144,
    b"\x89\x00",
)

TABLES = {
    "session": SESSION_LINES,
    "proxy": PROXY_HEADERS,
    "values": FIELD_VALUES,
    "frames": [b"".join(FRAMES), *(b"".join(pair) for pair in permutations(FRAMES, 2))],
}

TOKENS = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\x00",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"0",
    b"-1",
    b"5",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"Content-Length: ",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: ",
    b"Host: a\r\n",
    b"Upgrade: x\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    b"Expect: 100-continue\r\n",
    b"GET / ",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
    b"http://a",
    b"*",
    b"#",
    b"%",
    b"\x80",
    b'"',
    b"{",
    b"}",
    b'"kind": "ping"',
    b"null",
    b"1e999",
    b"\\ud800",
    b"\x00\x00\x00\x00\x01\x00\x00\x00\x03",
    b"\x00\x00\x05\x00\x01\x00\x00\x00\x03",
    b"\x00\x00\x04\x03\x00\x00\x00\x00\x03\x00\x00\x00\x08",
    b"\x00\x00\x04\x08\x00\x00\x00\x00\x03\x00\x00\x00\x01",
    b"\x00\x00\x08\x06\x00\x00\x00\x00\x00",
    b"\x01\x05\x00\x00\x00\x05",
    b"\x82\x87\x84\x41\x01a",
)


def seeds(target: str) -> list[bytes]:
    """Inputs to begin with, those of the corpus first."""
    return [*(path.read_bytes() for path in kept(target)), *_tables(target)]


def kept(target: str) -> list[Path]:
    """The files of the corpus."""
    return sorted((CORPUS / target).glob("*"))


def _tables(target: str) -> list[bytes]:
    if target in TABLES:
        return list(TABLES[target])
    if target in {"requests", "front", "channel"}:
        return [case.raw for case in REQUESTS if len(case.raw) <= LARGEST]
    if target == "responses":
        return [case.raw for case in ANSWERS if len(case.raw) <= LARGEST]
    if target == "http2":
        return [case.raw for case in HTTP2_REQUESTS if len(case.raw) <= LARGEST]
    if target == "payload":
        good = json.dumps(readers.GOOD_PAYLOAD).encode()
        keys = [*readers.GOOD_PAYLOAD, *(f"callback.{key}" for key in ("host", "port", "tls"))]
        changed = [f"{key}={value}".encode() for key in keys for value in VALUES]
        return [good, b'{"reason": "idle", "requests": 3}', *changed]
    heads = [case.raw for case in REQUESTS if len(case.raw) <= 300]
    return [bytes([number % 5]) + raw for number, raw in enumerate(heads)]
