"""The dispatcher that ships, made from settings: the one place that builds the core."""

from __future__ import annotations

from collections.abc import Callable

from lambdadispatch.core.dispatcher import Dispatcher, PoolLimits
from lambdadispatch.core.scaling import ALGORITHMS
from lambdadispatch.core.starts import StartGate
from lambdadispatch.settings import Settings

TICK = 0.1
"""Seconds between the router's ticks (``lambdadispatch.router.service``)."""

SIMULATED = (
    "max_concurrent_count",
    "channel_count",
    "instance_count_multiplier",
    "scaling_algorithm",
    "max_instances",
    "queue_timeout",
    "queue_limit",
    "instance_idle",
    "deadline_margin",
    "start_timeout",
    "backoff_first",
    "backoff_most",
)
"""The settings that change what is simulated; all others are about sockets and AWS."""


def dispatcher_from(settings: Settings, random: Callable[[], float]) -> Dispatcher:
    """Build the same dispatcher that ``lambdadispatch.router.compose`` builds."""
    limits = PoolLimits(
        max_concurrent=settings.max_concurrent_count,
        multiplier=settings.instance_count_multiplier,
        max_instances=settings.max_instances,
        queue_limit=settings.queue_limit,
        queue_timeout=settings.queue_timeout,
        start_timeout=settings.start_timeout,
        idle_window=settings.instance_idle,
    )
    gate = StartGate(settings.backoff_first, settings.backoff_most, random)
    return Dispatcher(limits, ALGORITHMS[settings.scaling_algorithm], gate)
