"""The service that twistd runs: opens the ports, starts, and ends in one written sequence.

Drain, in order: no new connections; tunnels are told to end, and every request that was accepted is
served, for at most ``drain_timeout``; who still waits is refused, every instance is told to leave
and does; what is still open is cut; the other ports close. The front's idle connections close at
once, the busy ones after their answer, which says so.

Rejected: a MultiService, which stops all its children at once; closing the control port first
(instances that start could not call back, and requests that wait for them would be lost).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IProtocolFactory, IReactorTime
from twisted.python.failure import Failure
from txaio.tx import make_logger

from lambdadispatch.admin.resources import AdminSite
from lambdadispatch.router.certificate import KeyAndCertificate
from lambdadispatch.router.compose import Parts
from lambdadispatch.router.ports import CannotListen, Endpoint, Endpoints, Ports, Wanted
from lambdadispatch.router.ticker import Ticker
from lambdadispatch.router.tls_files import TlsFilesError, TlsMaterial
from lambdadispatch.router.tls_ports import TlsPorts
from lambdadispatch.settings import Settings, pools_of
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


def announce(ports: Mapping[str, int | None], settings: Settings) -> None:
    """Say that a router with local functions serves, on one of these ports; one that drains has
    none of them any more.
    """
    scheme, name = ("http", "port") if "port" in ports else ("https", "tls-port")
    if name not in ports:
        return
    url = f"{scheme}://localhost:{ports[name]}"
    if settings.routes:
        count = len(pools_of(settings))
        log.info("ready at {url} with functions: {count}", count=count, url=url)
    else:
        log.info("ready, try: curl {url}/fact", url=url)


class Progress(Protocol):
    """Who is told how far a start has come, in place of the log."""

    def up(self) -> None:
        """Invocations can be started."""

    def ready(self) -> None:
        """With one local function: an instance is ready. Else it comes with ``up``."""


class RouterService(Service):
    """One router on its ports. ``on_failure`` is given why it could not start.

    ``certificate`` makes a key and certificate for the control port; ``files`` reads those that are
    configured, or raises TlsFilesError.
    """

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
        files: Callable[[], TlsMaterial] = TlsMaterial,
    ) -> None:
        self._settings = settings
        self._progress = progress
        self._parts = parts
        self._clock = clock
        self._endpoints = endpoints
        self._backend = backend
        self._on_failure = on_failure
        self._tls = TlsPorts(settings, endpoints, files, certificate)
        self._ports = Ports()
        self._waiting: Deferred[None] | None = None
        self._hurried = False
        self._tickers = [
            Ticker(clock, TICK, parts.pools.tick),
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
            self._tls.read()
            for wanted in self._wanted():
                self._ports.listen(wanted)
        except (CannotListen, TlsFilesError) as error:
            self._ports.close_all()
            self._on_failure(f"lambdadispatch: {error}")
            raise SystemExit(1) from None

    def _wanted(self) -> list[Wanted]:
        settings, parts, endpoints = self._settings, self._parts, self._endpoints
        # Without a reactor a Site takes the global one.
        site: IProtocolFactory = AdminSite(parts.admin, reactor=self._clock)  # type: ignore[no-untyped-call]
        wanted = []

        def want(name: str, port: int, endpoint: Endpoint, factory: IProtocolFactory) -> None:
            wanted.append(Wanted(name, port, endpoint, factory))

        if settings.admin_port is not None:
            endpoint = endpoints.tcp(settings.admin_port, settings.admin_interface)
            want("admin-port", settings.admin_port, endpoint, site)
        if settings.control_port is not None:
            endpoint = endpoints.tcp(settings.control_port, settings.interface)
            want("control-port", settings.control_port, endpoint, parts.control)
        if settings.control_tls_port is not None:
            number = settings.control_tls_port
            want("control-tls-port", number, self._tls.control(number), parts.control)
        if settings.tls_port is not None:
            want("tls-port", settings.tls_port, self._tls.front(settings.tls_port), parts.front)
        if settings.port is not None:
            endpoint = endpoints.tcp(settings.port, settings.interface)
            want("port", settings.port, endpoint, parts.front)
        return wanted

    def reload(self) -> None:
        """Read the files of certificates again."""
        self._tls.reload()

    def renew(self, material: TlsMaterial) -> None:
        """Show new connections these certificates, which somebody else has read."""
        self._tls.renew(material)

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
        self._parts.pools.begin(callback)
        if self._progress is not None:
            self._progress.up()
        if self._settings.local is not None:
            self._parts.pools.warm_up(self._ready)
        elif self._progress is not None:
            self._progress.ready()

    def _callback(self, host: str) -> Callback:
        own = self._ports.number("control-tls-port") or self._ports.number("control-port")
        return self._tls.callback(host, self._settings.callback_port or own or 0)

    def _ready(self) -> None:
        if not self.running:
            # The first instance may come when the router stops already, to serve who waits.
            return
        if self._progress is None:
            announce(self.ports, self._settings)
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
        pools, front = self._parts.pools, self._parts.front
        log.info("draining: no new connections")
        await DeferredList([self._ports.close("port"), self._ports.close("tls-port")])
        front.drain()
        pools.end_tunnels()
        await self._bounded(pools.when_served(), self._settings.drain_timeout)
        pools.drain()
        front.cut()
        await self._bounded(pools.when_left(), LEAVE_TIME)
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
