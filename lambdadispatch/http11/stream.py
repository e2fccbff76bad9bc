"""What Twisted's ``Protocol`` is to a protocol, as a class that can be compiled."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.python.failure import Failure


class Successor(Protocol):
    """What a connection can be handed to: Twisted's ``Protocol``, or a StreamProtocol."""

    def makeConnection(self, transport: Any) -> None:
        """Twisted: here is the transport."""

    def dataReceived(self, data: bytes) -> None:
        """Twisted: bytes arrived."""

    def connectionLost(self, reason: Failure) -> None:
        """Twisted: the connection is gone."""


class StreamProtocol:
    """The base of both roles. (A compiled class cannot extend an interpreted one.)

    ``transport`` is an ``IStreamTransport``.
    """

    def __init__(self) -> None:
        self.connected = False
        self.transport: Any = None
        self.factory: Any = None

    def makeConnection(self, transport: Any) -> None:
        """Twisted: here is the transport."""
        self.connected = True
        self.transport = transport
        self.connectionMade()

    def connectionMade(self) -> None:
        """Twisted: the connection is up."""
