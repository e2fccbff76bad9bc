"""A Lambda side whose application costs nearly nothing: ``python -m bench.canned``.

Theory of operation. It is a real instance: ``lambda_side`` takes the invocation from the Runtime
API, opens the session, proves itself and dials; its orders are obeyed. Only what happens on a
channel after the upgrade is replaced, by ``CannedAnswers`` straight on uvloop's transport. The
router sees no difference, and is kept as busy as nginx is by its own trivial application.

Channels are opened a few at a time: thousands at once would wait longer than the patience of
either side for TLS handshakes. Each process connects from an address of its own in 127.0.0.0/8, so
that the ports of one address need not suffice for all.
"""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import sys
import time
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.python.failure import Failure

from bench.canned_answers import CannedAnswers
from bench.thin import ThinEndpoint, ThinTransport
from lambda_side.channels import Channels
from lambda_side.dial import Dialer
from lambda_side.endpoint import callback_endpoint
from lambda_side.hosts.host import Host
from lambda_side.instance import Instance
from lambda_side.process import Process
from lambda_side.runtime import Event, RuntimeApi
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.transports.choose import UVLOOP, install, loop_of
from lambdadispatch.transports.endpoints import client_endpoint
from lambdadispatch.wire.payload import InvokePayload
from lambdadispatch.wire.proof import CHANNEL

AT_ONCE = 32
"""Channels that are being opened at the same time."""
TIMEOUT = 5


class CannedChannel(Protocol):
    """A channel on which the answers are prepared."""

    def makeConnection(self, transport: Any) -> None:
        """The roles have been reversed."""
        thin: ThinTransport = transport
        answers = CannedAnswers(thin.connection_lost)
        answers.connection_made(thin.stream)
        thin.stream.set_protocol(answers)
        # The dialler calls it with what came together with the 101.
        self.dataReceived = answers.data_received  # type: ignore[method-assign]
        self.transport = transport


class CannedChannels(Channels):
    """As many channels as were asked for; ``dialer`` makes thin connections."""

    def __init__(
        self, clock: IReactorTime, dialer: Dialer, count: int, on_change: Any, on_refused: Any
    ) -> None:
        super().__init__(
            clock, dialer, count, lambda _: None, on_change, lambda *_: False, on_refused
        )
        self._canned: set[CannedChannel] = set()

    def fill(self) -> None:
        """Open what is missing, a few at a time."""
        while not self._stopped and self.open < self._count and self._dialling < AT_ONCE:
            self._dial()

    def cut(self) -> None:
        """End all at once."""
        self.stop()
        for channel in tuple(self._canned):
            cast(ThinTransport, channel.transport).stream.abort()

    def _dial(self) -> None:
        self._dialling += 1
        channel = CannedChannel()

        def opened(_: None) -> None:
            self._canned.add(channel)
            self._opened(None)
            self.fill()

        def closed() -> None:
            self._canned.discard(channel)
            self._closed()

        self._dialer.dial(CHANNEL, channel, closed).addCallbacks(opened, self._refused)


class CannedInstance(Instance):
    """An instance with such channels. Whether it has work it does not know, and never says."""

    def serve_by(self, channels: CannedChannels) -> None:
        """Use these channels."""
        self._channels = channels

    def _check_idle(self) -> None:
        """The router must not lose it between two measurements."""


class CannedProcess(Process):
    """Serves invocations with such instances; ``loop`` and ``source`` are of their channels."""

    def connect_by(self, loop: asyncio.AbstractEventLoop, source: str) -> None:
        """How channels are opened."""
        self._loop = loop
        self._source = source

    async def _serve(self, event: Event) -> None:
        payload = InvokePayload.decode(event.payload)
        dialer = Dialer(self._clock, self._endpoint_of(payload.callback), payload)
        thin = Dialer(
            self._clock, ThinEndpoint(self._loop, payload.callback, self._source), payload
        )
        remaining = event.deadline - self._wall_clock()
        self._instance = instance = CannedInstance(
            self._clock, dialer, payload, self._host.serve, self._environment, remaining
        )
        instance.serve_by(
            CannedChannels(
                self._clock, thin, payload.channels, instance._on_change, instance._refused
            )
        )
        answer = await instance.run()
        self._instance = None
        await self._runtime.respond(event.request_id, answer.encode())


class NoHost:
    """A host is never asked: the channels answer."""

    def start(self) -> Deferred[None]:
        """Ready at once."""
        return succeed(None)

    def serve(self, exchange: ServerExchange, on_end: Any) -> None:
        """Never called."""
        raise AssertionError("a canned channel has no exchanges")

    def stop(self) -> Deferred[None]:
        """Nothing to let go of."""
        return succeed(None)


def source_address(pid: int) -> str:
    """An address of the loopback network for this process; 127.0.0.1 is left to the others."""
    return f"127.0.{1 + pid // 250 % 250}.{2 + pid % 250}"


class Main:
    """The process: serves until it is told to end; ``run`` gives its exit code."""

    def __init__(self, reactor: Any, process: CannedProcess) -> None:
        self._reactor = reactor
        self._process = process
        self._over: Deferred[None] = Deferred()
        self._stopping = False
        self._code = 0

    def run(self) -> int:
        """Run the reactor until the process is to end."""
        self._reactor.callWhenRunning(gc.freeze)
        self._reactor.callWhenRunning(self._begin)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._shut_down)
        self._reactor.run()
        return self._code

    def _begin(self) -> None:
        Deferred.fromCoroutine(self._process.run()).addBoth(self._ended)

    def _ended(self, result: int | Failure) -> None:
        if isinstance(result, Failure):
            print(result.getTraceback(), flush=True)
            result = 1
        self._code = result
        self._over.callback(None)
        if not self._stopping:
            self._reactor.stop()

    def _shut_down(self) -> Deferred[None] | None:
        """Finish the invocation first."""
        self._stopping = True
        if self._over.called or not self._process.stop("terminated"):
            return None
        return self._over


def main() -> int:
    """The exit code of the process."""
    install(UVLOOP)
    # Imported when the transport has been chosen, which decides what the reactor is.
    from twisted.internet import reactor  # noqa: PLC0415

    loop, clock = loop_of(reactor), cast(IReactorTime, reactor)
    assert loop is not None, "uvloop was asked for"
    Factory.noisy = False
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    host, _, port = address.rpartition(":")
    process = CannedProcess(
        clock,
        RuntimeApi(client_endpoint(reactor, host, int(port), TIMEOUT), address),
        cast(Host, NoHost()),
        lambda callback: callback_endpoint(reactor, callback),
        time.time,
        f"e-{secrets.token_hex(4)}",
    )
    process.connect_by(loop, source_address(os.getpid()))
    return Main(reactor, process).run()


if __name__ == "__main__":
    raise SystemExit(main())
