"""The invocations that are open: what was started, and what called back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from lambdadispatch.control.channel import Channel
from lambdadispatch.control.claims import Claim
from lambdadispatch.control.session import Session

CLAIM_SECONDS: Final = 960.0
"""How long an invocation may call back: more than the 900 s that AWS lets one run."""


@dataclass(eq=False)
class Invocation:
    """One Invoke call and the instance it became. ``start`` is the core's number for it."""

    start: int
    name: str
    claim: Claim
    since: float
    session: Session | None = None
    environment: str = ""
    channels: set[Channel] = field(default_factory=set)

    @property
    def instance(self) -> str:
        """The instance's name."""
        return self.claim.instance


class Invocations:
    """All open invocations of ``pool`` by the name of their instance.

    ``token`` gives a few random hexadecimal digits: names must not repeat when a router restarts
    while instances of the last one still try to call back.
    """

    def __init__(self, token: Callable[[], str], pool: str = "") -> None:
        self._token = token
        self._pool = pool
        self._by_instance: dict[str, Invocation] = {}

    def __len__(self) -> int:
        return len(self._by_instance)

    def __iter__(self) -> Iterator[Invocation]:
        return iter(tuple(self._by_instance.values()))

    def add(self, start: int, channels_allowed: int, now: float) -> Invocation:
        """A new invocation, with names and a claim."""
        mark = f"{start}-{self._token()}"
        expires = now + CLAIM_SECONDS
        claim = Claim(f"i{mark}", channels_allowed, expires=expires, pool=self._pool)
        invocation = Invocation(start, f"v{mark}", claim, now)
        self._by_instance[claim.instance] = invocation
        return invocation

    def get(self, instance: str) -> Invocation | None:
        """The invocation of this instance, while it is open."""
        return self._by_instance.get(instance)

    def remove(self, invocation: Invocation) -> None:
        """It has ended."""
        self._by_instance.pop(invocation.instance, None)
