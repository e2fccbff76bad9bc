"""Where requests go that no route takes: nowhere. They are told so, counted and logged."""

from __future__ import annotations

from lambdadispatch.core.outcomes import RequestOutcome
from lambdadispatch.front.request import Request
from lambdadispatch.http11.tunnel import Tunnel
from lambdadispatch.router.access_log import log_request
from lambdadispatch.router.counts import Counts


class Unrouted:
    """A front's Queue in which nobody waits and nothing is invoked."""

    def __init__(self, counts: Counts, *, access_log: bool) -> None:
        self._counts = counts
        self._access_log = access_log

    def submit(self, request: Request) -> None:
        """A request arrived that is for no pool."""
        request.refuse(RequestOutcome.UNKNOWN_ROUTE, 0)

    def ended(self, request: Request, outcome: RequestOutcome) -> None:
        """It has been told."""
        self._counts.requests[outcome] += 1
        if self._access_log:
            log_request(request, outcome, None, None)

    def leave(self, request: Request) -> None:
        """Nobody waits here."""
        raise AssertionError("a request without a route was parked")

    def tunnelled(self, request: Request, tunnel: Tunnel) -> None:
        """Nobody ran."""
        raise AssertionError("a request without a route was assigned")

    def returned(self, request: Request, *, nacked: bool) -> None:
        """Nobody ran."""
        raise AssertionError("a request without a route was assigned")
