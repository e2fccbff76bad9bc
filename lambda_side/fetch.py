"""One HTTP request to a server on this machine, and its whole answer."""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Factory

from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.wire.fields import NO_FIELDS, Fields, Pairs
from lambdadispatch.wire.heads import RequestHead, ResponseHead


class FetchError(Exception):
    """The answer did not come; the text is one word."""


class Answer(NamedTuple):
    """A whole response."""

    status: int
    fields: Fields
    body: bytes


def fetch(
    endpoint: IStreamClientEndpoint, head: RequestHead, body: bytes = b""
) -> Deferred[Answer]:
    """Send one request on a connection of its own; fails with what connecting fails with, or with
    FetchError. There is no time limit: cancel the Deferred instead.
    """
    fetching = Fetching(head, body)
    connecting = endpoint.connect(Factory.forProtocol(lambda: ClientConnection(fetching)))
    fetching.connecting = connecting
    connecting.addErrback(fetching.answer.errback)
    return fetching.answer


class Fetching:
    """The ClientOwner and ResponseSink of one fetch."""

    connecting: Deferred[IProtocol]

    def __init__(self, head: RequestHead, body: bytes) -> None:
        self.answer: Deferred[Answer] = Deferred(self._cancel)
        self._head = head
        self._body = body
        self._connection: ClientConnection | None = None
        self._status = 0
        self._fields = NO_FIELDS
        self._pieces: list[bytes] = []

    def _cancel(self, _: Deferred[Answer]) -> None:
        if self._connection is None:
            self.connecting.cancel()
        else:
            self._connection.cut("cancelled")

    # -- ClientOwner

    def connection_opened(self, connection: ClientConnection) -> None:
        """Connected."""
        self._connection = connection
        connection.send(self._head, self)
        if self._head.body:
            connection.write(self._body)
            connection.end()

    def connection_idle(self, connection: ClientConnection) -> None:
        """The one exchange has ended."""
        connection.close()

    def connection_closed(self, connection: ClientConnection, reason: str) -> None:
        """Gone, with or without an answer."""

    # -- ResponseSink

    def response_whole(self, head: ResponseHead, body: bytes) -> None:
        """The answer is whole."""
        self.answer.callback(Answer(head.status, head.fields, body))

    def response_head(self, head: ResponseHead) -> None:
        """A head."""
        self._status, self._fields = head.status, head.fields

    def response_data(self, data: bytes) -> None:
        """A piece of the body."""
        self._pieces.append(data)

    def response_end(self, trailers: Pairs) -> None:
        """The answer is whole."""
        self.answer.callback(Answer(self._status, self._fields, b"".join(self._pieces)))

    def response_flush(self) -> None:
        """Nothing is held back here."""

    def server_lost(self, reason: str) -> None:
        """The answer will not be whole."""
        if not self.answer.called:
            self.answer.errback(FetchError(reason))

    def server_slow(self) -> None:
        """The body has been handed over already."""

    def server_ready(self) -> None:
        """The body has been handed over already."""
