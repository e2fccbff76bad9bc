"""The end of a router: in order when it is asked to, and in no case with anything left behind."""

import signal
import socket

import pytest

from tests.process.clients import all_at_once, statuses
from tests.process.router import DEMO, FREE_PORTS, RunningRouter, launched, serving, until

SIGNALS = [signal.SIGTERM, signal.SIGINT]
NO_ENVIRONMENT = ("--local", DEMO, *FREE_PORTS, "--control-port", "0")


def running(router: RunningRouter) -> int:
    return int(router.pool()["running"])


def refuses(port: int) -> bool:
    """Whether no new connection can be had."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize(
    ("number", "transport"),
    [(signal.SIGTERM, "auto"), (signal.SIGINT, "auto"), (signal.SIGTERM, "twisted")],
)
def test_what_runs_is_finished_and_nothing_new_is_taken(number: int, transport: str) -> None:
    # All at one instance, so that no start has to be in time.
    with serving("--transport", transport, "--max-concurrent-count", "20") as router:
        answers = all_at_once(router.port, ["/delay?ms=4000"] * 20)
        until(lambda: running(router) == 20, "all twenty run")
        router.send(number)
        until(lambda: refuses(router.port), "no new connections")
        assert running(router) == 20
        assert statuses(answers) == {200: 20}
        assert router.wait() == 0
        router.check_nothing_left()
        assert router.log.count("draining: no new connections") == 1
        assert "] stopped" in router.log


@pytest.mark.parametrize("number", SIGNALS)
def test_what_waits_for_an_instance_that_still_starts_is_served(number: int) -> None:
    with launched(*NO_ENVIRONMENT) as router:
        router.wait_for("invocation v1-.* started")
        router.listening()
        answers = all_at_once(router.port, ["/ping"] * 3)
        until(lambda: router.pool()["waiting"] == 3, "all three wait")
        router.send(number)
        assert statuses(answers) == {200: 3}
        assert router.wait() == 0


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("line", ["listening: ", "invocation v1-.* started", " START RequestId: "])
def test_stopping_during_the_start_leaves_nothing(number: int, line: str) -> None:
    with launched(*NO_ENVIRONMENT) as router:
        router.wait_for(line)
        assert router.stop(number) == 0
        router.check_nothing_left()


def test_a_drain_that_takes_too_long_is_cut() -> None:
    with serving("--drain-timeout", "0.5") as router:
        [answer] = all_at_once(router.port, ["/delay?ms=60000"])
        until(lambda: running(router) == 1, "it runs")
        assert router.stop() == 0
        assert answer.result().status == 0


def test_a_second_signal_cuts_what_runs() -> None:
    with serving("--drain-timeout", "600") as router:
        [answer] = all_at_once(router.port, ["/delay?ms=60000"])
        until(lambda: running(router) == 1, "it runs")
        router.send(signal.SIGINT)
        router.wait_for("draining: no new connections")
        assert running(router) == 1
        assert router.stop(signal.SIGINT) == 0
        assert answer.result().status == 0


def test_a_router_that_is_killed_takes_its_environments_along() -> None:
    with serving() as router:
        answers = all_at_once(router.port, ["/delay?ms=60000"] * 20)
        until(lambda: running(router) == 20, "all twenty run")
        assert router.environments()
        assert router.stop(signal.SIGKILL) == -signal.SIGKILL
        router.check_nothing_left()
        assert statuses(answers) == {0: 20}


def test_a_kept_connection_is_closed_after_its_answer() -> None:
    with (
        serving() as router,
        socket.create_connection(("127.0.0.1", router.port), timeout=10) as kept,
        socket.create_connection(("127.0.0.1", router.port), timeout=10) as idle,
    ):
        kept.sendall(b"GET /delay?ms=1000 HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: running(router) == 1, "it runs")
        router.send(signal.SIGTERM)
        assert idle.recv(1) == b""
        answer = b""
        while piece := kept.recv(65536):
            answer += piece
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"\r\nConnection: close\r\n" in answer
        assert answer.endswith(b"waited 1000 ms\n\r\n0\r\n\r\n")
        assert router.wait() == 0
