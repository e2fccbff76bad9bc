"""A client's request, from its head to its one outcome."""

from __future__ import annotations

from typing import Protocol as Interface

from twisted.internet.defer import Deferred

from lambdadispatch.core.outcomes import RequestOutcome
from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.http11.relay import Relay
from lambdadispatch.http11.server_exchange import ServerExchange


class Refused(Exception):
    """A parked request will not be assigned; ``outcome`` says why."""

    def __init__(self, outcome: RequestOutcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


class Receiver(Interface):
    """Who goes on with a request once it is decided what becomes of it."""

    def assigned(self, request: Request, channel: ClientConnection) -> None:
        """It runs on this channel."""

    def refused(self, request: Request, outcome: RequestOutcome) -> None:
        """No channel will take it."""


class Request:
    """What a client waits for. ``arrival`` is its number among all that arrived, from 1;
    ``assignment`` among all that were assigned, 0 until it is.

    One that has to wait is ``parked``: a Deferred that fires with the channel it is assigned to,
    or fails with Refused. Cancelling it frees its place in the line. One that finds a free channel
    does without: it is never parked.
    """

    __slots__ = (
        "_receiver",
        "arrival",
        "assignment",
        "channel",
        "decided",
        "exchange",
        "parked",
        "relay",
    )

    def __init__(self, exchange: ServerExchange, receiver: Receiver) -> None:
        self.exchange = exchange
        self.parked: Deferred[ClientConnection] | None = None
        self.channel: ClientConnection | None = None
        self.relay: Relay | None = None
        self.arrival = 0
        self.assignment = 0
        self.decided = False
        """Assigned, refused or cancelled."""
        self._receiver = receiver

    def assign(self, channel: ClientConnection) -> None:
        """It runs on this channel."""
        self.decided = True
        parked = self.parked
        if parked is None:
            self._receiver.assigned(self, channel)
        else:
            parked.callback(channel)

    def refuse(self, outcome: RequestOutcome) -> None:
        """No channel will take it."""
        self.decided = True
        parked = self.parked
        if parked is None:
            self._receiver.refused(self, outcome)
        else:
            parked.errback(Refused(outcome))

    def cancel(self) -> None:
        """Its client is gone."""
        self.decided = True
        if self.parked is not None:
            self.parked.cancel()
