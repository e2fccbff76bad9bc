"""Counts since start, by kind and by the word things ended with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

OF_A_POOL: Final = (
    "requests",
    "retries",
    "nacks",
    "invocations_started",
    "invocations",
    "channels_opened",
    "channels",
    "sessions",
)
"""What each pool counts by itself. The others belong to the ports, which all pools share."""


class Counts:
    """Every request, channel and invocation that ends is counted once, under its outcome.

    Each pool has its own, and the router as a whole has one for what is of no pool.
    """

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.retries: Counter[str] = Counter()
        self.nacks: Counter[str] = Counter()
        self.refused_heads: Counter[str] = Counter()
        self.refused_connections: Counter[str] = Counter()
        self.channels: Counter[str] = Counter()
        self.channels_opened = 0
        self.sessions: Counter[str] = Counter()
        self.denied: Counter[str] = Counter()
        self.invocations: Counter[str] = Counter()
        self.invocations_started = 0

    def of_pool(self) -> Mapping[str, Any]:
        """For ``/state``: what a pool counts."""
        every = self.as_mapping()
        return {key: every[key] for key in OF_A_POOL}

    def as_mapping(self) -> Mapping[str, Any]:
        """For ``/state``."""
        return {
            "requests": dict(self.requests),
            "retries": dict(self.retries),
            "nacks": dict(self.nacks),
            "refused_heads": dict(self.refused_heads),
            "refused_connections": dict(self.refused_connections),
            "invocations_started": self.invocations_started,
            "invocations": dict(self.invocations),
            "channels_opened": self.channels_opened,
            "channels": dict(self.channels),
            "sessions": dict(self.sessions),
            "denied": dict(self.denied),
        }


def added_up(counts: Iterable[Counts]) -> Mapping[str, Any]:
    """All of them as one, for ``/state``."""
    total: dict[str, Any] = {}
    for each in counts:
        for key, value in each.as_mapping().items():
            if isinstance(value, int):
                total[key] = total.get(key, 0) + value
            else:
                total[key] = dict(Counter(total.get(key)) + Counter(value))
    return total
