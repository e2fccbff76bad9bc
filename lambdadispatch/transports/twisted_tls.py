"""A TLS port on Twisted's own transport: the certificate of the moment, and a limit on handshakes.

Twisted makes the protocol of a connection before the handshake, so limits on connections hold, but
it waits for the handshake without an end. Here each connection has one timer (there is nothing to
sweep over below a factory), which looks once whether hands have been shaken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IDelayedCall,
    IListeningPort,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamServerEndpoint,
    ITransport,
)
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from lambdadispatch.transports.arrivals import Arrivals, arrivals_of, reason_of

CLOSED = Failure(ConnectionDone())


@implementer(IOpenSSLServerConnectionCreator)
class CurrentContext:
    """Makes each connection of the context that ``current`` gives at that moment."""

    def __init__(self, current: Callable[[], Any]) -> None:
        self._current = current

    def serverConnectionForTLS(self, protocol: Any) -> Any:
        """Twisted: the OpenSSL side of a new connection."""
        from OpenSSL.SSL import Connection  # noqa: PLC0415

        return Connection(self._current(), None)


class TimedFactory(TLSMemoryBIOFactory):
    """Handshakes may take ``seconds``; who hears of those that fail is ``arrivals``."""

    def __init__(
        self, current: Callable[[], Any], wrapped: IProtocolFactory, clock: Any, seconds: float
    ) -> None:
        super().__init__(CurrentContext(current), False, wrapped, clock)
        self.clock: IReactorTime = clock
        self.seconds = seconds
        self.arrivals: Arrivals | None = arrivals_of(wrapped)


class TimedTransport(BufferingTLSTransport):
    """Twisted's TLS, given up if the handshake is not over in time."""

    factory: Any
    _timer: IDelayedCall | None = None
    _too_slow = False

    def makeConnection(self, transport: ITransport) -> None:
        """Twisted: TCP is up."""
        self._timer = self.factory.clock.callLater(self.factory.seconds, self._look)
        super().makeConnection(transport)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = CLOSED) -> None:
        """Twisted: TCP is gone."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if not self._shaken() and self.factory.arrivals is not None:
            told: Any = Untold(self.wrappedProtocol, self._failed)
            self.wrappedProtocol = told
        super().connectionLost(reason)

    def _shaken(self) -> bool:
        handle = self.getHandle()  # type: ignore[no-untyped-call]
        return handle is not None and handle.get_peer_finished() is not None

    def _look(self) -> None:
        self._timer = None
        if not self._shaken():
            self._too_slow = True
            self.abortConnection()  # type: ignore[no-untyped-call]

    def _failed(self, error: BaseException | None) -> None:
        word = reason_of(TimeoutError() if self._too_slow else error)
        if word is not None:
            peer = self.getPeer()  # type: ignore[no-untyped-call]
            self.factory.arrivals.handshake_failed((peer.host, peer.port), word)


TimedFactory.protocol = TimedTransport


class Untold:
    """In a protocol's place at the end of a handshake that failed: passes on why, and tells it."""

    def __init__(self, protocol: IProtocol, tell: Callable[[BaseException | None], None]) -> None:
        self._protocol = protocol
        self._tell = tell

    def connectionLost(self, reason: Failure) -> None:
        """Twisted: the connection is gone."""
        self._protocol.connectionLost(reason)
        self._tell(reason.value)


@implementer(IStreamServerEndpoint)
class TlsOver:
    """TLS over another endpoint; ``current`` gives the OpenSSL context of the moment."""

    def __init__(
        self, clock: Any, lower: IStreamServerEndpoint, current: Callable[[], Any], seconds: float
    ) -> None:
        self._clock = clock
        self._lower = lower
        self._current = current
        self._seconds = seconds

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Twisted: listen."""
        return self._lower.listen(
            TimedFactory(self._current, protocolFactory, self._clock, self._seconds)
        )
