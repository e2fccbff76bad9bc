"""The Lambda side under AWS's own emulator of the Runtime API, called by a router as AWS is."""

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.process.local_rig import kill_quietly
from tests.process.rie import fetch_rie
from tests.process.router import (
    FREE_PORTS,
    GONE_LIMIT,
    LAMBDA_SIDE,
    LIMIT,
    MARK,
    ROOT,
    RunningRouter,
    ask,
    free_port,
    launched,
    marked,
    until,
)

APP = (*LAMBDA_SIDE, "--app", "lambda_side.demo:resource")
ROUTER = (
    *("--function-name", "function", "--callback-host", "127.0.0.1", *FREE_PORTS),
    *("--interface", "127.0.0.1", "--max-instances", "1", "--access-log"),
)
CONTROL = {
    "clear": ("--control-port", "0", "--control-tls-port", "off"),
    "tls": ("--control-tls-port", "0"),
}
ACCESS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="module")
def program() -> Path:
    found = fetch_rie()
    if found is None:
        pytest.skip("AWS's Runtime Interface Emulator cannot be had here; see the log")
    return found


@contextmanager
def emulator(program: Path) -> Iterator[int]:
    """The emulator with the demo application; the port to invoke it on."""
    port, api_port, mark = free_port(), free_port(), uuid.uuid4().hex
    addresses = (
        *("--runtime-api-address", f"127.0.0.1:{api_port}"),
        *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
    )
    process = subprocess.Popen(
        [str(program), *addresses, *APP],
        cwd=ROOT,
        env={**os.environ, "AWS_LAMBDA_FUNCTION_TIMEOUT": "60", MARK: mark},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: listens(port), "the emulator listens")
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT)
        for pid in marked(mark):
            kill_quietly(pid, signal.SIGKILL)
        until(lambda: not marked(mark), "nothing of the emulator is left", GONE_LIMIT)


def listens(port: int) -> bool:
    try:
        ask(port, "/")
    except ConnectionRefusedError:
        return False
    return True


@contextmanager
def calling(port: int, *options: str) -> Iterator[RunningRouter]:
    """A router for which the emulator is AWS."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables = inherited | ACCESS | {"AWS_LAMBDA_SERVICE_URL": f"http://127.0.0.1:{port}"}
    with launched(*ROUTER, *options, variables=variables) as router:
        router.listening()
        yield router


@pytest.mark.parametrize("control", CONTROL)
def test_a_request_is_answered_through_the_emulator(program: Path, control: str) -> None:
    with emulator(program) as port, calling(port, *CONTROL[control]) as router:
        answer = router.get("/ping")
        assert (answer.status, answer.body) == (200, b"pong\n")
        upload = os.urandom(1_000_000)
        assert ask(router.port, "/echo", "POST", upload).body == upload
        assert "AKIDEXAMPLE" not in router.log + router.errors
        # An instance leaves when it has nothing to do, and its invocation is answered.
        router.wait_for(r"invocation (\S+) of instance \S+ ended: returned \(idle\) after 2 req")
        assert router.get("/ping").status == 200
        assert router.started_invocations() == 2
