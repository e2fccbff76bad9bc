"""Running a tool of this package in a process of its own, on one core, that prints JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from bench.compiled import prefix
from bench.errors import BenchError
from bench.pinning import pinned

PATIENCE = 30.0


def ask(core: int, module: str, arguments: Sequence[str], seconds: float = 0.0) -> Any:
    """What ``python -m module`` printed. Raises BenchError when it fails or takes too long.

    ``seconds`` is how long it should take; PATIENCE comes on top. It runs on the compiled build, if
    there is one.
    """
    try:
        ended = subprocess.run(
            [*prefix(compiled=True), *pinned(core, [sys.executable, "-m", module, *arguments])],
            capture_output=True,
            text=True,
            timeout=seconds + PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{module} did not end {PATIENCE:g} s after its time") from None
    if ended.returncode:
        raise BenchError(f"{module} ended with {ended.returncode}:\n{ended.stderr.strip()}")
    return json.loads(ended.stdout)
