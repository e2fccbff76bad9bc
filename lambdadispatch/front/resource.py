"""The front's one Resource: every request is parked until a channel takes it, then relayed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast
from typing import Protocol as Interface

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from lambdadispatch.core.outcomes import STATUS, RequestOutcome
from lambdadispatch.front.answers import answer_reason
from lambdadispatch.front.forwarding import Forwarding
from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.http11.relay import Relay, RelayOutcome, client_loss
from lambdadispatch.http11.resource import ResourceRequest
from lambdadispatch.http11.server_exchange import ServerExchange

OUTCOMES: Final = {outcome: RequestOutcome(outcome.value) for outcome in RelayOutcome}
"""What a relay's outcome is called as a request's."""


class Refused(Exception):
    """A parked request will not be assigned; ``outcome`` says why."""

    def __init__(self, outcome: RequestOutcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


class Parked(Deferred[ClientConnection]):
    """A request that waits: fires with the channel it is assigned to, or fails with Refused.

    Cancelling it frees its place in the line. ``arrival`` is its number among all that arrived,
    from 1; ``assignment`` among all that were assigned, 0 until it is.
    """

    def __init__(
        self, exchange: ServerExchange, canceller: Callable[[Deferred[ClientConnection]], None]
    ) -> None:
        super().__init__(canceller)
        self.exchange = exchange
        self.channel: ClientConnection | None = None
        self.relay: Relay | None = None
        self.arrival = 0
        self.assignment = 0


class Queue(Interface):
    """Where requests wait."""

    def park(self, parked: Parked) -> None:
        """Put a request at the end of the line."""

    def leave(self, parked: Deferred[ClientConnection]) -> None:
        """A request that waits was cancelled."""

    def ended(self, parked: Parked, outcome: RequestOutcome) -> None:
        """A request has ended."""


class FrontResource(Resource):
    """Takes every path; ``health_path``, if set, is answered by the router itself. ``forwarding``
    has what is added to requests and answers.
    """

    isLeaf = True

    def __init__(
        self, queue: Queue, forwarding: Forwarding, health_path: str | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._queue = queue
        self._forwarding = forwarding
        self._health_path = health_path.encode() if health_path else None

    def render(self, request: ResourceRequest) -> bytes | int:
        """Park the request; it is relayed when a channel takes it."""
        exchange = request.exchange
        self._forwarding.arrived(exchange)
        if self._health_path is not None and request.path == self._health_path:
            return b"ok\n"
        parked = Parked(exchange, self._queue.leave)
        parked.addCallbacks(self._assigned, self._refused, (parked,), {}, (parked,))
        self._queue.park(parked)
        if not parked.called:
            exchange.on_lost = lambda reason: self._left(parked, reason)
        return NOT_DONE_YET

    def _assigned(self, channel: ClientConnection, parked: Parked) -> None:
        exchange = parked.exchange
        exchange.on_lost = None
        parked.channel = channel

        def over(outcome: RelayOutcome) -> None:
            parked.relay = None
            self._queue.ended(parked, OUTCOMES[outcome])

        parked.relay = Relay(exchange, channel, answer_reason, over)
        parked.relay.start(self._forwarding.send_on(exchange))

    def _left(self, parked: Parked, reason: str) -> None:
        parked.cancel()
        self._queue.ended(parked, OUTCOMES[client_loss(reason)])

    def _refused(self, failure: Failure, parked: Parked) -> None:
        if failure.check(CancelledError) is not None:
            return
        failure.trap(Refused)
        outcome = cast(Refused, failure.value).outcome
        parked.exchange.on_lost = None
        answer_reason(parked.exchange, STATUS[outcome], outcome)
        self._queue.ended(parked, outcome)
