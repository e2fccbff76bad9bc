"""Bodies of the HTTP calls this side makes: sent whole, read up to a limit."""

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IBodyProducer, IResponse
from zope.interface import implementer


@implementer(IBodyProducer)
class WholeBody:
    """A request body written in one piece.

    treq's own producer of bytes runs on the cooperator of the process-wide reactor, which would be
    imported by it.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Write everything at once."""
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Nothing is left to pause."""

    def resumeProducing(self) -> None:
        """Nothing is left to resume."""

    def stopProducing(self) -> None:
        """Nothing is left to stop."""


def read_bounded(response: IResponse, limit: int) -> Deferred[bytes]:
    """The first ``limit`` bytes of a response's body; a longer one is left unread and closed.

    Fails with what ended the connection where that comes before the body's end and the limit.
    Cancelling closes the connection.
    """
    body = _BoundedBody(limit)
    response.deliverBody(body)
    return body.read


class _BoundedBody(Protocol):
    def __init__(self, limit: int) -> None:
        self._room = limit
        self._parts: list[bytes] = []
        self._over = False
        self.read: Deferred[bytes] = Deferred(self._cancel)

    def dataReceived(self, data: bytes) -> None:
        if self._over:
            return
        self._parts.append(data[: self._room])
        if len(data) > self._room:
            self._finish()
            self._close()
        else:
            self._room -= len(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._over:
            return
        # PotentialDataLoss: a body that says neither its length nor its end, closed by the peer.
        if isinstance(reason.value, (ResponseDone, PotentialDataLoss)):
            self._finish()
        else:
            self._over = True
            self.read.errback(reason)

    def _finish(self) -> None:
        self._over = True
        self.read.callback(b"".join(self._parts))

    def _cancel(self, _: Deferred[bytes]) -> None:
        self._over = True
        self._close()

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
