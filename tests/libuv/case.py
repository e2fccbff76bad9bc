"""What the tests of libuv's transports share: the cases' frame on the real reactor, and TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import defer, reactor, task
from twisted.trial.unittest import TestCase

from lambdadispatch.router.certificate import KeyAndCertificate, make_certificate
from lambdadispatch.transports.choose import loop_of
from tests.memory.cases import Cases
from tests.memory.recorders import Recorder

TURNS = 50


def own_loop() -> asyncio.AbstractEventLoop:
    loop = loop_of(reactor)
    assert loop is not None, "run these by python -m tests.libuv"
    return loop


class LibuvCase(Cases, TestCase):
    """On uvloop's reactor, in turns of it, never in seconds."""

    timeout = 20

    def setUp(self) -> None:
        self.loop = own_loop()

    @defer.inlineCallbacks
    def until(self, condition: Callable[[], bool]) -> Any:
        while not condition():
            yield task.deferLater(reactor, 0)

    @defer.inlineCallbacks
    def settled(self) -> Any:
        for _ in range(TURNS):
            yield task.deferLater(reactor, 0)

    @defer.inlineCallbacks
    def _ended(self, protocol: Recorder) -> Any:
        # Twisted's TLS cannot be aborted once it is lost.
        if not protocol.lost:
            protocol.transport.abortConnection()
            yield self.until(lambda: protocol.lost)

    @defer.inlineCallbacks
    def _stopped(self) -> Any:
        yield self.port.stopListening()
        for server in self.served:
            if server.events:
                yield self._ended(server)

    def conclude(self, done: defer.Deferred[None]) -> defer.Deferred[None]:
        return done


@cache
def pair() -> KeyAndCertificate:
    return make_certificate(datetime.now(UTC))


@cache
def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        file = Path(folder, "pair.pem")
        file.write_bytes(pair().key + pair().certificate)
        context.load_cert_chain(file)
    context.set_alpn_protocols(["http/1.1"])
    return context


@cache
def client_context() -> ssl.SSLContext:
    """Trusts the one certificate, and verifies the name."""
    context = ssl.create_default_context(cadata=pair().certificate.decode("ascii"))
    context.set_alpn_protocols(["http/1.1"])
    return context
