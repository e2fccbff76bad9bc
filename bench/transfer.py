"""One large body: ``python -m bench.transfer --port N --direction down|up`` prints JSON.

The client does as little as it can: it reads into one buffer, or sends from one, and counts.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import sys
import time
from collections.abc import Sequence

from bench.answers import AnswerReader
from bench.canned_answers import GIB, SINK, STREAM

BUFFER = 2**20
TIMEOUT = 30.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


def connect(port: int) -> socket.socket:
    """A connection to the loopback."""
    found = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def download(connection: socket.socket) -> tuple[int, int]:
    """Ask for the stream; octets of the body that were announced and that came."""
    connection.sendall(b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % STREAM)
    start = b""
    while b"\r\n\r\n" not in start:
        piece = connection.recv(BUFFER)
        if not piece:
            raise SystemExit(f"the connection ended within the head {start!r}")
        start += piece
    head, _, body = start.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r\n")
    if not head.startswith(b"HTTP/1.1 200 ") or length is None:
        raise SystemExit(f"answered {head!r}")
    announced, came = int(length[1]), len(body)
    buffer = bytearray(BUFFER)
    while came < announced:
        taken = connection.recv_into(buffer)
        if not taken:
            break
        came += taken
    return announced, came


def upload(connection: socket.socket, size: int = GIB) -> tuple[int, int]:
    """Send a body; octets that were sent, and that the application says it got."""
    head = b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % (SINK, size)
    connection.sendall(head)
    buffer, left = memoryview(bytes(BUFFER)), size
    while left:
        left -= connection.send(buffer[:left])
    return size, int(answer_body(connection))


def answer_body(connection: socket.socket) -> bytes:
    """The body of a small answer. Ends the process when it is not 200."""
    reader, received, status = AnswerReader(), b"", None
    while status is None:
        piece = connection.recv(BUFFER)
        if not piece:
            raise SystemExit(f"the connection ended within the answer {received!r}")
        received += piece
        status = reader.feed(piece)
    if status != 200:
        raise SystemExit(f"answered {received[:300]!r}")
    return received.partition(b"\r\n\r\n")[2]


def main(arguments: Sequence[str]) -> None:
    """Transfer one body and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m bench.transfer")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--direction", choices=("down", "up"), required=True)
    chosen = parser.parse_args(arguments)
    with connect(chosen.port) as connection:
        start = time.perf_counter()
        transfer = download if chosen.direction == "down" else upload
        expected, came = transfer(connection)
        seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "expected": expected, "came": came}))


if __name__ == "__main__":
    main(sys.argv[1:])
