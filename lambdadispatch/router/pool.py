"""One pool of a router: its parts, and whether it sleeps (see ``pools``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lambdadispatch.core.outcomes import RequestOutcome
from lambdadispatch.front.request import Request
from lambdadispatch.http11.tunnel import Tunnel
from lambdadispatch.router.counts import Counts
from lambdadispatch.router.fleet import Fleet
from lambdadispatch.router.router import Router


class Pool:
    """One pool under its name. Where it may sleep it is the front's Queue, which wakes it; else
    its router is.
    """

    def __init__(self, name: str, router: Router, fleet: Fleet, counts: Counts) -> None:
        self.name = name
        self.router = router
        self.fleet = fleet
        self.counts = counts
        self.awake = True
        self.on_wake: Callable[[Pool], None] | None = None

    def wake(self) -> None:
        """There is something to do again; who looks after it makes up for missed ticks."""
        if not self.awake:
            self.awake = True
            if self.on_wake is not None:
                self.on_wake(self)

    # -- the front's queue

    def submit(self, request: Request) -> None:
        """A request arrived."""
        if not self.awake:
            self.wake()
        self.router.submit(request)

    def leave(self, request: Request) -> None:
        """A request that waits was cancelled."""
        self.router.leave(request)

    def returned(self, request: Request, *, nacked: bool) -> None:
        """A request was not served and takes its old place."""
        self.router.returned(request, nacked=nacked)

    def tunnelled(self, request: Request, tunnel: Tunnel) -> None:
        """A request that runs has become a tunnel."""
        self.router.tunnelled(request, tunnel)

    def ended(self, request: Request, outcome: RequestOutcome) -> None:
        """A request has ended."""
        self.router.ended(request, outcome)

    def state(self) -> Mapping[str, Any]:
        """What there is now, and counts since start, for ``/state``."""
        return {**self.router.state(), "since_start": self.counts.of_pool()}
