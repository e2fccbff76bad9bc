"""Large bodies through the router: whole, and without being held in memory.

With LAMBDA_DISPATCH_TEST_GIB=1 in the environment the same is done with 1 GiB as well.
"""

import hashlib
import http.client
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.process.router import LIMIT, RunningRouter, serving, until

MIB = 1 << 20
MOST_GROWTH = 30
"""MiB that a process may grow by, whatever the size of a body."""
BLOCK = Random(1).randbytes(MIB + 1)
"""Sent over and over: of a length that fits no buffer, so that no piece can change places."""
COUNTED = bytes(range(256)) * 4096
"""What /bytes answers with, over and over."""
STILL = 25
"""A process that has used no time at so many looks in a row waits for something."""
SIZES = [
    64 * MIB,
    pytest.param(
        1024 * MIB,
        marks=pytest.mark.skipif(
            os.environ.get("LAMBDA_DISPATCH_TEST_GIB") != "1",
            reason="takes its time: set LAMBDA_DISPATCH_TEST_GIB=1",
        ),
    ),
]


class Memory:
    """How much a process grows, at its peak, from now on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak is what there is now
        self._before = self._kilobytes("VmRSS")

    @property
    def grown(self) -> float:
        """MiB."""
        return round((self._kilobytes("VmHWM") - self._before) / 1024, 1)

    def _kilobytes(self, name: str) -> int:
        lines = Path(f"/proc/{self._pid}/status").read_text().splitlines()
        [found] = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
        return int(found)


@contextmanager
def measured(size: int) -> Iterator[tuple[RunningRouter, socket.socket]]:
    """A router and a connection; fails if router or Lambda side grow by too much meanwhile."""
    with serving("--instance-idle", "600") as router:
        assert router.get("/bytes?n=1000000").status == 200
        [environment] = router.environments()
        processes = {"router": Memory(router.process.pid), "Lambda side": Memory(environment)}
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", router.port), timeout=LIMIT) as client:
            yield router, client
        took = time.monotonic() - began
        grown = {name: memory.grown for name, memory in processes.items()}
        print(f"{size // MIB} MiB in {took:.1f} s; MiB grown: {grown}")
        assert max(grown.values()) < MOST_GROWTH


def begin(client: socket.socket, line: str, *fields: str) -> http.client.HTTPResponse:
    """Send a request's head; its answer, of which nothing has been read."""
    head = "\r\n".join([f"{line} HTTP/1.1", "Host: x", "Connection: close", *fields, "", ""])
    client.sendall(head.encode())
    return http.client.HTTPResponse(client, method=line.split(maxsplit=1)[0])


def hashed(response: http.client.HTTPResponse) -> tuple[int, str]:
    """Length and hash of an answer's body."""
    length, digest, piece = 0, hashlib.sha256(), memoryview(bytearray(MIB))
    while count := response.readinto(piece):
        length += count
        digest.update(piece[:count])
    return length, digest.hexdigest()


def repeated(block: bytes, size: int) -> Iterator[bytes]:
    """``size`` octets of a block that is repeated."""
    while size:
        yield block[:size]
        size -= min(size, len(block))


def hash_of(block: bytes, size: int) -> tuple[int, str]:
    """Length and hash of the same."""
    digest = hashlib.sha256()
    for piece in repeated(block, size):
        digest.update(piece)
    return size, digest.hexdigest()


class Upload(threading.Thread):
    """Sends a body while its echo is read."""

    def __init__(self, client: socket.socket, size: int, *, chunked: bool) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._size = size
        self._chunked = chunked
        self.failure: OSError | None = None

    def run(self) -> None:
        try:
            for piece in repeated(BLOCK, self._size):
                self._client.sendall(
                    b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece
                )
            if self._chunked:
                self._client.sendall(b"0\r\n\r\n")
        except OSError as error:
            self.failure = error


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_an_upload_comes_back_as_it_was_sent(size: int, chunked: bool) -> None:
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    with measured(size) as (_, client):
        response = begin(client, "POST /echo", framing)
        upload = Upload(client, size, chunked=chunked)
        upload.start()
        response.begin()
        assert response.status == 200
        assert hashed(response) == hash_of(BLOCK, size)
        upload.join(LIMIT)
        assert not upload.is_alive()
        assert upload.failure is None


@pytest.mark.parametrize("size", SIZES)
def test_a_download_is_whole(size: int) -> None:
    with measured(size) as (_, client):
        response = begin(client, f"GET /bytes?n={size}")
        response.begin()
        assert response.headers["Content-Length"] == str(size)
        assert hashed(response) == hash_of(COUNTED, size)


def test_a_reader_that_stops_holds_everybody_back() -> None:
    size = 64 * MIB
    with measured(size) as (router, client):
        response = begin(client, f"GET /bytes?n={size}")
        response.begin()
        until(standing_still(router), "nobody sends any more")
        assert router.pool()["running"] == 1
        assert hashed(response) == hash_of(COUNTED, size)


def standing_still(router: RunningRouter) -> Callable[[], bool]:
    """Whether neither router nor Lambda side has had much to do since the last looks."""
    pids = [router.process.pid, *router.environments()]
    looks: list[int] = []

    def look() -> bool:
        looks.append(sum(ticks(pid) for pid in pids))
        # A tick is 10 ms: pings and regular tasks use one now and then.
        return len(looks) > STILL and looks[-1] - looks[-STILL] <= 3

    return look


def ticks(pid: int) -> int:
    """The processor time a process has used (proc(5): utime and stime, in ticks)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
