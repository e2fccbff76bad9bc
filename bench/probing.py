"""Finding a free port, and waiting until a server answers on it as it should."""

from __future__ import annotations

import http.client
import socket
import time

from bench.children import Child
from bench.errors import BenchError

LIMIT = 30.0
PAUSE = 0.02


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def get(port: int, path: str, limit: float = LIMIT) -> tuple[int, bytes]:
    """Status and body of a GET on the loopback. Raises OSError or HTTPException."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=limit)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def wait_until_answers(child: Child, port: int, path: str, size: int, limit: float = LIMIT) -> None:
    """Return once ``path`` is answered with 200 and ``size`` bytes.

    Raises BenchError when the process ends or has not answered so after ``limit`` seconds.
    """
    give_up = time.monotonic() + limit
    seen = "no answer"
    while time.monotonic() < give_up:
        child.check()
        try:
            status, body = get(port, path, limit)
        except (OSError, http.client.HTTPException) as error:
            seen = repr(error)
        else:
            if (status, len(body)) == (200, size):
                return
            seen = f"status {status} with {len(body)} bytes"
        time.sleep(PAUSE)
    raise BenchError(
        f"{child.name} did not answer {path} with {size} bytes within {limit:g} s; last: {seen}\n"
        f"{child.log_tail()}"
    )
