"""``python -m lambdadispatch.local`` as a process of its own."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.process.local_rig import LIMIT, TINY, alive, kill_quietly, lambda_client

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "lambdadispatch.local")


class Running:
    """The command at work: its process, its endpoint and a client."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.greeting = process.stdout.readline() + process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", self.greeting)
        assert found, self.greeting
        self.url = found[0]
        self.client = lambda_client(self.url)

    def invoke(self, event: Any) -> Any:
        answer = self.client.invoke(FunctionName="tiny", Payload=json.dumps(event))
        return json.loads(answer["Payload"].read())

    def stop(self, number: int) -> tuple[int, str]:
        """Send a signal and return the exit code and what else was printed."""
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=LIMIT)
        return self.process.returncode, output


@contextmanager
def started(*options: str) -> Iterator[Running]:
    process = subprocess.Popen(
        [*COMMAND, "--function-name", "tiny", "--port", "0", *options, "--", *TINY],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        running = Running(process)
        yield running
        running.client.close()
    finally:
        kill_quietly(process.pid, signal.SIGTERM)
        process.communicate(timeout=LIMIT)


def wait_until_gone(pid: int) -> None:
    give_up = time.perf_counter() + LIMIT
    while alive(pid):
        assert time.perf_counter() < give_up, f"process {pid} lives on"
        time.sleep(0.02)


def run_to_end(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=LIMIT, cwd=ROOT, check=False
    )


def test_prints_how_to_call_it_and_logs_each_environment() -> None:
    with started("--memory", "512", "--timeout", "7") as running:
        assert f"aws lambda invoke --endpoint-url {running.url} --function-name tiny" in (
            running.greeting
        )
        seen = running.invoke({"x": 1})
        assert seen["event"] == {"x": 1}
        assert seen["variables"]["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
        code, output = running.stop(signal.SIGINT)
    assert code == 0
    assert f"env-1 tiny runtime {seen['pid']} starts" in output
    assert "env-1 START RequestId: " in output
    assert "env-1 REPORT RequestId: " in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_orderly_stop_ends_the_environments(number: signal.Signals) -> None:
    with started() as running:
        pid = running.invoke({})["pid"]
        code, _ = running.stop(number)
        assert code == 0
        assert not alive(pid)


@pytest.mark.parametrize("options", [(), ("--no-freeze",)])
def test_killing_the_service_kills_the_environments(options: tuple[str, ...]) -> None:
    with started(*options) as running:
        pid = running.invoke({})["pid"]
        assert alive(pid)
        running.stop(signal.SIGKILL)
        wait_until_gone(pid)


def test_a_port_in_use_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run_to_end("--function-name", "tiny", "--port", port, "--", *TINY)
    assert ended.returncode == 1
    assert f"error: cannot listen on 127.0.0.1:{port}: " in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--function-name", "no spaces", "--", "x"), "function name 'no spaces'"),
        (("--function-name", "f", "--timeout", "0", "--", "x"), "timeout 0.0"),
        (("--function-name", "f", "--", "x 'y"), "cannot be split into words"),
    ],
)
def test_bad_values_are_named(arguments: tuple[str, ...], words: str) -> None:
    ended = run_to_end(*arguments)
    assert ended.returncode == 1
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
