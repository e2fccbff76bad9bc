"""What fuzzing begins with: the tables of hostile requests and answers, and the kept corpus."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

from tests.fuzz import readers, whole
from tests.hostile.answers import ANSWERS
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

FRAMES = (
    b"\x81\x05hello",
    b"\x88\x82\x00\x00\x00\x00\x03\xf4",
    b"\x01\x7e\x00\x81" + bytes(129),
    b"\x82\xff" + bytes(7) + b"\x90" + b"keys" + b"\x88" * 144,
    b"\x89\x00",
)

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
)


def seeds(target: str) -> list[bytes]:
    """Inputs to begin with, those of the corpus first."""
    return [*(path.read_bytes() for path in kept(target)), *_tables(target)]


def kept(target: str) -> list[Path]:
    """The files of the corpus."""
    return sorted((CORPUS / target).glob("*"))


def _tables(target: str) -> list[bytes]:
    if target in {"requests", "front"}:
        return [case.raw for case in REQUESTS if len(case.raw) <= LARGEST]
    if target == "responses":
        return [case.raw for case in ANSWERS if len(case.raw) <= LARGEST]
    if target == "session":
        return list(SESSION_LINES)
    if target == "frames":
        return [b"".join(FRAMES), *(b"".join(pair) for pair in permutations(FRAMES, 2))]
    if target == "payload":
        good = json.dumps(readers.GOOD_PAYLOAD).encode()
        keys = [*readers.GOOD_PAYLOAD, *(f"callback.{key}" for key in ("host", "port", "tls"))]
        changed = [f"{key}={value}".encode() for key in keys for value in VALUES]
        return [good, b'{"reason": "idle", "requests": 3}', *changed]
    heads = [case.raw for case in REQUESTS if len(case.raw) <= 300]
    return [bytes([number % 5]) + raw for number, raw in enumerate(heads)]
