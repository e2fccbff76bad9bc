"""The application as a child process that listens on a port.

The child writes to this process's own stdout and stderr (which on Lambda are the function's log),
reads nothing, is told its port in the environment variable PORT, and leads a process group, so
that what it starts is ended with it. How it dies with this process is in ``launcher``.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import (
    IDelayedCall,
    IProcessTransport,
    IReactorProcess,
    IReactorTime,
)
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from lambda_side.hosts.host import HostError, OnEnd, turn_away
from lambda_side.hosts.port import PortHost
from lambdadispatch.http11.server_exchange import ServerExchange

log = Logger()

LAUNCHER: Final = str(Path(__file__).with_name("launcher.py"))


class IChildReactor(IReactorTime, IReactorProcess):
    """What a ChildHost needs of the reactor."""


def split_command(command: str) -> list[str]:
    """The words of a command line. Raises HostError if it is empty, badly quoted or not found."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise HostError(f"command {command!r} cannot be read: {error}") from None
    if not words:
        raise HostError("the command that starts the application is empty")
    if shutil.which(words[0]) is None:
        raise HostError(f"command {words[0]!r} is no program that can be run, nor one on PATH")
    return words


class Child(ProcessProtocol):
    """One child process. ``ended`` is called with how it ended, in words, when it was reaped."""

    transport: IProcessTransport

    def __init__(self, ended: Callable[[str], None]) -> None:
        self._ended = ended
        self._group: int | None = None

    def connectionMade(self) -> None:
        """Twisted: it was started."""
        self._group = self.transport.pid

    def processEnded(self, reason: Failure) -> None:
        """Twisted: it was reaped. What it started and left behind is ended too."""
        self._send_group(signal.SIGKILL)
        self._ended(_how(reason.value))

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the child and to all that it has started."""
        if not self._send_group(number):
            # In its first instants a child does not lead a group yet.
            with contextlib.suppress(ProcessExitedAlready):
                self.transport.signalProcess(number.name.removeprefix("SIG"))

    def _send_group(self, number: signal.Signals) -> bool:
        if self._group is None:
            return False
        try:
            os.killpg(self._group, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def _how(reason: BaseException | None) -> str:
    if isinstance(reason, ProcessTerminated):
        if reason.signal is not None:
            return f"was ended by {signal.Signals(reason.signal).name}"
        return f"exited with code {reason.exitCode}"
    return "exited with code 0"


class ChildHost:
    """Starts ``command`` with PORT=``port`` and hosts what then listens there.

    ``on_exit`` is called with the reason in words if the child ends after it was ready and before
    ``stop``. ``grace`` is the seconds between SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        reactor: IChildReactor,
        command: str,
        port: int,
        port_host: PortHost,
        *,
        environ: Mapping[str, str],
        on_exit: Callable[[str], None],
        grace: float = 2.0,
    ) -> None:
        self._reactor = reactor
        self._command = command
        self._port = port
        self._host = port_host
        self._environ = environ
        self._on_exit = on_exit
        self._grace = grace
        self._child: Child | None = None
        self._readiness: Deferred[None] | None = None
        self._started: Deferred[None] = Deferred(lambda _: self._cancel())
        self._stopped: Deferred[None] | None = None
        self._kill: IDelayedCall | None = None

    def start(self) -> Deferred[None]:
        """Fire when the application takes requests.

        Fails with HostError if the command cannot be run, the child ends, or it is not ready in
        time; it then still has to be stopped.
        """
        try:
            words = split_command(self._command)
        except HostError as error:
            return fail(error)
        child = Child(self._ended)
        try:
            self._spawn(child, words)
        except OSError as error:
            return fail(HostError(f"command {words[0]!r} could not be started: {error}"))
        self._child = child
        readiness = self._readiness = self._host.start()
        readiness.addCallbacks(self._ready, self._not_ready)
        return self._started

    def _spawn(self, child: Child, words: list[str]) -> None:
        launcher = [sys.executable, "-I", "-S", LAUNCHER, str(os.getpid()), *words]
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            self._reactor.spawnProcess(
                child,
                sys.executable,
                launcher,
                env={**self._environ, "PORT": str(self._port)},
                path=None,
                childFDs={0: nothing, 1: 1, 2: 2},
            )
        finally:
            os.close(nothing)

    def _cancel(self) -> None:
        if self._readiness is not None:
            self._readiness.cancel()

    def _ready(self, _: None) -> None:
        self._readiness = None
        self._started.callback(None)

    def _not_ready(self, reason: Failure) -> None:
        self._readiness = None
        if not self._started.called:
            self._started.errback(reason)

    def _ended(self, how: str) -> None:
        self._child = None
        if self._stopped is not None:
            self._reaped()
            return
        reason = f"the application {how}"
        readiness, self._readiness = self._readiness, None
        if readiness is None:
            log.error("{reason}", reason=reason)
            self._on_exit(reason)
            return
        self._started.errback(HostError(f"{reason} before it was ready"))
        readiness.cancel()

    def serve(self, exchange: ServerExchange, on_end: OnEnd) -> None:
        """Answer one exchange, and call ``on_end`` exactly once."""
        if self._child is None:
            turn_away(exchange, on_end, "application_exited")
        else:
            self._host.serve(exchange, on_end)

    def stop(self) -> Deferred[None]:
        """SIGTERM, and SIGKILL after the grace; fires when the child was reaped."""
        if self._stopped is None:
            self._stopped = Deferred()
            self._cancel()
            self._host.stop()
            if self._child is None:
                self._reaped()
            else:
                self._child.send(signal.SIGTERM)
                self._kill = self._reactor.callLater(self._grace, self._child.send, signal.SIGKILL)
        return self._stopped

    def _reaped(self) -> None:
        if self._kill is not None and self._kill.active():
            self._kill.cancel()
        if self._stopped is not None:
            self._stopped.callback(None)
