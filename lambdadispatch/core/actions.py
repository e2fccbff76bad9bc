"""What the core asks for. One loop in the router carries these out; nothing else does."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple, TypeAlias

from lambdadispatch.core.outcomes import RequestOutcome


class Assign(NamedTuple):
    """Send this request through this channel."""

    request: Hashable
    channel: Hashable


class Refuse(NamedTuple):
    """Answer this waiting request without an instance."""

    request: Hashable
    outcome: RequestOutcome


class Invoke(NamedTuple):
    """Start one invocation, which the core calls by this number."""

    start: int


class Retire(NamedTuple):
    """Tell this instance to finish what runs and leave; its idle channels follow as Close."""

    instance: str
    reason: str


class Close(NamedTuple):
    """Close this idle channel: its instance is leaving."""

    channel: Hashable


Action: TypeAlias = Assign | Refuse | Invoke | Retire | Close
