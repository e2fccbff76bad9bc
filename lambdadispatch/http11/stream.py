"""What Twisted's ``Protocol`` is to a protocol, as a class that can be compiled."""

from __future__ import annotations

from typing import Any


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
