"""What the local Lambda is told about one function."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def split_command(command: str | Sequence[str]) -> tuple[str, ...]:
    """Return a command as its words; a string is split by shell quoting rules.

    Raises ValueError when nothing is left or a quote is not closed. No shell is run.
    """
    try:
        words = tuple(shlex.split(command)) if isinstance(command, str) else tuple(command)
    except ValueError as error:
        raise ValueError(f"command {command!r} cannot be split into words: {error}") from error
    if not words or not words[0]:
        raise ValueError(f"command {command!r} is empty; give a program and its arguments")
    return words


@dataclass(frozen=True, slots=True)
class LocalFunction:
    """One function: its name, the program of an environment, and its limits.

    ``timeout`` is in seconds and holds for one invocation and, separately, for the start of an
    environment. ``concurrency`` is how many invocations may run at once (0 throttles all, as a
    reserved concurrency of 0 does on AWS). ``environment`` is added to the variables of the
    process. ``directory`` is where it runs (default: where the service runs). ``handler`` is
    what ``_HANDLER`` says (default: the last word of the command, as AWS's emulator has it).
    """

    name: str
    command: tuple[str, ...]
    timeout: float = 900.0
    memory_mb: int = 1024
    concurrency: int = 1000
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str | None = None
    handler: str | None = None

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(
                f"function name {self.name!r} must be 1 to 64 letters, digits, hyphens or "
                "underscores"
            )
        if isinstance(self.command, str) or not self.command:
            raise ValueError(
                f"command {self.command!r} must be a tuple of words; split_command makes one"
            )
        if not self.timeout > 0:
            raise ValueError(f"timeout {self.timeout!r} must be more than 0 seconds")
        if self.memory_mb < 1:
            raise ValueError(f"memory_mb {self.memory_mb!r} must be at least 1")
        if self.concurrency < 0:
            raise ValueError(f"concurrency {self.concurrency!r} must be 0 or more")
