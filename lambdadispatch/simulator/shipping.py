"""What of the shipping router is simulated beside its dispatcher: its tick and its settings."""

from __future__ import annotations

TICK = 0.1
"""Seconds between the router's ticks (``lambdadispatch.router.service``)."""

SIMULATED = (
    "max_concurrent_count",
    "channel_count",
    "instance_count_multiplier",
    "scaling_algorithm",
    "max_instances",
    "min_instances",
    "scale_in_delay",
    "start_rate",
    "start_burst",
    "budget_invocations_per_minute",
    "budget_gb_seconds_per_hour",
    "function_memory_mb",
    "queue_timeout",
    "queue_limit",
    "instance_idle",
    "deadline_margin",
    "start_timeout",
    "backoff_first",
    "backoff_most",
)
"""The settings that change what is simulated; all others are about sockets and AWS."""
