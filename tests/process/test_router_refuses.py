"""What a router says when it cannot start: exit code 1 and a line that names what is wrong."""

import os
import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.process.router import DEMO, FREE_PORTS, LIMIT, ROOT, TWISTD

LOCAL = ("--local", DEMO)
NO_AWS = {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
FUNCTION = ("--function-name", "some-function", *FREE_PORTS, "--control-tls-port", "0")


def errors_of(*arguments: str, **variables: str) -> list[str]:
    """What a router that must not start writes on standard error, line by line."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "LAMBDA_DISPATCH_", "K8S_"))
    }
    ended = subprocess.run(
        [*TWISTD, "lambdadispatch", *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        cwd=ROOT,
        env=clean | variables,
        check=False,
    )
    print(ended.stdout, ended.stderr)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "secret" not in ended.stdout + ended.stderr
    return ended.stderr.splitlines()


@pytest.fixture
def taken() -> Iterator[str]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


@pytest.mark.parametrize("flag", ["port", "admin-port", "control-port", "control-tls-port"])
def test_a_port_that_is_taken(flag: str, taken: str) -> None:
    ports = {"port": "0", "admin-port": "0", "control-port": "0", flag: taken}
    given = [word for name, number in ports.items() for word in (f"--{name}", number)]
    [line] = errors_of(*LOCAL, *given)
    assert f"--{flag} {taken}: cannot listen: " in line
    assert "in use" in line
    assert f"LAMBDA_DISPATCH_{flag.upper().replace('-', '_')}, or 0 for" in line


def test_a_value_that_is_not_allowed() -> None:
    [line] = errors_of(*LOCAL, "--max-instances", "0")
    assert line.startswith("--max-instances: '0' is refused; allowed: ")


def test_every_value_that_is_not_allowed_is_named() -> None:
    lines = errors_of(*LOCAL, "--port", "x", "--queue-timeout", "-1", "extra")
    assert [line.split(" ")[0] for line in sorted(lines)] == [
        "'extra'",
        "--port:",
        "--queue-timeout:",
    ]


def test_a_value_from_the_environment_that_is_not_allowed() -> None:
    [line] = errors_of(*LOCAL, LAMBDA_DISPATCH_MAX_INSTANCES="many")
    assert "LAMBDA_DISPATCH_MAX_INSTANCES" in line
    assert "'many'" in line


def test_no_function_to_invoke() -> None:
    [line] = errors_of(*FREE_PORTS)
    assert line.startswith("--function-name or LAMBDA_DISPATCH_FUNCTION_NAME: nothing given")


def test_no_region() -> None:
    [line] = errors_of(*FUNCTION, **NO_AWS, **KEYS)
    assert line.startswith("lambdadispatch: ")
    assert "AWS_REGION" in line


def test_no_credentials() -> None:
    [line] = errors_of(*FUNCTION, **NO_AWS, AWS_REGION="us-east-1")
    assert line.startswith("lambdadispatch: ")
    assert "credentials" in line
    assert "AWS_ACCESS_KEY_ID" in line


def test_neither_credentials_nor_region() -> None:
    [line] = errors_of(*FUNCTION, **NO_AWS)
    assert line.startswith("lambdadispatch: no AWS ")


def test_an_address_to_call_back_to_that_is_none() -> None:
    ports = (*FREE_PORTS, "--control-port", "0")
    [line] = errors_of(*LOCAL, *ports, K8S_POD_IP="no address")
    assert "K8S_POD_IP" in line
    assert "'no address'" in line
