"""The whole system in one process on a test clock: router, Lambda side, application.

Nothing is faked but the network, the clock and AWS: ``MemoryLambda`` starts instances of the real
Lambda side, which call back over the in-memory network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from lambda_side.dial import Dialer
from lambda_side.hosts.host import Host
from lambda_side.instance import Instance
from lambdadispatch.invoker.outcomes import InvokeResult, Outcome
from lambdadispatch.router.certificate import KeyAndCertificate
from lambdadispatch.router.compose import Chances, Parts, compose
from lambdadispatch.router.fleet import Starter
from lambdadispatch.router.service import RouterService
from lambdadispatch.router.tls_files import TlsMaterial
from lambdadispatch.settings import PoolSettings, Settings, settings_from
from lambdadispatch.wire.payload import InvokeAnswer, InvokePayload
from tests.memory.network import MemoryNetwork

BEGINNING = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday: the time of day when the test clock shows 0."""

FRONT, CONTROL, ADMIN = 5002, 5001, 5000

WITH_TLS = {"tls_port": 5443, "tls_certificate": "certificate.pem", "tls_key": "key.pem"}
"""Settings of a front that offers HTTP/2; no such files are read."""


class Client(Protocol):
    """A client of the front that keeps what it receives."""

    def __init__(self) -> None:
        self.received = b""
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost = reason


class Running:
    """One started invocation. ``function`` is what was invoked."""

    def __init__(self, payload: InvokePayload, result: Deferred[InvokeResult]) -> None:
        self.payload = payload
        self.result = result
        self.function = ""
        self.instance: Instance | None = None

    def end(self, outcome: Outcome, payload: bytes = b"", message: str = "") -> None:
        """AWS answers the Invoke call."""
        if not self.result.called:
            self.result.callback(InvokeResult(outcome, 200, None, message, payload))


class MemoryLambda:
    """Stands for AWS: ``invoke`` starts an instance after ``cold_start`` seconds, and tells its
    answer ``answer_time`` after it was given.

    ``refuse`` and ``on_start`` let a test decide what becomes of a start; ``refused`` are pools of
    which none is started. ``hosts`` are those of single pools, where they are not ``host``.
    """

    def __init__(self, clock: Clock, network: MemoryNetwork, host: Host) -> None:
        self.clock = clock
        self.network = network
        self.host = host
        self.cold_start = 0.0
        self.answer_time = 0.0
        self.timeout = 900.0
        self.refuse: InvokeResult | None = None
        self.on_start: Callable[[Running], None] | None = None
        self.refused: dict[str, InvokeResult] = {}
        self.hosts: dict[str, Host] = {}
        self.started: list[Running] = []

    def starter_of(self, pool: PoolSettings) -> Starter:
        """As the backend does."""
        return FunctionStarter(self, pool.function)

    def invoke(self, payload: bytes, *, invocation: str) -> Deferred[InvokeResult]:
        """As the invoker does."""
        running = Running(InvokePayload.decode(payload), Deferred())
        self.started.append(running)
        refuse = self.refused.get(running.payload.pool, self.refuse)
        if refuse is not None:
            running.result.callback(refuse)
        else:
            self.clock.callLater(self.cold_start, self._start, running)
        return running.result

    def _start(self, running: Running) -> None:
        if self.on_start is not None:
            self.on_start(running)
        else:
            self.serve(running)

    def serve(self, running: Running) -> None:
        """Run the real Lambda side for this invocation."""
        callback = running.payload.callback
        endpoint = self.network.connect_endpoint(callback.host, callback.port)
        instance = Instance(
            self.clock,
            Dialer(self.clock, endpoint, running.payload),
            running.payload,
            self.hosts.get(running.payload.pool, self.host).serve,
            f"e-{len(self.started)}",
            self.timeout,
        )
        running.instance = instance

        def answered(answer: InvokeAnswer) -> None:
            end = partial(running.end, Outcome.RETURNED, answer.encode())
            if self.answer_time:
                self.clock.callLater(self.answer_time, end)
            else:
                end()

        instance.run().addCallback(answered)


class FunctionStarter:
    """Starts invocations of one function."""

    def __init__(self, aws: MemoryLambda, function: str) -> None:
        self._aws = aws
        self._function = function

    def invoke(self, payload: bytes, *, invocation: str) -> Deferred[InvokeResult]:
        """As the invoker does."""
        result = self._aws.invoke(payload, invocation=invocation)
        self._aws.started[-1].function = self._function
        return result


class MemoryEndpoints:
    """Listens on the in-memory network."""

    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network

    def tcp(self, port: int, interface: str) -> IStreamServerEndpoint:
        return self._network.listen_endpoint(port, interface or "127.0.0.1")

    def tls(self, port: int, interface: str, pair: KeyAndCertificate, *_: Any, **__: Any) -> Any:
        """In clear: who connects says what TLS would have agreed on."""
        return self.tcp(port, interface)


class MemoryBackend:
    """Starts at once and tells the loopback address."""

    def __init__(self) -> None:
        self.started: Deferred[str] = Deferred()
        self.stopped = False

    def start(self) -> Deferred[str]:
        return self.started

    def stop(self) -> Deferred[None]:
        self.stopped = True
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done


class System:
    """A running system; ``settings`` override the defaults, ``file`` is what a TOML file holds."""

    def __init__(
        self,
        make_host: Callable[[Clock], Host],
        chunk: int | None = None,
        file: Mapping[str, object] | None = None,
        **settings: Any,
    ) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock, chunk=chunk)
        self.aws = MemoryLambda(self.clock, self.network, make_host(self.clock))
        self.settings = make_settings(file, **settings)
        self.chance = 0.5
        self.parts: Parts = compose(
            self.settings,
            self.clock,
            self.aws.starter_of,
            self.clock.callLater,
            Chances(lambda: self.chance, lambda: "000000", lambda bits: bits),
            lambda: BEGINNING + timedelta(seconds=self.clock.seconds()),
        )
        self.failures: list[str] = []
        self.backend = MemoryBackend()
        self.service = RouterService(
            self.settings,
            self.parts,
            self.clock,
            MemoryEndpoints(self.network),
            self.backend,
            lambda: KeyAndCertificate(b"", b""),
            self.failures.append,
            files=lambda: TlsMaterial(front=KeyAndCertificate(b"", b"")),
        )
        self.service.privilegedStartService()
        self.service.startService()
        self.backend.started.callback("127.0.0.1")
        self.network.pump()

    def client(self) -> Client:
        """Connect to the front."""
        client = Client()
        self.network.connect(client, FRONT)
        return client

    def ask(self, raw: bytes, seconds: float = 0.0) -> Client:
        """Send bytes on a new connection and let the system run for some time."""
        client = self.client()
        self.send(client, raw)
        self.advance(seconds)
        return client

    def send(self, client: Client, raw: bytes) -> None:
        """Send bytes and deliver everything."""
        assert client.transport is not None
        client.transport.write(raw)
        self.network.pump()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.network.advance(seconds)

    def state(self) -> Any:
        """The router's own state."""
        return self.parts.router.state()


def make_settings(file: Mapping[str, object] | None = None, **changes: Any) -> Settings:
    """Settings for tests: clear text on fixed ports; names as in the settings table, a setting that
    is None is not given.
    """
    given = {"function-name": "web", "control-port": CONTROL, "control-tls-port": "off"}
    given |= {name.replace("_", "-"): value for name, value in changes.items()}
    flags = {name: str(value) for name, value in given.items() if value is not None}
    return settings_from(flags, {}, file)[0]


def get(path: str, *lines: str) -> bytes:
    """A GET request."""
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: test", *lines, "", ""]).encode()
