"""A client's request, from its head to its one outcome."""

from __future__ import annotations

from typing import Protocol as Interface

from twisted.internet.defer import Deferred

from lambdadispatch.core.outcomes import RequestOutcome
from lambdadispatch.front.relay import FrontRelay, KeptBody
from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.http11.exchange import Exchange
from lambdadispatch.http11.server_connection import HELD_OCTETS
from lambdadispatch.http11.tunnel import Tunnel


class Refused(Exception):
    """A parked request will not be assigned; ``outcome`` says why. If its client may come again, it
    is told to after ``retry_after`` seconds.
    """

    def __init__(self, outcome: RequestOutcome, retry_after: int) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome
        self.retry_after = retry_after


class Receiver(Interface):
    """Who goes on with a request once it is decided what becomes of it."""

    @property
    def retry_limit(self) -> int:
        """How often one whose channel is lost is sent again."""

    def assigned(self, request: Request, channel: ClientConnection) -> None:
        """It runs on this channel."""

    def refused(self, request: Request, outcome: RequestOutcome, retry_after: int) -> None:
        """No channel will take it."""

    def came_back(self, request: Request, *, nacked: bool) -> None:
        """It was not served, and waits once more."""

    def tunnelled(self, request: Request, tunnel: Tunnel) -> None:
        """It has become a tunnel."""


class Request:
    """What a client waits for. ``arrival`` is its number among all that arrived, from 1, and
    ``since`` when that was; ``assignment`` among all that were assigned, 0 until it is. ``rank`` is
    the number of its class.

    One that has to wait is ``parked``: a Deferred that fires with the channel it is assigned to,
    or fails with Refused. Cancelling it frees its place in the line. One that finds a free channel
    does without: it is never parked.

    ``attempts`` is how often it has been or may yet be sent, the one to come included; ``losses``
    how many of those before ended with their channel; ``kept`` is what they sent of its body.
    ``lines`` are the field lines that it is sent with, worked out when it is sent first.
    """

    __slots__ = (
        "_receiver",
        "arrival",
        "assignment",
        "attempts",
        "channel",
        "decided",
        "exchange",
        "kept",
        "lines",
        "losses",
        "parked",
        "rank",
        "relay",
        "since",
    )

    def __init__(self, exchange: Exchange, receiver: Receiver) -> None:
        self.exchange = exchange
        self.parked: Deferred[ClientConnection] | None = None
        self.channel: ClientConnection | None = None
        self.relay: FrontRelay | None = None
        self.arrival = 0
        self.since = 0.0
        self.assignment = 0
        self.rank = 0
        self.attempts = 1
        self.losses = 0
        self.kept: KeptBody | None = None
        self.lines: bytes | None = None
        self.decided = False
        """Assigned, refused or cancelled."""
        self._receiver = receiver

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

    def assign(self, channel: ClientConnection) -> None:
        """It runs on this channel."""
        self.decided = True
        parked = self.parked
        if parked is None:
            self._receiver.assigned(self, channel)
        else:
            parked.callback(channel)

    def refuse(self, outcome: RequestOutcome, retry_after: int) -> None:
        """No channel will take it."""
        self.decided = True
        parked = self.parked
        if parked is None:
            self._receiver.refused(self, outcome, retry_after)
        else:
            parked.errback(Refused(outcome, retry_after))

    def cancel(self) -> None:
        """Its client is gone."""
        self.decided = True
        if self.parked is not None:
            self.parked.cancel()

    # -- Returning, for its relay

    def returns(self, *, nacked: bool) -> bool:
        """Whether it may be sent once more."""
        return nacked or self.losses < self._receiver.retry_limit

    def tunnelled(self, tunnel: Tunnel) -> None:
        """It is a tunnel from now on."""
        self.relay = None
        self._receiver.tunnelled(self, tunnel)

    def come_back(self, kept: KeptBody | None, *, nacked: bool) -> None:
        """It is to wait once more."""
        self.relay = None
        self.parked = None
        self.decided = False
        self.attempts += 1
        self.losses += not nacked
        self.kept = kept
        self._receiver.came_back(self, nacked=nacked)
