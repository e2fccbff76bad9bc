"""The choice of the transport, and libuv's, in processes of their own, whose reactor differs."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.process.router import (
    CLEAR,
    DEMO,
    FREE_PORTS,
    LAMBDA_SIDE,
    ROOT,
    TWISTD,
    RunningRouter,
    launched,
)

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed"
)

LIMIT = 120.0
"""Seconds that a whole suite may take."""
LEAST_OWN_TESTS = 205
LEAST_HOST_TESTS = 150
HOSTS = sorted(
    f"tests.adapters.{file.stem}" for file in Path(ROOT, "tests", "adapters").glob("test_hosts*.py")
)

EARLY = """
from lambdadispatch.transports.choose import install, loop_of
install("uvloop")
from twisted.internet import reactor, protocol
from lambdadispatch.transports.endpoints import client_endpoint, server_endpoint

class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)

class Asking(protocol.Protocol):
    def connectionMade(self):
        self.transport.write(b"before it ran")
    def dataReceived(self, data):
        print("heard", data.decode(), flush=True)
        reactor.stop()

ports = []
server_endpoint(reactor, 0, "127.0.0.1").listen(
    protocol.Factory.forProtocol(Echo)).addCallback(ports.append)
number = ports[0].getHost().port
print("ran", loop_of(reactor).is_running(), flush=True)
client_endpoint(reactor, "127.0.0.1", number, 10).connect(
    protocol.Factory.forProtocol(Asking))
reactor.run()
"""


def run(
    *command: str, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def passed(*modules: str) -> int:
    """How many tests of these modules pass on libuv's transports; all have to."""
    done = run(sys.executable, "-m", "tests.libuv", "--reporter=summary", *modules)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"Ran (\d+) tests", done.stdout)
    assert found, done.stdout
    return int(found[1])


def uses_uvloop(pid: int) -> bool:
    return "uvloop" in Path(f"/proc/{pid}/maps").read_text()


@contextmanager
def on_transport(name: str) -> Iterator[RunningRouter]:
    """A router that is ready, and its Lambda side, both on this transport."""
    app = f"{DEMO} --transport {name}"
    with launched("--local", app, *FREE_PORTS, *CLEAR, "--transport", name) as router:
        router.ready()
        yield router


@pytest.fixture
def without_uvloop(tmp_path: Path) -> dict[str, str]:
    """The variables of a process that cannot import uvloop."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['uvloop'] = None\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def test_its_own_tests_pass() -> None:
    assert passed("tests.libuv") >= LEAST_OWN_TESTS


def test_the_hosts_tests_pass_on_it() -> None:
    assert passed(*HOSTS) >= LEAST_HOST_TESTS


def test_ports_and_attempts_from_before_the_loop_runs() -> None:
    done = run(sys.executable, "-c", EARLY)
    assert (done.stdout, done.stderr) == ("ran False\nheard before it ran\n", "")
    assert done.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_the_router_in_order(number: signal.Signals) -> None:
    with on_transport("uvloop") as router:
        assert uses_uvloop(router.process.pid)
        assert [uses_uvloop(pid) for pid in router.environments()] == [True]
        assert router.get("/").status == 200
        assert router.stop(number) == 0
        assert f"received {number.name}" in router.log


def test_end_of_an_environment_is_noticed() -> None:
    with on_transport("uvloop") as router:
        [first] = router.environments()
        os.kill(first, signal.SIGKILL)
        router.wait_for("ended: signal: killed")
        assert router.get("/").status == 200
        assert first not in router.environments()


def test_twisted_instead_of_it() -> None:
    with on_transport("twisted") as router:
        assert not uses_uvloop(router.process.pid)
        assert [uses_uvloop(pid) for pid in router.environments()] == [False]
        assert router.get("/").status == 200


def test_auto_without_uvloop_takes_twisted(without_uvloop: dict[str, str]) -> None:
    arguments = ("--local", DEMO, *FREE_PORTS, *CLEAR, "--transport", "auto")
    with launched(*arguments, variables=without_uvloop) as router:
        router.ready()
        assert not uses_uvloop(router.process.pid)
        assert router.get("/").status == 200


def test_router_says_that_uvloop_is_missing(without_uvloop: dict[str, str]) -> None:
    done = run(
        *TWISTD,
        "lambdadispatch",
        "--local",
        DEMO,
        "--transport",
        "uvloop",
        variables=without_uvloop,
    )
    assert done.returncode == 1
    assert "--transport: 'uvloop' is refused: uvloop cannot be imported" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_lambda_side_says_that_uvloop_is_missing(without_uvloop: dict[str, str]) -> None:
    done = run(
        *LAMBDA_SIDE, "--app", "lambda_side.demo:resource", "--transport", "uvloop",
        variables=without_uvloop,
    )  # fmt: skip
    assert done.returncode == 1
    assert "--transport uvloop: uvloop cannot be imported" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_reactor_was_chosen_before() -> None:
    done = run(
        *TWISTD, "--reactor", "select", "lambdadispatch", "--local", DEMO, "--transport", "uvloop"
    )
    assert done.returncode == 1
    assert "another reactor was chosen already" in done.stderr
