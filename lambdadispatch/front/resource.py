"""The front's one Resource: every request is parked until a channel takes it, then relayed."""

from __future__ import annotations

from typing import Final, cast
from typing import Protocol as Interface

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from lambdadispatch.core.outcomes import STATUS, RequestOutcome
from lambdadispatch.front.answers import answer_reason
from lambdadispatch.front.request import Refused, Request
from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.http11.relay import Relay, RelayOutcome
from lambdadispatch.http11.resource import ResourceRequest
from lambdadispatch.http11.server_exchange import CLIENT_GONE

OUTCOMES: Final = {outcome: RequestOutcome(outcome.value) for outcome in RelayOutcome}
"""What a relay's outcome is called as a request's."""


class Queue(Interface):
    """Where requests wait."""

    def submit(self, request: Request) -> None:
        """A request arrived: ``assign`` or ``refuse`` it, at once or later."""

    def leave(self, request: Request) -> None:
        """A request that waits was cancelled."""

    def ended(self, request: Request, outcome: RequestOutcome) -> None:
        """A request has ended."""


class FrontResource(Resource):
    """Takes every path; ``health_path``, if set, is answered by the router itself."""

    isLeaf = True

    def __init__(self, queue: Queue, health_path: str | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._queue = queue
        self._health_path = health_path.encode() if health_path else None

    def render(self, request: ResourceRequest) -> bytes | int:
        """Have the request relayed by the channel that takes it; park it until there is one."""
        if self._health_path is not None and request.path == self._health_path:
            return b"ok\n"
        submitted = Request(request.exchange, self)
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

    def assigned(self, request: Request, channel: ClientConnection) -> None:
        """Relay it."""
        exchange = request.exchange
        exchange.on_lost = None
        request.channel = channel

        def over(outcome: RelayOutcome) -> None:
            request.relay = None
            self._queue.ended(request, OUTCOMES[outcome])

        request.relay = relay = Relay(exchange, channel, answer_reason, over)
        relay.start()

    def refused(self, request: Request, outcome: RequestOutcome) -> None:
        """Answer it without an instance."""
        request.exchange.on_lost = None
        answer_reason(request.exchange, STATUS[outcome], outcome)
        self._queue.ended(request, outcome)

    def _left(self, request: Request, reason: str) -> None:
        request.cancel()
        gone = reason == CLIENT_GONE
        self._queue.ended(
            request, RequestOutcome.CLIENT_GONE if gone else RequestOutcome.BAD_REQUEST
        )

    def _failed(self, request: Request, failure: Failure) -> None:
        if failure.check(CancelledError) is not None:
            return
        failure.trap(Refused)
        self.refused(request, cast(Refused, failure.value).outcome)
