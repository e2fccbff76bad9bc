"""Running a tool of this package in a process of its own, on one core, that prints JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from bench.compiled import prefix
from bench.pinning import pinned
from bench.running import output_of


def ask(core: int, module: str, arguments: Sequence[str], seconds: float = 0.0) -> Any:
    """What ``python -m module`` printed. Raises BenchError when it fails or takes too long.

    ``seconds`` is how long it should take. It runs on the compiled build, if
    there is one.
    """
    command = [*prefix(compiled=True), *pinned(core, [sys.executable, "-m", module, *arguments])]
    return json.loads(output_of(module, command, seconds))
