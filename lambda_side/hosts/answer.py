"""One application's response on one exchange, for the hosts that are in process.

An application can be wrong in ways a response must not be: a header with a line feed in it, a
body longer or shorter than it declared, a failure half way. What becomes of each is decided here,
once for all hosts: before the head has left the client is told 500, after it the connection is
cut, and octets beyond the declared length are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from twisted.logger import Logger

from lambda_side.hosts.host import OnEnd, refuse
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.errors import LocalProtocolError
from lambdadispatch.wire.fields import TEXT
from lambdadispatch.wire.heads import BODILESS, ResponseHead, response

log = Logger()

_REASON: Final = re.compile(TEXT)


def own_head(status: int, reason: bytes, pairs: Iterable[tuple[bytes, bytes]]) -> ResponseHead:
    """The head of a final response as the application makes it.

    Raises LocalProtocolError for a status outside 200 to 599, and for a reason phrase, a field
    name or a field value that HTTP does not allow (RFC 9110 sections 5 and 15, RFC 9112 4).
    """
    if not 200 <= status <= 599:
        raise LocalProtocolError("bad_status", f"status {status!r} is not within 200 to 599")
    if not _REASON.fullmatch(reason):
        raise LocalProtocolError("bad_reason", f"reason phrase {reason!r} has control characters")
    return response(status, pairs)._replace(reason=reason)


class Answer:
    """The response on ``exchange``, and the one call of ``on_end``.

    ``open`` says whether the application may still add to the response; when it is not, ``write``
    and ``end`` do nothing. Whoever is the exchange's sink reports ``request_ended`` and ``lost``.
    """

    __slots__ = ("_exchange", "_left", "_on_end", "_request_open", "begun", "open")

    def __init__(self, exchange: ServerExchange, on_end: OnEnd) -> None:
        assert exchange.head is not None, "an exchange without a request has no application"
        self._exchange = exchange
        self._on_end: OnEnd | None = on_end
        self._request_open = exchange.head.body != 0
        self._left: int | None = None
        self.begun = False
        self.open = True

    # -- by the application

    def begin(self, head: ResponseHead) -> None:
        """Send the head, or hold it until the first data."""
        request = self._exchange.head
        if not self.open or request is None:
            return
        self.begun = True
        bodiless = head.status in BODILESS or request.method == b"HEAD" or head.body < 0
        self._left = None if bodiless else head.body
        self._exchange.answer(head)

    def write(self, data: bytes) -> None:
        """Send a piece of the body; what exceeds the declared length is left out."""
        if not self.open:
            return
        if self._left is not None:
            if len(data) > self._left:
                log.warn("an answer's body is longer than its Content-Length; the rest is left out")
                data = data[: self._left]
            self._left -= len(data)
        self._exchange.write(data)

    def flush(self) -> None:
        """Send a head that is still held."""
        if self.open and self.begun:
            self._exchange.flush()

    def end(self) -> None:
        """The application has written all. An answer shorter than declared is cut."""
        if not self.open:
            return
        self.open = False
        try:
            self._exchange.end()
        except LocalProtocolError as error:
            log.warn("an answer was cut: {error}", error=error)
            self._finish()
            return
        if not self._request_open:
            self._finish()

    def fail(self, reason: str, status: int = 500) -> None:
        """There is no answer: ``status`` with ``reason`` (one word), or what is sent is cut."""
        if not self.open:
            return
        if self.begun:
            self.cut()
            return
        self.open = False
        refuse(self._exchange, status, reason)
        self._finish()

    def cut(self) -> None:
        """End the connection so that the client sees that the answer is not whole."""
        if self._on_end is not None:
            self.open = False
            self._exchange.cut()
            self._finish()

    # -- by the exchange's sink

    def request_ended(self) -> None:
        """The request is complete."""
        self._request_open = False
        if not self.open:
            self._finish()

    def lost(self) -> None:
        """The exchange was lost; its sink hears nothing more."""
        self.open = False
        self._finish()

    def _finish(self) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()
