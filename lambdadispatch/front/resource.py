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
from lambdadispatch.front.priority import Priorities
from lambdadispatch.front.relay import FrontRelay, KeptBody
from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.http11.relay import RelayOutcome
from lambdadispatch.http11.resource import ResourceRequest
from lambdadispatch.http11.server import HELD_OCTETS
from lambdadispatch.http11.server_exchange import CLIENT_GONE, ServerExchange

OUTCOMES: Final = {outcome: RequestOutcome(outcome.value) for outcome in RelayOutcome}
"""What a relay's outcome is called as a request's."""


class Refused(Exception):
    """A parked request will not be assigned; ``outcome`` says why. If its client may come again, it
    is told to after ``retry_after`` seconds.
    """

    def __init__(self, outcome: RequestOutcome, retry_after: int = 1) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome
        self.retry_after = retry_after


class Parked(Deferred[ClientConnection]):
    """A request that waits: fires with the channel it is assigned to, or fails with Refused.

    Cancelling it frees its place in the line. ``arrival`` is its number among all that arrived,
    from 1, and ``since`` when that was; ``assignment`` among all that were assigned, 0 until it is.
    ``attempts`` is how often it has been or may yet be sent, the one to come included; ``losses``
    how many of those before ended with their channel; ``kept`` is what they sent of its body.
    ``rank`` is the number of its class.
    """

    attempts = 1
    losses = 0
    rank = 0
    kept: KeptBody | None = None

    def __init__(self, exchange: ServerExchange, front: FrontResource) -> None:
        super().__init__(front.queue.leave)
        self.exchange = exchange
        self._front = front
        self.channel: ClientConnection | None = None
        self.relay: FrontRelay | None = None
        self.arrival = 0
        self.assignment = 0
        self.since = 0.0

    @property
    def octets(self) -> int:
        """The most that may be held for it while it waits: its head, and as much of its body as a
        connection reads ahead.
        """
        head = self.exchange.head
        if head is None:
            return 0
        body = HELD_OCTETS if head.body < 0 else min(head.body, HELD_OCTETS)
        return len(head.target) + len(head.fields.end_to_end_block) + body

    # -- Returning, for its relay

    def returns(self, *, nacked: bool) -> bool:
        """Whether it may be sent once more."""
        return nacked or self.losses < self._front.retry_limit

    def come_back(self, kept: KeptBody | None, *, nacked: bool) -> None:
        """It is to wait once more, as another Parked: a Deferred fires once."""
        self.relay = None
        again = Parked(self.exchange, self._front)
        again.arrival = self.arrival
        again.since = self.since
        again.rank = self.rank
        again.attempts = self.attempts + 1
        again.losses = self.losses + (not nacked)
        again.kept = kept
        self._front.park_again(self, again, nacked=nacked)


class Queue(Interface):
    """Where requests wait."""

    def park(self, parked: Parked) -> None:
        """Put a request at the end of the line."""

    def leave(self, parked: Deferred[ClientConnection]) -> None:
        """A request that waits was cancelled."""

    def returned(self, parked: Parked, again: Parked, *, nacked: bool) -> None:
        """A request was not served and takes its old place, as ``again``; ``nacked``: it was not
        touched.
        """

    def ended(self, parked: Parked, outcome: RequestOutcome) -> None:
        """A request has ended."""


class FrontResource(Resource):
    """Takes every path; ``health_path``, if set, is answered by the router itself.

    A request whose channel is lost is sent again at most ``retry_limit`` times. ``priorities``
    tells the classes of requests, where there are any.
    """

    isLeaf = True

    def __init__(
        self,
        queue: Queue,
        health_path: str | None = None,
        retry_limit: int = 0,
        priorities: Priorities | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.queue = queue
        self.retry_limit = retry_limit
        self._priorities = priorities
        self._health_path = health_path.encode() if health_path else None

    def render(self, request: ResourceRequest) -> bytes | int:
        """Park the request; it is relayed when a channel takes it."""
        if self._health_path is not None and request.path == self._health_path:
            return b"ok\n"
        exchange = request.exchange
        parked = Parked(exchange, self)
        if self._priorities is not None:
            parked.rank = self._priorities.rank(request.head)
        parked.addCallbacks(self._assigned, self._refused, (parked,), {}, (parked,))
        self.queue.park(parked)
        if not parked.called:
            exchange.on_lost = lambda reason: self._left(parked, reason)
        return NOT_DONE_YET

    def park_again(self, before: Parked, parked: Parked, *, nacked: bool) -> None:
        """The same request waits once more, at its old place."""
        parked.addCallbacks(self._assigned, self._refused, (parked,), {}, (parked,))
        self.queue.returned(before, parked, nacked=nacked)
        if not parked.called:
            parked.exchange.on_lost = lambda reason: self._left(parked, reason)

    def _assigned(self, channel: ClientConnection, parked: Parked) -> None:
        exchange = parked.exchange
        exchange.on_lost = None
        parked.channel = channel

        def over(outcome: RelayOutcome) -> None:
            parked.relay = None
            self.queue.ended(parked, OUTCOMES[outcome])

        parked.relay = FrontRelay(exchange, channel, answer_reason, over, parked, parked.kept)
        parked.relay.start()

    def _left(self, parked: Parked, reason: str) -> None:
        parked.cancel()
        gone = reason == CLIENT_GONE
        self.queue.ended(parked, RequestOutcome.CLIENT_GONE if gone else RequestOutcome.BAD_REQUEST)

    def _refused(self, failure: Failure, parked: Parked) -> None:
        if failure.check(CancelledError) is not None:
            return
        failure.trap(Refused)
        refused = cast(Refused, failure.value)
        outcome = refused.outcome
        parked.exchange.on_lost = None
        answer_reason(parked.exchange, STATUS[outcome], outcome, refused.retry_after)
        self.queue.ended(parked, outcome)
