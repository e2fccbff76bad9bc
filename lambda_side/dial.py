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

from lambda_side.tls_files import is_address, tls_name
from lambdadispatch.http11.stream import Successor
from lambdadispatch.http11.transport import IStreamTransport
from lambdadispatch.wire.control import upgrade_request
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.heads import ResponseHead, render_own
from lambdadispatch.wire.payload import Callback, InvokePayload
from lambdadispatch.wire.reader import End, Signal
from lambdadispatch.wire.response_reader import ResponseReader

PATIENCE = 5.0
"""Seconds from being connected to being admitted."""

PASSING: Final = frozenset(["too_many", "too_many_connections", "nonce_used", "no_session"])
"""Denials that another try may not meet again."""

UNTRUSTED: Final = "untrusted_router"
"""Who answers is not the router that the payload describes; nothing was sent to it."""

CERTIFICATE_REFUSED: Final = "certificate_refused"
"""The router requires a certificate of this side, and was shown none or none that it trusts."""

ADVICE: Final = {
    UNTRUSTED: ": its certificate is not that of the payload, or leads to no authority of "
    "--router-ca or of this system",
    CERTIFICATE_REFUSED: ": it takes only those of its own authorities, see --client-certificate",
}
"""What the log adds to a reason that says too little about what to look at."""

_REFUSALS: Final = (
    "certificate required",
    "bad certificate",
    "certificate expired",
    "certificate unknown",
    "unknown ca",
)
"""Alerts of RFC 8446 section 6.2 as OpenSSL names them."""


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
        opening = Opening(render_own(head), successor, on_closed, payload.callback)
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
        callback: Callback | None = None,
    ) -> None:
        self._callback = callback
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
        """Twisted: the router's certificate is to be trusted; look whether it is the router's."""
        if self._callback is not None and not is_of(self.transport, self._callback):
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
        word = None if reason is None else _tls_reason(reason.value)
        self.fail(DialError(word or "lost", final=word is not None))
        if self._switched:
            self._successor.connectionLost(reason or Failure(ConnectionError()))
            self._on_closed()


def _tls_reason(error: BaseException | None) -> str | None:
    """The word for why TLS failed if trying again is of no use (told by the class, for importing
    the libraries costs a cold start that uses no TLS).
    """
    module = type(error).__module__.partition(".")[0]
    text = str(error)
    if module == "service_identity" or (
        module == "OpenSSL" and "certificate verify failed" in text
    ):
        return UNTRUSTED
    if module == "OpenSSL" and "alert" in text and any(each in text for each in _REFUSALS):
        return CERTIFICATE_REFUSED
    return None


def is_of(transport: Any, callback: Callback) -> bool:
    """Whether the other end of a TLS connection is the one that the payload describes.

    Twisted has verified the name too, but takes a certificate in which no name can be read.
    """
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        PublicFormat,
    )
    from service_identity import CertificateError, VerificationError  # noqa: PLC0415
    from service_identity.cryptography import (  # noqa: PLC0415
        verify_certificate_hostname,
        verify_certificate_ip_address,
    )

    certificate = transport.getPeerCertificate().to_cryptography()
    name = tls_name(callback)
    verify = verify_certificate_ip_address if is_address(name) else verify_certificate_hostname
    try:
        verify(certificate, name)
    except (CertificateError, VerificationError, ValueError):
        return False
    encoded = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return callback.pin is None or hashlib.sha256(encoded).hexdigest() == callback.pin
