"""The real thing: ``twistd lambdadispatch`` as a process, with whatever it starts.

Every process of a router carries a mark of its own in its environment, so that none can be left
behind unseen, whatever session or group it has put itself into.
"""

import ast
import http.client
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tests.process.local_rig import alive, kill_quietly

ROOT = Path(__file__).parents[2]
TWISTD = (str(Path(sys.executable).with_name("twistd")), "--nodaemon", "--pidfile=")
LAMBDA_SIDE = (sys.executable, "-m", "lambda_side")
DEMO = shlex.join([*LAMBDA_SIDE, "--app", "lambda_side.demo:resource"])
FREE_PORTS = ("--port", "0", "--admin-port", "0")
CLEAR = ("--control-port", "0")

LIMIT = 30.0
"""Seconds that anything that is waited for may take."""
GONE_LIMIT = 5.0
"""Seconds that processes may take to be gone after the router is."""
STEP = 0.02
MARK = "ROUTER_TEST_MARK"
BROKEN = (
    "Traceback (most recent",
    "Unhandled Error",
    "Unhandled error in",
    "a regular task failed",
)
"""What no log may hold."""


class Answer(NamedTuple):
    """A whole response; status 0 if the connection was cut before it was."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def value(self) -> Any:
        return json.loads(self.body)


CUT = Answer(0, b"", {})


def ask(port: int, path: str, method: str = "GET", body: bytes | None = None) -> Answer:
    """One request on a connection of its own; fails if no connection can be had."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    connection.connect()
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return Answer(response.status, response.read(), dict(response.getheaders()))
    except (http.client.HTTPException, ConnectionError):
        return CUT
    finally:
        connection.close()


def until(condition: Callable[[], bool], what: str, limit: float = LIMIT) -> None:
    """Wait until a fact about other processes holds."""
    give_up = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < give_up, f"did not come about in {limit} s: {what}"
        time.sleep(STEP)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def command_line(pid: int) -> list[str]:
    """The words of a process's command; none if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def marked(mark: str) -> list[int]:
    """All live processes that carry a mark."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            variables = entry.name.isdecimal() and (entry / "environ").read_bytes()
        except OSError:
            continue
        if variables and wanted in variables.split(b"\0") and alive(int(entry.name)):
            found.append(int(entry.name))
    return found


class RunningRouter:
    """One router, its log and its ports."""

    def __init__(
        self,
        arguments: Sequence[str],
        variables: Mapping[str, str],
        directory: Path,
        command: Sequence[str],
    ) -> None:
        self.mark = uuid.uuid4().hex
        self._log = directory / "log"
        self._errors = directory / "errors"
        with self._log.open("wb") as log, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*command, "lambdadispatch", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=errors,
                cwd=ROOT,
                env={**variables, MARK: self.mark},
                start_new_session=True,
            )
        self.ports: dict[str, int] = {}

    # -- what it writes

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    @property
    def errors(self) -> str:
        """What it wrote on standard error."""
        return self._errors.read_text("utf-8", "replace")

    def find(self, pattern: str) -> list[re.Match[str]]:
        return list(re.finditer(pattern, self.log))

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first place in the log where it stands."""
        until(
            lambda: bool(self.find(pattern)) or self.process.poll() is not None,
            f"{pattern!r} in the log",
        )
        found = self.find(pattern)
        assert found, f"it ended with {self.process.poll()} and never wrote {pattern!r}"
        return found[0]

    def listening(self) -> None:
        """Wait for its ports."""
        self.ports = ast.literal_eval(self.wait_for(r"listening: (\{.*\})")[1])

    def ready(self) -> None:
        """Wait until it has served itself an instance."""
        self.listening()
        self.wait_for("ready, try: curl http://localhost:")

    # -- asking it

    @property
    def port(self) -> int:
        return self.ports["port"]

    def get(self, path: str) -> Answer:
        return ask(self.port, path)

    def state(self) -> Any:
        return ask(self.ports["admin-port"], "/state").value

    def pool(self) -> Any:
        """The state of the one pool."""
        [pool] = self.state()["pools"].values()
        return pool

    def started_invocations(self) -> int:
        return int(self.state()["since_start"]["invocations_started"])

    # -- its processes

    def others(self) -> list[int]:
        """Every live process but the router itself."""
        return [pid for pid in marked(self.mark) if pid != self.process.pid]

    def environments(self) -> list[int]:
        """The processes of the Lambda side, the launcher of each left out."""
        words = [*LAMBDA_SIDE[1:], "--app"]
        return [pid for pid in self.others() if command_line(pid)[1:4] == words]

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, limit: float = LIMIT) -> int:
        """The exit code."""
        return self.process.wait(timeout=limit)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal to the router alone; the exit code."""
        self.send(number)
        return self.wait()

    def check_nothing_left(self) -> None:
        until(lambda: not self.others(), f"no process left, not {self._names()}", GONE_LIMIT)

    def _names(self) -> list[str]:
        return [shlex.join(command_line(pid)) for pid in self.others()]

    def end(self) -> None:
        """Leave nothing behind, by any means."""
        for pid in marked(self.mark):
            kill_quietly(pid, signal.SIGKILL)
        self.process.wait(timeout=LIMIT)


@contextmanager
def launched(
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    command: Sequence[str] = TWISTD,
) -> Iterator[RunningRouter]:
    """Run a router with these arguments; fails if it leaves a process or an unexpected error."""
    inherited = dict(os.environ) | {"PYTHONUNBUFFERED": "1"}
    with TemporaryDirectory() as directory:
        router = RunningRouter(
            arguments, inherited if variables is None else variables, Path(directory), command
        )
        try:
            yield router
            if router.process.poll() is None:
                assert router.stop() == 0
            router.check_nothing_left()
            assert not [word for word in BROKEN if word in router.log + router.errors]
        except BaseException:
            print(f"{router.log}\n-- standard error:\n{router.errors}")
            raise
        finally:
            router.end()


@contextmanager
def serving(
    *options: str, app: str = DEMO, control: Sequence[str] = CLEAR
) -> Iterator[RunningRouter]:
    """A router with the local Lambda that is ready to serve ``app``."""
    with launched("--local", app, *FREE_PORTS, *control, *options) as router:
        router.ready()
        yield router
