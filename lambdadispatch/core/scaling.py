"""How many instances a pool should have: plain functions of what runs and what waits."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Final, TypeAlias

Scaling: TypeAlias = Callable[[int, int, int, int], int]
"""(max_concurrent, multiplier, pending, running) -> instances."""


def simple(max_concurrent: int, multiplier: int, pending: int, running: int) -> int:
    """Enough for what runs, half of what waits, and a fifth to spare.

    ``max_concurrent`` is how many requests an instance may run at once, ``multiplier`` how many
    times fewer it should run on average. What waits counts half, because most of it will be taken
    by slots that free up before a new instance has started.
    """
    if not pending and not running:
        return 0
    target = -(-max_concurrent // multiplier)
    wanted = running / target + pending / max_concurrent / 2
    return max(ceil(wanted), ceil(wanted * 1.2))


ALGORITHMS: Final[dict[str, Scaling]] = {"simple": simple}
