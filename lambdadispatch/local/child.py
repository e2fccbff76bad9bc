"""One child process: its start, its output by lines, its signals and its end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from twisted.internet.error import ProcessTerminated
from twisted.internet.interfaces import IProcessTransport, IReactorProcess, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from lambdadispatch.local.logs import LineSplitter
from lambdadispatch.local.results import ExitStatus

_LAUNCHER = str(Path(__file__).with_name("launcher.py"))
_STDIN, _STDOUT, _STDERR, _STATUS = 0, 1, 2, 3
_PIPES_AFTER_EXIT = 1.0  # seconds a stranger may hold our pipes open after the child's end


class ChildListener(Protocol):
    """Whoever started a child."""

    def line_received(self, line: str) -> None:
        """The process wrote a line to stdout or stderr."""

    def start_failed(self, reason: str) -> None:
        """The command could not be run; ``exited`` follows."""

    def exited(self, status: ExitStatus) -> None:
        """The process is gone, reaped, and all its output was passed on."""


class Child(Protocol):
    """A running process and all of its group. Every method is harmless after its end."""

    def freeze(self) -> None:
        """Stop it where it stands."""

    def thaw(self) -> None:
        """Let it run on."""

    def terminate(self) -> None:
        """Ask it to end, frozen or not."""

    def kill(self) -> None:
        """End it."""


class ProcessReactor(IReactorProcess, IReactorTime):
    """What a child needs of a reactor."""


class ChildProcess(ProcessProtocol):
    """A child started through the launcher, in a session and process group of its own."""

    def __init__(self, listener: ChildListener, reactor: IReactorTime) -> None:
        self._listener = listener
        self._reactor = reactor
        self._pid: int | None = None
        self._refusal = b""
        self._lines = {
            _STDOUT: LineSplitter(listener.line_received),
            _STDERR: LineSplitter(listener.line_received),
        }

    def connectionMade(self) -> None:
        """Note the process id; an environment reads end of file on stdin."""
        transport = self._transport()
        self._pid = transport.pid
        transport.closeStdin()

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Output, or the launcher's word that the command cannot run."""
        if childFD == _STATUS:
            self._refusal += data
        else:
            self._lines[childFD].feed(data)

    def childConnectionLost(self, childFD: int) -> None:
        """One stream ended."""
        if childFD in self._lines:
            self._lines[childFD].finish()
        elif childFD == _STATUS and self._refusal:
            self._listener.start_failed(self._refusal.decode("utf-8", "replace"))

    def processExited(self, reason: Failure) -> None:
        """The leader is gone: take the rest of its group along, then wait for the pipes."""
        pid, self._pid = self._pid, None
        if pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self._closing = self._reactor.callLater(_PIPES_AFTER_EXIT, self._transport().loseConnection)

    def processEnded(self, reason: Failure) -> None:
        """Reaped, and every pipe closed."""
        if self._closing.active():
            self._closing.cancel()
        error = reason.value
        if isinstance(error, ProcessTerminated):
            self._listener.exited(ExitStatus(error.exitCode, error.signal))
        else:
            self._listener.exited(ExitStatus(0))

    def freeze(self) -> None:
        """SIGSTOP to the group: no process can catch or ignore it."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT to the group."""
        self._send(signal.SIGCONT)

    def terminate(self) -> None:
        """SIGTERM, then SIGCONT, so that a frozen process wakes to find the order there."""
        self._send(signal.SIGTERM)
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL to the group; works on a frozen one too."""
        self._send(signal.SIGKILL)

    def _transport(self) -> IProcessTransport:
        assert self.transport is not None, "the process was not started"
        return self.transport

    def _send(self, number: signal.Signals) -> None:
        if self._pid is None:
            return
        try:
            os.killpg(self._pid, number)
        except ProcessLookupError:
            # The launcher has not come to setsid yet. The id is still ours: nobody reaped it.
            with suppress(ProcessLookupError):
                os.kill(self._pid, number)


def start_child(
    reactor: ProcessReactor,
    listener: ChildListener,
    command: Sequence[str],
    variables: Mapping[str, str],
    directory: str | None,
) -> Child:
    """Start a command in ``directory`` with exactly these environment variables.

    Raises OSError when no process can be made at all; a command that is not there or not
    executable is told through ``start_failed``.
    """
    child = ChildProcess(listener, reactor)
    launcher = [sys.executable, "-I", "-S", _LAUNCHER, str(os.getpid()), directory or "."]
    reactor.spawnProcess(
        child,
        sys.executable,
        [*launcher, "--", *command],
        env=dict(variables),
        childFDs={_STDIN: "w", _STDOUT: "r", _STDERR: "r", _STATUS: "r"},
    )
    return child
