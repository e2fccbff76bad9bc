"""The service of the parent: places, the local Lambda that they share, one admin port.

Its end, in order: no worker is started any more; the parent's copies of the listening sockets are
closed and all workers are told to drain, each as a router by itself does; when the last is gone
the local Lambda stops, and the admin port closes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IProtocolFactory, IReactorTime
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from txaio.tx import make_logger

from lambdadispatch.admin.resources import AdminSite
from lambdadispatch.router.ports import CannotListen, Endpoints, Ports, Wanted
from lambdadispatch.router.service import announce
from lambdadispatch.router.ticker import Ticker
from lambdadispatch.router.tls_files import TlsFilesError, TlsMaterial, read_again
from lambdadispatch.settings import Settings
from lambdadispatch.workers.liveness import BEAT
from lambdadispatch.workers.pages import Fetch, Pages
from lambdadispatch.workers.place import Place, Spawn
from lambdadispatch.workers.sockets import ADMIN, SHARED, Sockets, open_sockets

log = make_logger()


class LocalLambdaService(Protocol):
    """The local Lambda."""

    def start(self) -> Deferred[str]:
        """Fires with its URL."""

    def stop(self) -> Deferred[None]:
        """Fires when all environments are gone."""


class ParentService(Service):
    """All workers. ``on_failure`` is given why it cannot go on, and the exit code."""

    def __init__(
        self,
        settings: Settings,
        clock: IReactorTime,
        endpoints: Endpoints,
        spawn: Spawn,
        fetch: Fetch,
        local: LocalLambdaService | None,
        on_failure: Callable[[str, int], None],
        open_all: Callable[[Settings], list[Sockets]] = open_sockets,
        beat: float = BEAT,
        files: Callable[[], TlsMaterial] = TlsMaterial,
    ) -> None:
        self._settings = settings
        self._files = files
        self._material = TlsMaterial()
        self._clock = clock
        self._endpoints = endpoints
        self._spawn = spawn
        self._local = local
        self._on_failure = on_failure
        self._open_all = open_all
        self._beat = beat
        self._looking = Ticker(clock, beat, self._look)
        self._ports = Ports()
        self._announced = False
        self._failed = False
        self._draining = False
        self.places: list[Place] = []
        self._pages = Pages(self.places, fetch, lambda: self._draining)

    @property
    def admin(self) -> Resource:
        """The pages of the admin port."""
        return self._pages.tree()

    # -- starting

    def privilegedStartService(self) -> None:
        """Open all ports; if one cannot be, ``on_failure`` is told and SystemExit raised."""
        try:
            self._material = self._files()
            self._listen_admin()
            opened = self._open_all(self._settings)
        except (CannotListen, TlsFilesError) as error:
            self._ports.close_all()
            self._on_failure(f"lambdadispatch: {error}", 1)
            raise SystemExit(1) from None
        for number, sockets in enumerate(opened):
            place = Place(
                self._clock, number, self._settings, sockets, self._spawn, self, self._beat
            )
            place.renew(self._material)
            self.places.append(place)

    def _listen_admin(self) -> None:
        port = self._settings.admin_port
        if port is None:
            return
        # Without a reactor a Site takes the global one.
        site: IProtocolFactory = AdminSite(self.admin, reactor=self._clock)  # type: ignore[no-untyped-call]
        endpoint = self._endpoints.tcp(port, self._settings.admin_interface)
        self._ports.listen(Wanted(ADMIN, port, endpoint, site))

    @property
    def ports(self) -> dict[str, int | list[int] | None]:
        """The numbers of the open ports; those of control ports are a list, by worker."""
        numbers: dict[str, int | list[int] | None] = {**self._ports.numbers()}
        for name in self.places[0].ports:
            if name in SHARED:
                numbers[name] = self.places[0].ports[name]
            elif name != ADMIN:
                numbers[name] = [place.ports[name] for place in self.places]
        return numbers

    def startService(self) -> None:
        """Start the workers, after the local Lambda if there is one."""
        super().startService()  # type: ignore[no-untyped-call]
        log.info("listening: {ports}", ports=self.ports)
        if self._local is None:
            self._start_all(None)
        else:
            self._local.start().addCallbacks(self._start_all, self._local_failed)

    def _start_all(self, local_url: str | None) -> None:
        for place in self.places:
            if self.running and not self._failed:
                place.start(local_url)
        if self.running:
            self._looking.start()

    def _local_failed(self, failure: Failure) -> None:
        self.gave_up(f"lambdadispatch: {failure.getErrorMessage()}", 1)

    def _look(self) -> None:
        """Replace the worker that has been silent for the longest, if that is too long."""
        silent = [place for place in self.places if place.looked_at()]
        if silent:
            max(silent, key=lambda place: place.silence.looks).replace()

    def reload(self) -> None:
        """Read the files of certificates again, for all workers and those to come."""
        material = read_again(self._files, self._material)
        if material is not None:
            self._material = material
            for place in self.places:
                place.renew(material)

    # -- what places tell

    def place_ready(self) -> None:
        """Once all are ready, say so, for whoever waits for it."""
        if self._announced or not all(place.ready for place in self.places):
            return
        self._announced = True
        log.info("ready: {workers} workers", workers=len(self.places))
        if self._local is not None:
            announce(self.places[0].ports, self._settings)

    def gave_up(self, reason: str, code: int) -> None:
        """One cannot be started: end all, and say why once."""
        if not self._failed:
            self._failed = True
            self._on_failure(reason, code)

    # -- ending

    def stopService(self) -> Deferred[None]:
        """Drain and end; see the module's text."""
        super().stopService()  # type: ignore[no-untyped-call]
        self._draining = True
        self._looking.stop()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        log.info("draining: {workers} workers", workers=len(self.places))
        gone = [place.drain() for place in self.places]
        for place in self.places:
            place.close()
            if self._failed:
                place.hurry()
        await DeferredList(gone)
        if self._local is not None:
            await self._local.stop()
        await DeferredList(self._ports.close_all())
        left_behind = [place.failed_end for place in self.places if place.failed_end]
        if left_behind and not self._failed:
            self._on_failure(f"lambdadispatch: {'; '.join(left_behind)} while draining", 1)
        log.info("stopped")

    def hurry(self) -> None:
        """Wait for nothing any more."""
        for place in self.places:
            place.hurry()
