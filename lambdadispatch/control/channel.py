"""A channel at the router's end: a client connection that an instance has opened."""

from __future__ import annotations

from collections.abc import Hashable

from lambdadispatch.control.claims import Claim
from lambdadispatch.http11.client import ClientConnection, ClientOwner
from lambdadispatch.http11.keepalive import keep_alive
from lambdadispatch.wire.reader import Limits


class Channel(ClientConnection):
    """``name`` is the instance's name, a slash and the channel's number, for logs; ``carried`` the
    request whose exchange has just ended on it. ``nonce`` is what it was opened with, by which the
    instance names it.
    """

    def __init__(self, owner: ClientOwner, claim: Claim, nonce: str, limits: Limits) -> None:
        super().__init__(owner, limits)
        self.instance = claim.instance
        self.claim = claim
        self.nonce = nonce
        claim.channels_made += 1
        self.carried: Hashable | None = None
        self.name = f"{claim.instance}/{claim.channels_made}"

    def connectionMade(self) -> None:
        """Twisted: the roles have been reversed."""
        keep_alive(self.transport)
        super().connectionMade()
