"""Child processes that are ended whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.errors import BenchError
from bench.pinning import pinned

GRACE = 10.0
"""Seconds to end after SIGTERM."""
TAIL = 2000
"""Characters of a log that are shown."""


class Child:
    """One process, which leads a process group of its own, and its log."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._log = log

    def log_tail(self) -> str:
        """The last of what it wrote."""
        return self._log.read_text(errors="replace")[-TAIL:].strip()

    def check(self) -> None:
        """Raise BenchError with its last words when it has ended."""
        code = self._process.poll()
        if code is not None:
            raise BenchError(f"{self.name} ended with {code}:\n{self.log_tail()}")

    def terminate(self) -> None:
        """Ask it to end."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def end(self, give_up: float) -> None:
        """Wait for its end until that time (monotonic), then kill what is left of its group."""
        try:
            self._process.wait(max(0.0, give_up - time.monotonic()))
        except subprocess.TimeoutExpired:
            print(f"{self.name} did not end and is killed", flush=True)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()


class Children:
    """Starts processes; as a context manager it ends them all, the last one first."""

    def __init__(self, directory: Path, environ: Mapping[str, str]) -> None:
        self._directory = directory
        self._environ = environ
        self._children: list[Child] = []
        self._started = 0

    def start(self, name: str, core: int | str, command: Sequence[str]) -> Child:
        """Start a command on one core, or on several (``"0,1"``); its output goes to a file."""
        self._started += 1
        log = self._directory / f"{name}-{self._started}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                pinned(core, command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environ,
                start_new_session=True,
            )
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def __enter__(self) -> Self:
        """Nothing runs yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End them all."""
        self.end_all()

    def end_all(self) -> None:
        """End them all: the router first, so that it can drain while the rest still answers."""
        give_up = time.monotonic() + GRACE
        while self._children:
            child = self._children[-1]
            child.terminate()
            child.end(give_up)
            self._children.pop()
