"""One runtime under AWS's emulator and under the local Lambda: it must see the same."""

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from lambdadispatch.local.function import LocalFunction
from tests.process.local_rig import LIMIT, TINY, kill_quietly, running
from tests.process.rie import fetch_rie

FUNCTION = LocalFunction("function", TINY, timeout=30)
CONTEXT = base64.b64encode(b'{"custom":{"a":1}}').decode()
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
HEADERS = {"X-Amz-Client-Context": CONTEXT, "X-Amzn-Trace-Id": TRACE}


@dataclass(frozen=True)
class Invoked:
    """One Invoke answer: AWS's emulator tells failures by its status, a real one by a header."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)


def invoke(address: str, event: Any) -> Invoked:
    """Invoke by hand: the emulator is no match for boto3."""
    connection = http.client.HTTPConnection(address, timeout=LIMIT)
    try:
        path = "/2015-03-31/functions/function/invocations"
        connection.request("POST", path, json.dumps(event), HEADERS)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Invoked(response.status, headers, response.read())
    finally:
        connection.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def wait_for_port(port: int) -> None:
    give_up = time.perf_counter() + LIMIT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except ConnectionRefusedError:
            assert time.perf_counter() < give_up, "the emulator does not listen"
            time.sleep(0.02)


@contextmanager
def emulator(program: Path, **variables: str) -> Iterator[str]:
    """Run the emulator with the tiny runtime; yields ``host:port`` to invoke."""
    port, api_port = free_port(), free_port()
    process = subprocess.Popen(
        [
            str(program),
            "--runtime-api-address",
            f"127.0.0.1:{api_port}",
            "--runtime-interface-emulator-address",
            f"127.0.0.1:{port}",
            *TINY,
        ],
        env=dict(os.environ) | {"AWS_LAMBDA_FUNCTION_TIMEOUT": "30"} | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port)
        yield f"127.0.0.1:{port}"
    finally:
        kill_quietly(process.pid, signal.SIGTERM)
        process.wait(timeout=LIMIT)


@pytest.fixture(scope="module")
def program() -> Path:
    found = fetch_rie()
    if found is None:
        pytest.skip("AWS's Runtime Interface Emulator cannot be had here; see the log")
    return found


async def both(program: Path, *events: Any, **variables: str) -> list[tuple[Invoked, Invoked]]:
    """Invoke with each event in turn, under the emulator and under the local Lambda."""

    def under_emulator() -> list[Invoked]:
        with emulator(program, **variables) as address:
            return [invoke(address, event) for event in events]

    theirs = await deferToThread(under_emulator)
    async with running(reactor, replace(FUNCTION, environment=variables)) as rig:
        address = rig.url.removeprefix("http://")
        ours = [await deferToThread(invoke, address, event) for event in events]
    return list(zip(theirs, ours, strict=True))


def without_request_id(text: str) -> str:
    """Return an error message with its request id, the 36 characters of a UUID, cut out."""
    start = text.index("RequestId: ") + len("RequestId: ")
    return text[:start] + text[start + 36 :]


@pytest_twisted.ensureDeferred
async def test_the_runtime_sees_the_same_event(program: Path) -> None:
    [(theirs, ours)] = await both(program, {"x": [1, None, "é"]})
    assert theirs.status == ours.status == 200
    assert "x-amz-function-error" not in ours.headers
    seen, wanted = ours.value, theirs.value
    assert seen["event"] == wanted["event"]
    # Every header of the emulator, under the same name; the rest is the HTTP server's own.
    assert set(wanted["headers"]) <= set(seen["headers"])
    extra = set(seen["headers"]) - set(wanted["headers"])
    # The emulator traces nothing; AWS documents this header, and sends it.
    assert {name for name in extra if name.startswith("lambda-")} == {"lambda-runtime-trace-id"}
    assert seen["headers"]["lambda-runtime-trace-id"] == TRACE
    for name in ("content-type", "content-length", "lambda-runtime-client-context"):
        assert seen["headers"][name] == wanted["headers"][name]
    now = datetime.now(UTC).timestamp() * 1000
    for headers in (wanted["headers"], seen["headers"]):
        assert headers["lambda-runtime-invoked-function-arn"].startswith("arn:aws:lambda:")
        assert len(headers["lambda-runtime-aws-request-id"]) == 36
        assert now < int(headers["lambda-runtime-deadline-ms"]) < now + 31_000
    names = {name for name in wanted["variables"] if name.startswith("AWS_LAMBDA_FUNCTION_")}
    assert names - {"AWS_LAMBDA_FUNCTION_TIMEOUT"} <= set(seen["variables"])
    assert seen["variables"]["_HANDLER"] == wanted["variables"]["_HANDLER"]


@pytest_twisted.ensureDeferred
async def test_a_function_error_looks_the_same(program: Path) -> None:
    [(theirs, ours), (_, after)] = await both(program, {"do": "error"}, {})
    assert theirs.status == ours.status == 200
    assert ours.body == theirs.body
    assert ours.headers["x-amz-function-error"] == "Unhandled"
    assert after.value["served"] == 2


@pytest_twisted.ensureDeferred
async def test_a_misused_runtime_api_answers_the_same(program: Path) -> None:
    [_, (theirs, ours)] = await both(program, {"do": "misuse"}, {})
    assert len(theirs.value) == 8
    assert ours.value == theirs.value


@pytest_twisted.ensureDeferred
async def test_exits_and_large_responses_look_the_same(program: Path) -> None:
    events = [
        {"do": "exit", "code": 3},
        {"do": "exit", "code": 0},
        {"do": "kill", "signal": 9},
        {"do": "kill", "signal": 6},
    ]
    for theirs, ours in await both(program, *events):
        assert ours.value["errorType"] == theirs.value["errorType"] == "Runtime.ExitError"
        assert without_request_id(ours.value["errorMessage"]) == without_request_id(
            theirs.value["errorMessage"]
        )
        assert list(ours.value) == list(theirs.value)
        assert ours.headers["x-amz-function-error"] == "Unhandled"
    [(theirs, ours), (_, answered)] = await both(
        program, {"do": "big", "bytes": 6 * 1024 * 1024 + 101}, {"do": "answer_and_exit"}
    )
    assert ours.body == theirs.body
    assert answered.value["served"] == 2


@pytest_twisted.ensureDeferred
async def test_a_failed_start_looks_the_same(program: Path) -> None:
    [(theirs, ours)] = await both(program, {}, TINY_INIT="error")
    assert ours.value == theirs.value


def test_a_wheel_without_the_emulator_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with zipfile.ZipFile(tmp_path / "aws_sam_cli-0.0.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("samcli/__init__.py", "")
    assert fetch_rie(tmp_path) is None
    assert "no Runtime Interface Emulator" in caplog.text
