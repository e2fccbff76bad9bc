"""Opening a connection to the router's control port and changing its protocol."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IHandshakeListener,
    IReactorTime,
    ISSLTransport,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from lambdadispatch.http11.stream import Successor
from lambdadispatch.http11.transport import IStreamTransport
from lambdadispatch.wire.control import upgrade_request
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.heads import ResponseHead, render_own
from lambdadispatch.wire.payload import InvokePayload
from lambdadispatch.wire.reader import End, Signal
from lambdadispatch.wire.response_reader import ResponseReader

PATIENCE = 5.0
"""Seconds from being connected to being admitted."""

PASSING: Final = frozenset(["too_many", "too_many_connections", "nonce_used", "no_session"])
"""Denials that another try may not meet again."""

UNTRUSTED: Final = "untrusted_router"
"""Who answers is not the router that the payload describes; nothing was sent to it."""


def make_nonce() -> str:
    """32 hexadecimal digits that nobody can guess."""
    return secrets.token_hex(16)


class DialError(Exception):
    """The router did not admit the connection; ``reason`` is one word, ``final`` whether asking
    again is of no use.
    """

    def __init__(self, reason: str, *, final: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


class Dialer:
    """Opens the connections of one invocation."""

    def __init__(
        self, clock: IReactorTime, endpoint: IStreamClientEndpoint, payload: InvokePayload
    ) -> None:
        self._clock = clock
        self._endpoint = endpoint
        self._payload = payload

    def dial(
        self,
        purpose: str,
        successor: Successor,
        on_closed: Callable[[], None],
        nonce: str | None = None,
    ) -> Deferred[None]:
        """Open a connection for ``purpose``, which ``successor`` takes over once it is admitted.

        ``nonce``, a new one of ``make_nonce``, names it; without one it is made here.
        Fires then, or fails with DialError. After it has fired, ``on_closed`` is called once when
        the connection is gone.
        """
        payload = self._payload
        head = upgrade_request(
            payload.callback.host,
            payload.instance,
            purpose,
            payload.secret,
            nonce or make_nonce(),
        )
        opening = Opening(render_own(head), successor, on_closed, payload.callback.pin)
        timer = self._clock.callLater(PATIENCE, opening.give_up)
        connecting = self._endpoint.connect(Factory.forProtocol(lambda: opening))
        connecting.addErrback(lambda failure: opening.fail(unreachable(failure)))

        def admitted(result: Failure | None) -> Failure | None:
            if timer.active():
                timer.cancel()
            if isinstance(result, Failure):
                connecting.cancel()
            return result

        return opening.admitted.addBoth(admitted)


def unreachable(failure: Failure) -> DialError:
    """The error for a connection that could not be made."""
    cancelled = failure.check(CancelledError) is not None
    return DialError("silent" if cancelled else "unreachable", final=False)


@implementer(IHandshakeListener)
class Opening(Protocol):
    """A connection until its protocol has been changed."""

    transport: IStreamTransport

    def __init__(
        self,
        request: bytes,
        successor: Successor,
        on_closed: Callable[[], None],
        pin: str | None = None,
    ) -> None:
        self._pin = pin
        self.admitted: Deferred[None] = Deferred()
        self._request = request
        self._successor = successor
        self._switched = False
        self._on_closed = on_closed
        self._reader = ResponseReader()
        self._reader.expect(b"GET")
        self._status = 0
        self._body = b""
        self._over = False

    def fail(self, error: DialError) -> None:
        """It will not be admitted."""
        if not self._over:
            self._over = True
            self.admitted.errback(error)

    def give_up(self) -> None:
        """It has taken too long."""
        if self.transport is not None:
            self.transport.abortConnection()
        self.fail(DialError("silent", final=False))

    def connectionMade(self) -> None:
        """Twisted: connected; over TLS the handshake comes first."""
        if not ISSLTransport.providedBy(self.transport):
            self.transport.write(self._request)

    def handshakeCompleted(self) -> None:
        """Twisted: the router's certificate is the one in the payload."""
        if self._pin is not None and pin_of(self.transport) != self._pin:
            self.fail(DialError(UNTRUSTED, final=True))
            self.transport.abortConnection()
        else:
            self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        """Twisted: (a part of) the answer arrived."""
        self._reader.feed(data)
        try:
            while not self._over and self._take():
                pass
        except RemoteProtocolError as error:
            self.transport.abortConnection()
            self.fail(DialError(error.reason, final=True))

    def _take(self) -> bool:
        event = self._reader.next_event()
        if isinstance(event, ResponseHead):
            if event.status == 101:
                self._switch()
                return False
            self._status = event.status
        elif isinstance(event, bytes):
            self._body += event
        elif isinstance(event, End):
            self.transport.loseConnection()
            reason = self._reason()
            final = 400 <= self._status < 500 and reason not in PASSING
            self.fail(DialError(reason, final=final))
        return not isinstance(event, Signal)

    def _reason(self) -> str:
        try:
            return str(json.loads(self._body)["reason"])
        except (ValueError, KeyError, TypeError):
            return f"status_{self._status}"

    def _switch(self) -> None:
        self._over = self._switched = True
        successor = self._successor
        rest = self._reader.take_rest()
        self.dataReceived = successor.dataReceived  # type: ignore[method-assign]
        successor.makeConnection(self.transport)
        self.admitted.callback(None)
        if rest:
            successor.dataReceived(rest)

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Twisted: the connection is gone."""
        untrusted = reason is not None and _is_distrust(reason.value)
        self.fail(DialError(UNTRUSTED if untrusted else "lost", final=untrusted))
        if self._switched:
            self._successor.connectionLost(reason or Failure(ConnectionError()))
            self._on_closed()


def _is_distrust(error: BaseException | None) -> bool:
    """Whether TLS failed because of what the router showed (told by the class, for importing the
    libraries costs a cold start that uses no TLS).
    """
    module = type(error).__module__.partition(".")[0]
    return module == "service_identity" or (
        module == "OpenSSL" and "certificate verify failed" in str(error)
    )


def pin_of(transport: Any) -> str:
    """SHA-256 of the public key that the other end of a TLS connection has shown."""
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        PublicFormat,
    )

    key = transport.getPeerCertificate().to_cryptography().public_key()
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).hexdigest()
