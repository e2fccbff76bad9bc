"""A server of HTTP/2 and HTTP/1.1 over Twisted's TLS, for clients that are programs of their own.

Prints its port. ``/big`` is a large answer, everything else comes back as it was sent.
"""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from twisted.internet import reactor, ssl
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.task import LoopingCall

from lambdadispatch.http2.rules import Http2Rules
from lambdadispatch.http2.server import NegotiatingServer
from lambdadispatch.http11.exchange import Exchange
from lambdadispatch.router.certificate import make_certificate
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.fields import Pairs
from lambdadispatch.wire.heads import response

BIG = 20_000_000
PIECE = bytes(65536)


class Served:
    """One exchange, answered as the module says."""

    def __init__(self, exchange: Exchange) -> None:
        head = exchange.head
        assert head is not None
        self._exchange = exchange
        self._left = BIG if head.target == b"/big" else 0
        self._going = True
        exchange.answer(response(200, [(b"X-Method", head.method)]))
        exchange.take(self)
        if not head.body:
            self._more()

    def _more(self) -> None:
        while self._left and self._going:
            size = min(self._left, len(PIECE))
            self._left -= size
            self._exchange.write(PIECE[:size])
        if not self._left and not self._exchange.answer_ended:
            self._exchange.end()

    def request_data(self, data: bytes) -> None:
        self._exchange.write(data)

    def request_end(self, trailers: Pairs) -> None:
        self._exchange.end(trailers)

    def client_lost(self, reason: str) -> None:
        self._left = 0

    def client_slow(self) -> None:
        self._going = False
        self._exchange.pause_body()

    def client_ready(self) -> None:
        self._going = True
        self._exchange.resume_body()
        if self._left:
            self._more()


def refused(exchange: Exchange, error: RemoteProtocolError) -> None:
    exchange.respond(error.status, body=error.reason.encode())


def main() -> None:
    pair = make_certificate(datetime.now(UTC), "localhost")
    own = ssl.PrivateCertificate.loadPEM(pair.certificate + pair.key)
    options = ssl.CertificateOptions(privateKey=own.privateKey.original, certificate=own.original)
    server = NegotiatingServer(Http2Rules(Served, refused, 100, Counter()))
    LoopingCall(server.sweep).start(1)
    clock: Any = reactor
    listening = SSL4ServerEndpoint(clock, 0, options, interface="127.0.0.1").listen(server)
    listening.addCallback(lambda port: print(port.getHost().port, flush=True))
    # Ends with who started it.
    clock.callInThread(lambda: (sys.stdin.read(), clock.callFromThread(clock.stop)))
    clock.run()


if __name__ == "__main__":
    main()
