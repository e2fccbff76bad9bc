"""A session at the router's end: liveness, orders and reports of one instance.

The router pings; an instance that has been silent for ``SILENT_PINGS`` pings is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from typing import Protocol as Interface

from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from lambdadispatch.control.claims import Claim
from lambdadispatch.http11.keepalive import keep_alive
from lambdadispatch.http11.transport import IStreamTransport
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.session import DRAIN, PING, RETIRE, Message, SessionReader, encode_message

SILENT_PINGS: Final = 3
REASON_LIMIT: Final = 300
"""Characters of a reason that fit into a line however they are escaped: it may be the peer's."""


class Cancellable(Interface):
    """A delayed call that has not happened."""

    def cancel(self) -> None:
        """It will not happen."""


CallLater = Callable[[float, Callable[[], None]], Cancellable]
"""Calls a function after some seconds: a batched timer, so that many sessions share one call."""


class SessionOwner(Interface):
    """Who hears of sessions."""

    def session_opened(self, session: Session) -> None:
        """An instance has called back."""

    def session_message(self, session: Session, message: Message) -> None:
        """An instance reported something."""

    def session_closed(self, session: Session, reason: str) -> None:
        """A session is gone: ``closed``, ``silent`` or the rule that was broken. Once."""


class Session(Protocol):
    """The protocol of a session connection after its upgrade."""

    transport: IStreamTransport

    def __init__(
        self, owner: SessionOwner, claim: Claim, call_later: CallLater, interval: float
    ) -> None:
        self.instance = claim.instance
        self._owner = owner
        self._call_later = call_later
        self._interval = interval
        self._reader = SessionReader()
        self._unanswered = 0
        self._next: Cancellable | None = None
        self._reason = ""

    def drain(self, reason: str) -> None:
        """Order: finish what runs, then leave."""
        self._send(Message(DRAIN, reason[:REASON_LIMIT]))

    def retire(self, reason: str) -> None:
        """Order: leave now."""
        self._send(Message(RETIRE, reason[:REASON_LIMIT]))

    def cut(self, reason: str) -> None:
        """End the session at once."""
        self._reason = self._reason or reason
        self.transport.abortConnection()

    def connectionMade(self) -> None:
        """Twisted: the upgrade is done."""
        keep_alive(self.transport)
        self.transport.setTcpNoDelay(True)
        self._next = self._call_later(self._interval, self._beat)
        self._owner.session_opened(self)

    def dataReceived(self, data: bytes) -> None:
        """Twisted: bytes arrived."""
        self._unanswered = 0
        try:
            for message in self._reader.feed(data):
                self._owner.session_message(self, message)
        except RemoteProtocolError as error:
            self.cut(error.reason)

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Twisted: the session is gone."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._owner.session_closed(self, self._reason or "closed")

    def _beat(self) -> None:
        self._next = None
        if self._unanswered >= SILENT_PINGS:
            self.cut("silent")
            return
        self._unanswered += 1
        self._send(Message(PING))
        self._next = self._call_later(self._interval, self._beat)

    def _send(self, message: Message) -> Any:
        self.transport.write(encode_message(message))
