"""Counts since start, by kind and by the word things ended with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping


class Counts:
    """Every request, channel and invocation that ends is counted once, under its outcome."""

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

    def as_mapping(self) -> Mapping[str, object]:
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
