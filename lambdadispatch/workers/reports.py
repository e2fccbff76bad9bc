"""What a worker tells its parent: lines of JSON, each a list whose first item says what it is.

| line | meaning |
|---|---|
| ``["log", level, namespace, text]`` | an event of the worker's log |
| ``["up"]`` | invocations can be started |
| ``["alive"]`` | its loop turns; said every beat (see ``liveness``) |
| ``["ready"]`` | it has an instance, where there is a local Lambda; else it comes with ``up`` |
| ``["failed", text]`` | why it cannot start; it ends next |

Each event of a log passes the parent, which writes one log of all workers in order. A worker waits
when the pipe is full, as any process whose log is not taken. Rejected: a log file each (what
happened at one time is then in N files), and inheriting standard output (twistd may log
to a file, which only the parent rotates).
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any, Protocol, TextIO

from twisted.internet.interfaces import IReactorTime
from twisted.logger import (
    ILogObserver,
    InvalidLogLevelError,
    LogEvent,
    Logger,
    LogLevel,
    eventAsText,
)
from zope.interface import implementer

from lambdadispatch.router.ticker import Ticker

LOG, UP, READY, ALIVE, FAILED = "log", "up", "ready", "alive", "failed"


@implementer(ILogObserver)
class Reports:
    """The worker's end; ``stream`` is a text file to the parent.

    That the parent is gone is noticed on the other pipe, so a report that cannot be written is
    dropped.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, event: LogEvent) -> None:
        """Pass on an event of the log."""
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        if text:
            level = event.get("log_level", LogLevel.info).name
            self._write(LOG, level, event.get("log_namespace", "-"), text)

    def up(self) -> None:
        """Invocations can be started."""
        self._write(UP)

    def ready(self) -> None:
        """It would serve."""
        self._write(READY)

    def alive(self) -> None:
        """Its loop turns."""
        self._write(ALIVE)

    def failed(self, reason: str) -> None:
        """It cannot start."""
        self._write(FAILED, reason)

    def _write(self, *report: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(json.dumps(report) + "\n")
            self._stream.flush()


def beats(clock: IReactorTime, beat: float, reports: Reports) -> Ticker:
    """Reports every ``beat`` seconds that the loop turns, also late: that it turns at last is all
    that a worker with too much to do can say in time.
    """
    return Ticker(clock, beat, reports.alive, late=math.inf)


class Reported(Protocol):
    """Who is told on the parent's side."""

    def came_up(self) -> None:
        """The worker is up."""

    def became_ready(self) -> None:
        """The worker is ready."""

    def was_alive(self) -> None:
        """The worker's loop turns."""

    def failed(self, reason: str) -> None:
        """The worker told why it cannot start."""


def read_report(worker: int, line: str, reported: Reported) -> None:
    """Obey one line. What is no report is something that was printed, and is logged as it is."""
    report = _parsed(line)
    if report[0] == LOG:
        log_line(worker, *report[1:])
    elif report[0] == UP:
        reported.came_up()
    elif report[0] == READY:
        reported.became_ready()
    elif report[0] == ALIVE:
        reported.was_alive()
    else:
        reported.failed(report[1])


def log_line(worker: int, level: str, namespace: str, text: str) -> None:
    """Write a worker's line to the parent's log, under its own level and namespace."""
    _logger(namespace).emit(_level(level), "worker {worker}: {text}", worker=worker, text=text)


_LENGTHS = {LOG: 4, UP: 1, READY: 1, ALIVE: 1, FAILED: 2}


def _parsed(line: str) -> list[str]:
    try:
        report: Any = json.loads(line)
    except ValueError:
        report = None
    known = isinstance(report, list) and all(isinstance(each, str) for each in report)
    if known and report and _LENGTHS.get(report[0]) == len(report):
        return list(report)
    return [LOG, "info", "-", line]


def _level(name: str) -> Any:
    try:
        return LogLevel.levelWithName(name)
    except InvalidLogLevelError:
        return LogLevel.info


_loggers: dict[str, Logger] = {}


def _logger(namespace: str) -> Logger:
    if namespace not in _loggers:
        _loggers[namespace] = Logger(namespace=namespace)
    return _loggers[namespace]
