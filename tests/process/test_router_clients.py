"""The client port as real clients and proxies find it, on both transports."""

import importlib.util
import json
import shutil
import socket
import subprocess

import pytest

from tests.process.router import LIMIT, RunningRouter, serving, until
from tests.wire.test_proxy_protocol import V4, V6, ends, line, v2

TRANSPORTS = ["twisted"]
if importlib.util.find_spec("uvloop") is not None:
    TRANSPORTS.append("uvloop")
GET = b"GET /headers HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"


def connected(router: RunningRouter) -> socket.socket:
    return socket.create_connection(("127.0.0.1", router.port), timeout=LIMIT)


def rest_of(connection: socket.socket) -> bytes:
    """All that still comes; a reset ends it too."""
    received = b""
    with connection:
        try:
            while data := connection.recv(65536):
                received += data
        except ConnectionResetError:
            pass
    return received


def exchange(router: RunningRouter, *pieces: bytes) -> bytes:
    """What is answered to bytes that are sent as packets of their own."""
    try:
        connection = connected(router)
    except ConnectionResetError:
        return b""  # who is turned away may learn of it while it connects
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for piece in pieces:
            connection.sendall(piece)
    except (ConnectionResetError, BrokenPipeError):
        pass  # or before it has sent anything
    return rest_of(connection)


def told(answer: bytes) -> dict[str, str]:
    """What the demo says it was given."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer
    assert b"x-request-id: " in head
    return {name.lower(): value for name, value in json.loads(body).items()}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_behind_a_proxy_that_speaks_the_proxy_protocol(transport: str) -> None:
    options = ("--proxy-protocol", "on", "--forwarding", "both", "--head-timeout", "1s")
    limits = ("--connections-per-address-limit", "2", "--body-limit", "10")
    with serving("--transport", transport, *options, *limits) as router:
        silent, slow = connected(router), connected(router)
        slow.sendall(line(V4) + b"GET / HTT")
        fields = told(exchange(router, line(V4) + GET))
        assert fields["x-forwarded-for"] == "192.0.2.1"
        assert fields["x-forwarded-port"] == "443"
        assert fields["forwarded"] == "for=192.0.2.1;proto=http;host=test"
        binary = v2(0x21, 0x21, ends(V6)) + GET
        fields = told(exchange(router, *(bytes([octet]) for octet in binary)))
        assert fields["x-forwarded-for"] == "2001:db8::1"
        assert exchange(router, GET) == b""
        # The third connection from one address beside two that are open is cut.
        open_ones = [connected(router) for _ in range(2)]
        for each in open_ones:
            each.sendall(line(V6) + b"GET /ping HTTP/1.1\r\nHost: test\r\n\r\n")
            assert each.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert exchange(router, line(V6)) == b""
        for each in open_ones:
            each.close()
        post = b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 11\r\n\r\n"
        assert exchange(router, line(V4) + post).startswith(b"HTTP/1.1 413 ")
        assert rest_of(silent) == b""
        assert rest_of(slow).startswith(b"HTTP/1.1 408 ")
        counts = router.state()["since_start"]
        assert counts["refused_heads"] == {"body_too_large": 1, "head_timeout": 1}
        assert counts["refused_connections"] == {
            "bad_proxy_header": 1,
            "address_limit": 1,
            "proxy_header_timeout": 1,
        }


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_with_a_proxy_header() -> None:
    with serving("--proxy-protocol", "on") as router:
        url = f"http://127.0.0.1:{router.port}/headers"
        command = ["curl", "-s", "-i", "--max-time", "20", "--haproxy-protocol", url]
        answer = subprocess.run(command, capture_output=True, timeout=LIMIT, check=True).stdout
        assert told(answer)["x-forwarded-for"] == "127.0.0.1"
        assert told(answer)["x-forwarded-port"] == str(router.port)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_connections_over_the_limit_are_closed(transport: str) -> None:
    with serving("--transport", transport, "--connection-limit", "1") as router:
        first = connected(router)
        first.sendall(GET.replace(b"Connection: close\r\n", b""))
        assert first.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert exchange(router, GET) == b""
        first.close()
        until(lambda: exchange(router, GET).startswith(b"HTTP/1.1 200 "), "a place that is free")
