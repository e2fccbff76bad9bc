"""The application as a real child process."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.process import ProcessReader
from twisted.python.failure import Failure

from lambda_side.hosts.child import LAUNCHER, ChildHost
from lambda_side.hosts.host import HostError
from lambda_side.hosts.port import PortHost

LIMIT = 20

SERVER = """
import http.server, os, signal, subprocess, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        if "exit" in sys.argv:
            os._exit(7)
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "family" in sys.argv:
    subprocess.Popen(["sleep", "600"], close_fds=False)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Page).serve_forever()
"""


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


class Child:
    """A ChildHost and what it reports."""

    def __init__(self, *command: str, **variables: str) -> None:
        port = free_port()
        self.exited: Deferred[str] = Deferred()
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        self.host = ChildHost(
            reactor,  # type: ignore[arg-type]
            shlex.join(command),
            port,
            PortHost(reactor, endpoint, port, ready_limit=LIMIT),
            environ={**os.environ, **variables},
            on_exit=self.exited.callback,
            grace=0.5,
        )

    async def start(self) -> None:
        await self.host.start().addTimeout(LIMIT, reactor)

    async def stop(self) -> None:
        await self.host.stop().addTimeout(LIMIT, reactor)


class EndOfPipe:
    """Tells when nobody holds the other end of a pipe any more."""

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()

    def childDataReceived(self, name: int, data: bytes) -> None:
        """twisted.internet.process.ProcessReader."""

    def childConnectionLost(self, name: int, reason: Failure) -> None:
        self.ended.callback(None)


@contextmanager
def held_pipe() -> Iterator[tuple[int, Deferred[None]]]:
    """The end of a pipe for children to inherit, and what fires when the last of them is gone."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    watcher = EndOfPipe()
    reader: FileDescriptor = ProcessReader(reactor, watcher, "pipe", reading)
    try:
        yield writing, watcher.ended
    finally:
        if reader.connected:
            reader.loseConnection()


@pytest_twisted.ensureDeferred
async def test_application_is_started_and_stopped() -> None:
    child = Child(sys.executable, "-c", SERVER)
    await child.start()
    await child.stop()
    assert not child.exited.called


@pytest_twisted.ensureDeferred
async def test_demo_as_a_child() -> None:
    child = Child(sys.executable, "-m", "lambda_side.demo")
    await child.start()
    await child.stop()


@pytest_twisted.ensureDeferred
async def test_exit_code_at_start_is_named() -> None:
    child = Child(sys.executable, "-c", "import sys; sys.exit(3)")
    with pytest.raises(HostError, match="exited with code 3 before it was ready"):
        await child.start()
    await child.stop()


@pytest_twisted.ensureDeferred
async def test_signal_at_start_is_named() -> None:
    child = Child("sh", "-c", "kill -SEGV $$")
    with pytest.raises(HostError, match="was ended by SIGSEGV before it was ready"):
        await child.start()


@pytest_twisted.ensureDeferred
async def test_exit_after_start_is_reported() -> None:
    child = Child(sys.executable, "-c", SERVER, "exit")
    await child.start()
    reason = await child.exited.addTimeout(LIMIT, reactor)
    assert reason == "the application exited with code 7"
    await child.stop()


@pytest_twisted.ensureDeferred
async def test_child_that_ignores_sigterm_is_killed() -> None:
    child = Child(sys.executable, "-c", SERVER, "stubborn")
    await child.start()
    await child.stop()


@pytest_twisted.ensureDeferred
async def test_output_of_the_child_is_ours(capfd: pytest.CaptureFixture[str]) -> None:
    child = Child(
        "sh", "-c", "echo to stdout; echo $GREETING >&2; read line || exit 4", GREETING="hi"
    )
    with pytest.raises(HostError, match="exited with code 4"):
        await child.start()
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("to stdout\n", "hi\n")


@pytest_twisted.ensureDeferred
async def test_what_a_child_started_ends_with_it(tmp_path: object) -> None:
    fifo = os.path.join(str(tmp_path), "held")  # noqa: PTH118
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    watcher = EndOfPipe()
    held = f"import os; os.set_inheritable(os.open({fifo!r}, os.O_WRONLY), True)"
    child = Child(sys.executable, "-c", held + SERVER, "family")
    await child.start()
    ProcessReader(reactor, watcher, "fifo", reading)
    assert not watcher.ended.called
    await child.stop()
    await watcher.ended.addTimeout(LIMIT, reactor)


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
@pytest_twisted.ensureDeferred
async def test_child_dies_with_a_parent_that_is_killed() -> None:
    parent = (
        "import os, subprocess, sys\n"
        f"subprocess.Popen([sys.executable, '-I', '-S', {LAUNCHER!r}, str(os.getpid()),"
        " 'sh', '-c', 'echo started; exec sleep 600'], close_fds=False)\n"
        "sys.stdin.read()\n"
    )
    with held_pipe() as (writing, ended):
        process = subprocess.Popen(
            [sys.executable, "-c", parent],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[writing],
        )
        os.close(writing)
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == b"started\n"
        assert not ended.called
        process.send_signal(signal.SIGKILL)
        process.wait()
        await ended.addTimeout(LIMIT, reactor)
        process.stdout.close()
        process.stdin.close()


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["/no/such/program"], 127, b"/no/such/program: No such file or directory\n"),
        (["/"], 126, b"/: Permission denied\n"),
        (["sh", "-c", "exit 5"], 5, b""),
    ],
)
def test_launcher_codes(command: list[str], code: int, said: bytes) -> None:
    launcher = [sys.executable, "-I", "-S", LAUNCHER, str(os.getpid()), *command]
    done = subprocess.run(launcher, capture_output=True, timeout=LIMIT, check=False)
    assert (done.returncode, done.stderr) == (code, said)


def test_launcher_whose_parent_is_gone() -> None:
    launcher = [sys.executable, "-I", "-S", LAUNCHER, "1", "true"]
    assert subprocess.run(launcher, timeout=LIMIT, check=False).returncode == 125


def run_demo(port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "lambda_side.demo", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_demo_says_where_it_listens_and_a_second_one_cannot() -> None:
    with run_demo(0) as demo:
        try:
            assert demo.stdout is not None
            port = int(demo.stdout.readline().rpartition(":")[2].strip("/\n"))
            with socket.create_connection(("127.0.0.1", port), LIMIT) as client:
                client.sendall(b"GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                answer = client.makefile("rb").read()
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert answer.endswith(b"\r\n\r\npong\n")
            with run_demo(port) as second:
                said = second.communicate(timeout=LIMIT)[1]
            assert second.returncode == 1
            assert f"127.0.0.1:{port}: " in said
        finally:
            demo.terminate()
            demo.communicate(timeout=LIMIT)
    assert demo.returncode == 0
