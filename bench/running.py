"""Running a tool of the bench to its end, for a time that is known."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Final

from bench.errors import BenchError

PATIENCE: Final = 30.0
"""Seconds over its time after which a tool is given up."""


def output_of(name: str, command: Sequence[str], seconds: float) -> str:
    """What ``command`` wrote; it should take so many seconds.

    Raises BenchError, which calls it ``name``, when it fails or takes PATIENCE longer.
    """
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{name} did not end {PATIENCE:g} s after its time") from None
    if ended.returncode:
        said = f"{ended.stdout}{ended.stderr}".strip()
        raise BenchError(f"{name} ended with {ended.returncode}:\n{said}")
    return ended.stdout
