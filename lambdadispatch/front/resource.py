"""The front's one Resource: a request is relayed by the channel that takes it, at once or later."""

from __future__ import annotations

from typing import Final, cast
from typing import Protocol as Interface

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from lambdadispatch.core.outcomes import STATUS, RequestOutcome
from lambdadispatch.front.answers import answer_reason
from lambdadispatch.front.forwarding import Forwarding
from lambdadispatch.front.priority import Priorities
from lambdadispatch.front.relay import FrontRelay
from lambdadispatch.front.request import Refused, Request
from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.http11.outcomes import RelayOutcome, client_loss
from lambdadispatch.http11.resource import ResourceRequest
from lambdadispatch.http11.tunnel import Tunnel

OUTCOMES: Final = {outcome: RequestOutcome(outcome.value) for outcome in RelayOutcome}
"""What a relay's outcome is called as a request's."""


class Queue(Interface):
    """Where requests wait."""

    def submit(self, request: Request) -> None:
        """A request arrived: ``assign`` or ``refuse`` it, at once or later."""

    def leave(self, request: Request) -> None:
        """A request that waits was cancelled."""

    def returned(self, request: Request, *, nacked: bool) -> None:
        """A request was not served and takes its old place; ``nacked``: it was not touched."""

    def tunnelled(self, request: Request, tunnel: Tunnel) -> None:
        """A request that runs has become a tunnel."""

    def ended(self, request: Request, outcome: RequestOutcome) -> None:
        """A request has ended."""


class FrontResource(Resource):
    """Takes every path; ``health_path``, if set, is answered by the router itself. ``forwarding``
    has what is added to requests and answers.

    A request whose channel is lost is sent again at most ``retry_limit`` times. ``priorities``
    tells the classes of requests, where there are any.
    """

    isLeaf = True

    def __init__(
        self,
        queue: Queue,
        forwarding: Forwarding,
        health_path: str | None = None,
        retry_limit: int = 0,
        priorities: Priorities | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._queue = queue
        self._forwarding = forwarding
        self.retry_limit = retry_limit
        self._priorities = priorities
        self._health_path = health_path.encode() if health_path else None

    def render(self, request: ResourceRequest) -> bytes | int:
        """Have the request relayed by the channel that takes it; park it until there is one."""
        exchange = request.exchange
        self._forwarding.arrived(exchange)
        if self._health_path is not None and request.path == self._health_path:
            return b"ok\n"
        if request.head.fields.upgrade and exchange.upgrades:
            # Whatever is answered but 101: a proxy before this one may have taken the request
            # alone for the end of HTTP, and pass on what its client writes from now on.
            exchange.close_after()
        submitted = Request(exchange, self)
        if self._priorities is not None:
            submitted.rank = self._priorities.rank(request.head)
        self._queue.submit(submitted)
        if not submitted.decided:
            self._park(submitted)
        return NOT_DONE_YET

    def _park(self, request: Request) -> None:
        parked: Deferred[ClientConnection] = Deferred(lambda _: self._queue.leave(request))
        request.parked = parked
        request.exchange.on_lost = lambda reason: self._left(request, reason)
        parked.addCallbacks(
            lambda channel: self.assigned(request, channel),
            lambda failure: self._failed(request, failure),
        )

    # -- Receiver: what becomes of a request

    def assigned(self, request: Request, channel: ClientConnection) -> None:
        """Relay it."""
        exchange = request.exchange
        exchange.on_lost = None
        request.channel = channel

        def over(outcome: RelayOutcome) -> None:
            request.relay = None
            self._queue.ended(request, OUTCOMES[outcome])

        request.relay = relay = FrontRelay(
            exchange, channel, answer_reason, over, request, request.kept
        )
        lines = request.lines
        if lines is None:
            lines = request.lines = self._forwarding.send_on(exchange)
        relay.start(lines)

    def refused(self, request: Request, outcome: RequestOutcome, retry_after: int) -> None:
        """Answer it without an instance."""
        request.exchange.on_lost = None
        answer_reason(request.exchange, STATUS[outcome], outcome, retry_after)
        self._queue.ended(request, outcome)

    def came_back(self, request: Request, *, nacked: bool) -> None:
        """It waits once more, at its old place."""
        self._queue.returned(request, nacked=nacked)
        if not request.decided:
            self._park(request)

    def tunnelled(self, request: Request, tunnel: Tunnel) -> None:
        """It has become a tunnel."""
        self._queue.tunnelled(request, tunnel)

    def _left(self, request: Request, reason: str) -> None:
        request.cancel()
        self._queue.ended(request, OUTCOMES[client_loss(reason)])

    def _failed(self, request: Request, failure: Failure) -> None:
        if failure.check(CancelledError) is not None:
            return
        failure.trap(Refused)
        refused = cast(Refused, failure.value)
        self.refused(request, refused.outcome, refused.retry_after)
