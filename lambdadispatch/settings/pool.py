"""The dispatcher of a pool as the settings ask for it: the router's and the simulator's alike."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

from lambdadispatch.core.breaker import Breaker
from lambdadispatch.core.bucket import TokenBucket
from lambdadispatch.core.budget import Budget
from lambdadispatch.core.dispatcher import Dispatcher
from lambdadispatch.core.limits import PoolLimits
from lambdadispatch.core.scaling import ALGORITHMS
from lambdadispatch.core.starts import StartGate
from lambdadispatch.settings.kinds import classes_of
from lambdadispatch.settings.model import Settings

MB_PER_GB: Final = 1024


def dispatcher_from(
    settings: Settings,
    random: Callable[[], float],
    octets: Callable[[Hashable], int] | None = None,
) -> Dispatcher:
    """``random`` gives numbers in [0, 1); ``octets`` what is held for a request that waits."""
    gate = StartGate(
        settings.backoff_first,
        settings.backoff_most,
        random,
        bucket=TokenBucket(settings.start_rate, settings.start_burst),
        breaker=Breaker(),
        budget=_budget(settings),
    )
    algorithm = ALGORITHMS[settings.scaling_algorithm]
    counted = octets if settings.queue_bytes_limit else None
    return Dispatcher(_limits(settings), algorithm, gate, counted)


def _limits(settings: Settings) -> PoolLimits:
    return PoolLimits(
        max_concurrent=settings.max_concurrent_count,
        multiplier=settings.instance_count_multiplier,
        max_instances=settings.max_instances,
        queue_limit=settings.queue_limit,
        queue_timeout=settings.queue_timeout,
        start_timeout=settings.start_timeout,
        idle_window=settings.instance_idle,
        min_instances=settings.min_instances,
        scale_in_delay=settings.scale_in_delay,
        queue_octets=settings.queue_bytes_limit,
        classes=len(classes_of(settings.priority_classes)) if settings.priority_header else 1,
    )


def _budget(settings: Settings) -> Budget | None:
    invocations = settings.budget_invocations_per_minute
    gb_seconds = settings.budget_gb_seconds_per_hour
    if invocations is None and gb_seconds is None:
        return None
    return Budget(invocations, gb_seconds, (settings.function_memory_mb or 0) / MB_PER_GB)
