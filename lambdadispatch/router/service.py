"""The service that twistd runs: opens the ports, starts, and ends in one written sequence.

Drain, in order: no new connections; tunnels are told to end, and every request that was accepted is
served, for at most ``drain_timeout``; who still waits is refused, every instance is told to leave
and does; what is still open is cut; the other ports close. The front's idle connections close at
once, the busy ones after their answer, which says so.

Rejected: a MultiService, which stops all its children at once; closing the control port first
(instances that start could not call back, and requests that wait for them would be lost).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IProtocolFactory, IReactorTime
from twisted.python.failure import Failure
from txaio.tx import make_logger

from lambdadispatch.admin.resources import AdminSite
from lambdadispatch.router.certificate import KeyAndCertificate, pin_of
from lambdadispatch.router.compose import Parts
from lambdadispatch.router.ports import CannotListen, Endpoints, Ports, Wanted
from lambdadispatch.router.ticker import Ticker
from lambdadispatch.settings import Settings
from lambdadispatch.wire.payload import Callback

log = make_logger()

TICK = 0.1
SWEEP = 1.0
LEAVE_TIME = 5.0
"""Seconds that instances have to leave once nothing runs any more."""


class Backend(Protocol):
    """What invocations are started with; started after the ports, stopped before the process."""

    def start(self) -> Deferred[str]:
        """Fires with the host to call back to when invocations can be started."""

    def stop(self) -> Deferred[None]:
        """Fires when nothing is left running."""


def announce(port: int | None) -> None:
    """Say that a router with a local function serves on ``port``."""
    log.info("ready, try: curl http://localhost:{port}/fact", port=port)


class Progress(Protocol):
    """Who is told how far a start has come, in place of the log."""

    def up(self) -> None:
        """Invocations can be started."""

    def ready(self) -> None:
        """With a local function: an instance is ready. Else it comes with ``up``."""


class RouterService(Service):
    """One router on its ports. ``on_failure`` is given why it could not start."""

    def __init__(
        self,
        settings: Settings,
        parts: Parts,
        clock: IReactorTime,
        endpoints: Endpoints,
        backend: Backend,
        certificate: Callable[[], KeyAndCertificate],
        on_failure: Callable[[str], None],
        progress: Progress | None = None,
    ) -> None:
        self._settings = settings
        self._progress = progress
        self._parts = parts
        self._clock = clock
        self._endpoints = endpoints
        self._backend = backend
        self._certificate = certificate
        self._on_failure = on_failure
        self._pair: KeyAndCertificate | None = None
        self._ports = Ports()
        self._waiting: Deferred[None] | None = None
        self._hurried = False
        self._tickers = [
            Ticker(clock, TICK, parts.router.tick),
            Ticker(clock, SWEEP, self._sweep),
        ]

    @property
    def ports(self) -> dict[str, int | None]:
        """The numbers of the open ports by the name of their setting."""
        return self._ports.numbers()

    # -- starting

    def privilegedStartService(self) -> None:
        """Open the ports; if one cannot be, ``on_failure`` is told and SystemExit raised."""
        try:
            for wanted in self._wanted():
                self._ports.listen(wanted)
        except CannotListen as error:
            self._ports.close_all()
            self._on_failure(f"lambdadispatch: {error}")
            raise SystemExit(1) from None

    def _wanted(self) -> list[Wanted]:
        settings, parts, endpoints = self._settings, self._parts, self._endpoints
        # Without a reactor a Site takes the global one.
        site: IProtocolFactory = AdminSite(parts.admin, reactor=self._clock)  # type: ignore[no-untyped-call]
        wanted = []
        if settings.admin_port is not None:
            endpoint = endpoints.tcp(settings.admin_port, settings.admin_interface)
            wanted.append(Wanted("admin-port", settings.admin_port, endpoint, site))
        if settings.control_port is not None:
            endpoint = endpoints.tcp(settings.control_port, settings.interface)
            wanted.append(Wanted("control-port", settings.control_port, endpoint, parts.control))
        if settings.control_tls_port is not None:
            self._pair = self._certificate()
            number = settings.control_tls_port
            endpoint = endpoints.tls(number, settings.interface, self._pair)
            wanted.append(Wanted("control-tls-port", number, endpoint, parts.control))
        endpoint = endpoints.tcp(settings.port, settings.interface)
        return [*wanted, Wanted("port", settings.port, endpoint, parts.front)]

    def startService(self) -> None:
        """Begin: requests that come before the backend has started wait."""
        super().startService()  # type: ignore[no-untyped-call]
        log.info("listening: {ports}", ports=self.ports)
        for ticker in self._tickers:
            ticker.start()
        self._backend.start().addCallbacks(self._started, self._failed)

    def _started(self, host: str) -> None:
        if not self.running:
            return
        callback = self._callback(host)
        log.info(
            "functions are told to call back to {host} port {port}{tls}",
            host=callback.host,
            port=callback.port,
            tls=" over TLS" if callback.tls else "",
        )
        self._parts.fleet.begin(callback)
        if self._progress is not None:
            self._progress.up()
        if self._settings.local is not None:
            self._parts.fleet.on_first_ready = self._ready
            self._parts.router.warm_up()
        elif self._progress is not None:
            self._progress.ready()

    def _callback(self, host: str) -> Callback:
        tls = self._pair is not None
        own = self._ports.number("control-tls-port" if tls else "control-port")
        port = self._settings.callback_port or own or 0
        if self._pair is None:
            return Callback(host, port)
        pem = self._pair.certificate
        return Callback(host, port, tls=True, certificate=pem.decode(), pin=pin_of(pem))

    def _ready(self) -> None:
        if self._progress is None:
            announce(self._ports.number("port"))
        else:
            self._progress.ready()

    def _failed(self, failure: Failure) -> None:
        if not self.running:
            # Told to stop before it had started: what that leaves undone is no failure.
            return
        self._on_failure(f"lambdadispatch: {failure.getErrorMessage()}")

    def _sweep(self) -> None:
        self._parts.front.sweep()
        self._parts.control.sweep()

    # -- ending

    def stopService(self) -> Deferred[None]:
        """Drain and end; see the module's text."""
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        router, front = self._parts.router, self._parts.front
        log.info("draining: no new connections")
        await self._ports.close("port")
        front.drain()
        router.end_tunnels()
        await self._bounded(router.when_served(), self._settings.drain_timeout)
        router.drain()
        front.cut()
        await self._bounded(router.when_left(), LEAVE_TIME)
        # What was answered has to be written out, too.
        await self._bounded(front.when_empty(), LEAVE_TIME)
        await self._backend.stop()
        for ticker in self._tickers:
            ticker.stop()
        self._parts.control.cut()
        await DeferredList(self._ports.close_all())
        log.info("stopped")

    def hurry(self) -> None:
        """Wait for nothing any more; once stopping has begun, what still runs is cut."""
        self._hurried = True
        self._wait_no_longer()

    async def _bounded(self, done: Deferred[None], seconds: float) -> None:
        """Wait for ``done``, but not longer than that."""
        if self._hurried:
            return
        waiting = self._waiting = Deferred()
        timer = self._clock.callLater(seconds, self._wait_no_longer)
        done.addCallback(lambda _: self._wait_no_longer() if self._waiting is waiting else None)
        await waiting
        if timer.active():
            timer.cancel()

    def _wait_no_longer(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
