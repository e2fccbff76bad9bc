"""What bounds a pool."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PoolLimits:
    """What bounds a pool. Times are in seconds.

    ``max_concurrent`` requests an instance, ``multiplier`` as in ``scaling``, ``max_instances``
    open or starting, ``queue_limit`` requests waiting, each for at most ``queue_timeout`` (None for
    either: as ``bounds`` says); an invocation that has not called back and offered a channel after
    ``start_timeout`` is given up. An idle instance may leave if it has not been wanted for
    ``idle_window``; a busy one is drained if fewer have been enough for ``scale_in_delay``.
    ``min_instances`` are there whether or not anything asks for them. ``queue_octets`` may be held
    for those who wait, 0 being no bound. Requests are of so many ``classes``.
    """

    max_concurrent: int
    multiplier: int
    max_instances: int
    queue_limit: int | None
    queue_timeout: float | None
    start_timeout: float
    idle_window: float
    min_instances: int = 0
    scale_in_delay: float = float("inf")
    queue_octets: int = 0
    classes: int = 1
