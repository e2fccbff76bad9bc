"""Which cores are used, and commands that stay on one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bench.errors import BenchError


class Cores(NamedTuple):
    """``measured`` runs the measured process alone, ``others`` everything else."""

    measured: int
    others: int


def choose_cores(allowed: Iterable[int]) -> Cores:
    """Take the first two. Raises BenchError when there are not two."""
    numbers = sorted(allowed)
    if len(numbers) < 2:
        raise BenchError(
            f"this process may run on {len(numbers)} core; two are needed: one for what is "
            "measured, one for the load"
        )
    return Cores(numbers[0], numbers[1])


def pinned(core: int | str, command: Sequence[str]) -> list[str]:
    """The command, held on one core or on several (``"0,1"``).

    taskset replaces itself by it, so the process id is the command's.
    """
    return ["taskset", "--cpu-list", str(core), *command]
