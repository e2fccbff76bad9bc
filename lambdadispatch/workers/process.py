"""One worker process, as its parent sees it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol

from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IProcessTransport, IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from lambdadispatch.local.logs import LineSplitter
from lambdadispatch.router.tls_files import TlsMaterial
from lambdadispatch.workers.orders import DRAIN, HURRY, renewal
from lambdadispatch.workers.reports import Reported, log_line, read_report

COMMAND: Final = ("-m", "lambdadispatch.worker")
_STDIN, _STDOUT, _STDERR, REPORTS = 0, 1, 2, 3
FIRST_SOCKET: Final = 4
"""The descriptor of a worker's first socket; the others follow."""
LONGEST_REPORT: Final = 16 * 1024 * 1024
"""Bytes; longer than any event of a log, which cannot be read in pieces."""


class Keeper(Reported, Protocol):
    """Who is told of a process."""

    def exited(self, how: str, code: int) -> None:
        """It was reaped: how, in words, and its exit code (1 if a signal ended it)."""


class Process(Protocol):
    """A worker that was started; everything is harmless after its end."""

    @property
    def pid(self) -> int | None:
        """Its process id, None when it is gone."""

    def drain(self) -> None:
        """Tell it to finish and end."""

    def hurry(self) -> None:
        """Tell it to end at once."""

    def renew(self, material: TlsMaterial) -> None:
        """Tell it to show these certificates."""

    def kill(self) -> None:
        """End it."""


class WorkerProcess(ProcessProtocol):
    """A process that runs ``COMMAND``; ``share`` is what it is told first."""

    def __init__(self, worker: int, share: bytes, keeper: Keeper) -> None:
        self._keeper = keeper
        self._share = share
        self.pid: int | None = None

        def printed(line: str) -> None:
            log_line(worker, "info", "-", line)

        self._lines = {
            _STDOUT: LineSplitter(printed),
            _STDERR: LineSplitter(printed),
            REPORTS: LineSplitter(
                lambda line: read_report(worker, line, keeper), longest=LONGEST_REPORT
            ),
        }

    def connectionMade(self) -> None:
        """Twisted: it was started."""
        self.pid = self._transport().pid
        self._transport().write(self._share)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Twisted: it has written something."""
        self._lines[childFD].feed(data)

    def childConnectionLost(self, childFD: int) -> None:
        """Twisted: a pipe was closed."""
        if childFD in self._lines:
            self._lines[childFD].finish()

    def processExited(self, reason: Failure) -> None:
        """Twisted: it was reaped; what it has written may still come."""
        self.pid = None

    def processEnded(self, reason: Failure) -> None:
        """Twisted: it was reaped and its pipes are closed."""
        self._keeper.exited(*_how(reason.value))

    def drain(self) -> None:
        """Tell it to finish and end."""
        self._order(DRAIN)

    def hurry(self) -> None:
        """Tell it to end at once."""
        self._order(HURRY)

    def renew(self, material: TlsMaterial) -> None:
        """Tell it to show these certificates."""
        self._order(renewal(material))

    def kill(self) -> None:
        """End it."""
        with suppress(ProcessExitedAlready):
            self._transport().signalProcess("KILL")

    def _order(self, order: bytes) -> None:
        if self.pid is not None:
            self._transport().write(order)

    def _transport(self) -> IProcessTransport:
        assert self.transport is not None, "the process was not started"
        return self.transport


def _how(reason: BaseException | None) -> tuple[str, int]:
    if isinstance(reason, ProcessTerminated):
        if reason.signal is not None:
            return f"was ended by {signal.Signals(reason.signal).name}", 1
        return f"exited with code {reason.exitCode}", reason.exitCode or 1
    return "exited with code 0", 0


def start_process(
    reactor: IReactorProcess,
    worker: int,
    share: bytes,
    sockets: Sequence[int],
    keeper: Keeper,
    environ: Mapping[str, str] | None = None,
) -> Process:
    """Start a worker that inherits ``sockets`` as FIRST_SOCKET and on. OSError if it cannot be."""
    process = WorkerProcess(worker, share, keeper)
    pipes: dict[int, str | int] = {_STDIN: "w", _STDOUT: "r", _STDERR: "r", REPORTS: "r"}
    reactor.spawnProcess(
        process,
        sys.executable,
        [sys.executable, *COMMAND],
        env=dict(os.environ if environ is None else environ),
        childFDs=pipes | dict(enumerate(sockets, FIRST_SOCKET)),
    )
    return process
