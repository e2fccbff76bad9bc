"""Applications of every kind behind the router."""

import os
import shlex
import signal
import sys

from tests.process.router import (
    LAMBDA_SIDE,
    RunningRouter,
    ask,
    command_line,
    free_port,
    serving,
    until,
)

ONE = ("--max-instances", "1")
"""A child listens on one port, so that there can be one environment on one machine."""


def hosting(*options: str) -> str:
    return shlex.join([*LAMBDA_SIDE, *options])


def behind_port(port: int, *command: str) -> str:
    """A Lambda side that starts this Python with ``command``."""
    return hosting("--app-port", str(port), "--", sys.executable, *command)


def children(router: RunningRouter, module: str) -> list[int]:
    """The processes that run a module themselves."""
    return [pid for pid in router.others() if command_line(pid)[1:3] == ["-m", module]]


def check_upper(router: RunningRouter) -> None:
    for method, body in (("GET", None), ("POST", b"what was sent")):
        for _ in range(3):
            answer = ask(router.port, "/a/path", method, body)
            assert answer.status == 200
            assert answer.body == f"{method} /a/path ".encode() + (body or b"").upper()


def test_a_child_by_its_command_line() -> None:
    port = free_port()
    with serving(
        *ONE, app=behind_port(port, "-m", "lambda_side.demo", "--port", str(port))
    ) as router:
        answer = router.get("/fact")
        assert answer.status == 200
        assert [answer.value["process"]] == children(router, "lambda_side.demo")
        upload = os.urandom(3_000_000)
        assert ask(router.port, "/echo", "POST", upload).body == upload


def test_a_child_of_the_standard_library() -> None:
    port = free_port()
    with serving(
        *ONE, app=behind_port(port, "-m", "tests.process.stdlib_app", str(port))
    ) as router:
        check_upper(router)


def test_a_wsgi_application_in_process() -> None:
    with serving(app=hosting("--app", "tests.process.wsgi_app:application")) as router:
        check_upper(router)


def test_a_child_goes_with_a_router_that_is_killed() -> None:
    port = free_port()
    with serving(
        *ONE, app=behind_port(port, "-m", "lambda_side.demo", "--port", str(port))
    ) as router:
        assert children(router, "lambda_side.demo")
        assert router.stop(signal.SIGKILL) == -signal.SIGKILL
        router.check_nothing_left()


def test_a_child_that_dies_is_replaced_with_its_environment() -> None:
    port = free_port()
    with serving(
        *ONE,
        "--instance-idle",
        "600",
        app=behind_port(port, "-m", "lambda_side.demo", "--port", str(port)),
    ) as router:
        first = router.get("/fact").value["process"]
        os.kill(first, signal.SIGKILL)
        router.wait_for("was ended by SIGKILL")
        router.wait_for("is told to leave: application_exited")
        until(lambda: first not in router.others(), "the child is gone")
        second = router.get("/fact")
        assert second.status == 200
        assert second.value["process"] != first
