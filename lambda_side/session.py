"""A session at the instance's end."""

from __future__ import annotations

from typing import Any, Final
from typing import Protocol as Interface

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from lambdadispatch.http11.keepalive import keep_alive
from lambdadispatch.http11.transport import IStreamTransport
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.session import (
    DRAIN,
    IDLE,
    LEAVING,
    NACK,
    PING,
    PONG,
    READY,
    RETIRE,
    Message,
    SessionReader,
    encode_message,
)

SILENT_PINGS: Final = 4
"""A router that has sent nothing for this many ping intervals is lost."""
LATE: Final = 1.0
"""Seconds. A process that hears so much too late that the time is over stood still itself, and may
have pings to read.
"""


class Orders(Interface):
    """Who takes the router's orders."""

    def drain(self, reason: str) -> None:
        """Finish what runs, then leave."""

    def retire(self, reason: str) -> None:
        """Leave now."""

    def router_lost(self) -> None:
        """The session is gone."""


class InstanceSession(Protocol):
    """Reports to the router and takes its orders. ``ping`` is the router's interval in seconds."""

    transport: IStreamTransport

    def __init__(self, clock: IReactorTime, orders: Orders, ping: float) -> None:
        self._clock = clock
        self._orders = orders
        self._ping = ping
        self._silence = ping * SILENT_PINGS
        self._reader = SessionReader()
        self._timer: IDelayedCall | None = None

    def ready(self, environment: str, leaves_in: float) -> None:
        """Report: the application takes requests, and in so many seconds this will leave."""
        self._send(Message(READY, environment, leaves_in=round(leaves_in, 3)))

    def idle(self) -> None:
        """Report: no work for the idle time."""
        self._send(Message(IDLE))

    def leaving(self, reason: str) -> None:
        """Report: give this instance nothing new."""
        self._send(Message(LEAVING, reason))

    def nack(self, channel: str, reason: str) -> None:
        """Report: the request on this channel was not touched; serve it elsewhere."""
        self._send(Message(NACK, reason, channel))

    def close(self) -> None:
        """End the session."""
        self.transport.loseConnection()

    def connectionMade(self) -> None:
        """Twisted: the upgrade is done."""
        keep_alive(self.transport)
        self.transport.setTcpNoDelay(True)
        self._timer = self._clock.callLater(self._silence, self._silent)

    def dataReceived(self, data: bytes) -> None:
        """Twisted: bytes arrived."""
        if self._timer is not None:
            self._timer.reset(self._silence)
        try:
            for message in self._reader.feed(data):
                self._obey(message)
        except RemoteProtocolError:
            self.transport.abortConnection()

    def _obey(self, message: Message) -> None:
        if message.kind == PING:
            self._send(Message(PONG))
        elif message.kind == DRAIN:
            self._orders.drain(message.text)
        elif message.kind == RETIRE:
            self._orders.retire(message.text)

    def _silent(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and self._clock.seconds() - timer.getTime() > LATE:
            self._timer = self._clock.callLater(self._ping, self._silent)
        else:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Twisted: the session is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._orders.router_lost()

    def _send(self, message: Message) -> Any:
        self.transport.write(encode_message(message))
