"""Requests through the router, as its users send them."""

import json
import re
import socket
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.process.router import LIMIT, ROOT, RunningRouter, ask, serving, until

REQUEST = re.compile(
    r"request GET (?P<target>\S+): (?P<outcome>\w+), arrival \d+, assignment \d+, attempts 1, "
    r"invocation (?P<invocation>\S+), instance (?P<instance>\S+), channel (?P<channel>\S+)"
)


def test_a_request_is_answered_and_the_log_says_where_it_ran() -> None:
    with serving("--access-log") as router:
        answer = router.get("/fact")
        assert answer.status == 200
        assert set(answer.value) >= {"fact", "process"}
        assert answer.value["process"] in router.environments()
        router.wait_for(REQUEST.pattern)
        [line] = REQUEST.finditer(router.log)
        assert line["target"] == "/fact"
        assert line["outcome"] == "answered"
        assert re.search(
            rf"instance {line['instance']} of invocation {line['invocation']} called back",
            router.log,
        )
        assert line["channel"].startswith(line["instance"] + "/")
        assert router.state()["since_start"]["requests"] == {"answered": 1}


def test_the_admin_port_tells_health_and_readiness() -> None:
    with serving() as router:
        for path in ("/health", "/ready"):
            answer = ask(router.ports["admin-port"], path)
            assert (answer.status, answer.body) == (200, b"ok\n")


def test_statuses_and_fields_of_the_application_are_passed_on() -> None:
    with serving() as router:
        assert router.get("/status?code=404").status == 404
        assert router.get("/no-such-page").status == 404
        answer = ask(router.port, "/echo", "PUT", b"what was sent")
        assert (answer.status, answer.body) == (200, b"what was sent")
        assert ask(router.port, "/ping", "HEAD").body == b""


def test_the_first_part_of_an_answer_does_not_wait_for_the_second() -> None:
    with (
        serving() as router,
        socket.create_connection(("127.0.0.1", router.port), timeout=LIMIT) as client,
    ):
        client.sendall(b"GET /chunked-response HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while b"the first part\n" not in received:
            received += more(client)
        began = time.monotonic()
        assert b"the second part" not in received
        while b"the second part\n" not in received:
            received += more(client)
        assert time.monotonic() - began >= 4
        while piece := client.recv(65536):
            received += piece
        assert received.endswith(b"0\r\n\r\n")


def more(client: socket.socket) -> bytes:
    piece = client.recv(65536)
    assert piece, "the answer was cut"
    return piece


def test_the_control_port_over_tls() -> None:
    tls = ("--control-tls-port", "0", "--control-port", "off")
    with serving("--access-log", control=tls) as router:
        assert set(router.ports) == {"port", "admin-port", "control-tls-port"}
        answer = router.get("/ping")
        assert (answer.status, answer.body) == (200, b"pong\n")
        port = router.ports["control-tls-port"]
        router.wait_for(rf"told to call back to 127\.0\.0\.1 port {port} over TLS")
        answer = ask(router.port, "/echo", "POST", b"x" * 300_000)
        assert answer.body == b"x" * 300_000


def load(router: RunningRouter, path: str, connections: int, requests: int) -> Any:
    """What a client in a process of its own says of so many requests."""
    words = ["tests.process.load", router.port, path, connections, requests]
    ended = subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_ten_thousand_requests_over_kept_connections() -> None:
    with serving() as router:
        said = load(router, "/ping", 50, 10_000)
        assert said == {"statuses": {"200": 10_000}, "connections": 50, "errors": []}
        assert router.state()["since_start"]["requests"] == {"answered": 10_000}
        assert router.pool()["running"] == router.pool()["waiting"] == 0


def test_an_instance_that_left_for_lack_of_work_is_started_again() -> None:
    with serving() as router:
        assert router.get("/ping").status == 200
        until(lambda: not router.pool()["instances"], "the last instance has left")
        began = router.started_invocations()
        assert router.get("/ping").status == 200
        assert router.started_invocations() == began + 1


@pytest.mark.parametrize("body", [b"", b"x"])
def test_a_client_that_leaves_is_forgotten(body: bytes) -> None:
    with serving("--access-log") as router:
        with socket.create_connection(("127.0.0.1", router.port), timeout=LIMIT) as client:
            head = b"GET /delay?ms=60000 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
            client.sendall(head % len(body) + body)
            until(lambda: router.pool()["running"] == 1, "the request runs")
        until(lambda: router.pool()["running"] == 0, "it runs no more")
        router.wait_for("client_gone")
        assert router.get("/ping").status == 200
