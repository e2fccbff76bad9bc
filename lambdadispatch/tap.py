"""What ``twistd lambdadispatch`` runs: the one place of the router that knows the reactor."""

from __future__ import annotations

import gc
import os
import random
import secrets
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from twisted.application.service import IService
from twisted.internet.error import ReactorNotRunning
from twisted.internet.protocol import Factory
from twisted.logger import Logger, globalLogBeginner
from txaio import tx

from lambdadispatch.backends import (
    AwsBackend,
    LocalBackend,
    LocalFunctionService,
    SharedLocalBackend,
)
from lambdadispatch.control.session import CallLater
from lambdadispatch.endpoints import InheritedEndpoints, ReactorEndpoints
from lambdadispatch.options import Options
from lambdadispatch.router.certificate import make_certificate
from lambdadispatch.router.compose import Chances, compose
from lambdadispatch.router.ports import Endpoints
from lambdadispatch.router.service import Progress, RouterService
from lambdadispatch.router.tls_files import TlsFiles, TlsMaterial
from lambdadispatch.settings import Settings
from lambdadispatch.transports.choose import TWISTED, UVLOOP, loop_of
from lambdadispatch.transports.descriptors import allow_descriptors
from lambdadispatch.transports.memory import keep_freed_memory
from lambdadispatch.workers.orders import obey, patience, start
from lambdadispatch.workers.pages import HttpFetch
from lambdadispatch.workers.parent import ParentService
from lambdadispatch.workers.process import REPORTS, start_process
from lambdadispatch.workers.reports import Reports, beats
from lambdadispatch.workers.shares import Share
from lambdadispatch.workers.sockets import LOOPBACK

__all__ = ["Options", "makeService"]

log = Logger()

COLLECT_AFTER = 20_000
"""New objects between two looks of the garbage collector; Python's own number is 700."""
PING_BUCKET = 1.0
"""Seconds. txaio's batched timer knows whole seconds only, and rounds down."""


def makeService(options: Options) -> IService:
    """For twistd: one router, or the parent of several, by the settings that were given."""
    reactor = _reactor()
    for warning in options.warnings:
        log.warn("{warning}", warning=warning)
    settings = options.settings
    # Taken now: once twistd logs, sys.stderr is the log.
    stderr = sys.stderr

    def failed(reason: str, code: int = 1) -> None:
        _end(reactor, reason, code, lambda: print(reason, file=stderr, flush=True))

    endpoints = ReactorEndpoints(reactor)
    if settings.workers > 1:
        service: RouterService | ParentService = _parent(reactor, settings, endpoints, failed)
    else:
        backend = _backend(reactor, settings, endpoints)
        service = _router(reactor, settings, endpoints, backend, failed)
    _end_in_order(reactor, service)
    _reload_by_signal(reactor, service)
    return service


def run_worker(share: Share, orders: Iterable[bytes]) -> None:
    """Run one of several routers to its end; descriptor 3 leads to the parent."""
    reactor = _reactor()
    os.set_inheritable(REPORTS, False)
    reports = Reports(os.fdopen(REPORTS, "w", encoding="utf-8"))
    globalLogBeginner.beginLoggingTo([reports])

    def failed(reason: str) -> None:
        _end(reactor, reason, 1, lambda: reports.failed(reason))

    settings, url = share.settings, share.local_url
    service = _router(
        reactor,
        settings,
        InheritedEndpoints(reactor, share.sockets),
        AwsBackend(reactor, settings)
        if url is None
        else SharedLocalBackend(reactor, settings, url),
        failed,
        f"w{share.worker}-",
        reports,
        lambda: share.tls,
    )
    service.privilegedStartService()
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    _end_in_order(reactor, service)
    # It is the parent that reads files again; the default would end the worker.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    obedient = Obeying(reactor, service)
    reactor.callWhenRunning(start, lambda: obey(orders, obedient, patience(settings)))
    reactor.callWhenRunning(reports.alive)
    reactor.callWhenRunning(beats(reactor, share.beat, reports).start)
    reactor.run()


def _reactor() -> Any:
    # Imported when the command line has chosen which reactor it is to be.
    from twisted.internet import reactor  # noqa: PLC0415

    txaio: Any = tx
    txaio.config.loop = reactor
    Factory.noisy = False
    return reactor


def _parent(
    reactor: Any,
    settings: Settings,
    endpoints: ReactorEndpoints,
    failed: Callable[[str, int], None],
) -> ParentService:
    # What the parent has chosen, by --reactor or by what is installed, holds for the workers.
    transport = TWISTED if loop_of(reactor) is None else UVLOOP
    local = settings.local and LocalFunctionService(reactor, settings, endpoints.tcp(0, LOOPBACK))
    return ParentService(
        replace(settings, transport=transport),
        reactor,
        endpoints,
        partial(start_process, reactor),
        HttpFetch(reactor),
        local or None,
        failed,
        files=_tls_files(settings),
    )


def _router(
    reactor: Any,
    settings: Settings,
    endpoints: Endpoints,
    backend: AwsBackend,
    failed: Callable[[str], None],
    mark: str = "",
    progress: Progress | None = None,
    files: Callable[[], TlsMaterial] | None = None,
) -> RouterService:
    """One router; ``mark`` stands in the names of its invocations and instances."""
    keep_freed_memory()
    allow_descriptors()
    parts = compose(
        settings,
        reactor,
        backend.starter_of,
        _call_later_for_pings(reactor, settings.ping_interval),
        Chances(random.random, lambda: mark + secrets.token_hex(3), random.getrandbits),
        lambda: datetime.now(UTC),
    )
    return RouterService(
        settings,
        parts,
        reactor,
        endpoints,
        backend,
        lambda: make_certificate(datetime.now(UTC)),
        failed,
        progress,
        files or _tls_files(settings),
    )


def _tls_files(settings: Settings) -> TlsFiles:
    return TlsFiles(settings, lambda: datetime.now(UTC))


def _call_later_for_pings(reactor: Any, interval: float) -> CallLater:
    if interval < PING_BUCKET:
        later: CallLater = reactor.callLater
    else:
        txaio: Any = tx
        later = txaio.make_batched_timer(PING_BUCKET).call_later
    return later


def _backend(reactor: Any, settings: Settings, endpoints: ReactorEndpoints) -> AwsBackend:
    if settings.local is None:
        return AwsBackend(reactor, settings)
    return LocalBackend(reactor, settings, endpoints.tcp(0, "127.0.0.1"))


def _end(reactor: Any, reason: str, code: int, tell: Callable[[], None]) -> None:
    """Stop, and leave with this exit code, which twistd has no way to ask for."""

    def leave() -> None:
        sys.stdout.flush()
        os._exit(code)

    def stop() -> None:
        with suppress(ReactorNotRunning):  # it stops already
            reactor.stop()

    log.error("{reason}", reason=reason)
    tell()
    reactor.addSystemEventTrigger("after", "shutdown", leave)
    # What fails at once fails before the reactor runs, when it cannot be stopped yet.
    reactor.callWhenRunning(stop)


def _end_in_order(reactor: Any, service: RouterService | ParentService) -> None:
    end = Ending(reactor, service)
    end.by_signals()
    # Again when it runs: the reactor puts its own in their place as it begins to.
    reactor.callWhenRunning(end.by_signals)
    # What is there by now stays: the garbage collector need not look at it again and again.
    reactor.callWhenRunning(gc.freeze)
    # What comes and goes with a request lets go of itself: looking for cycles finds next to none.
    gc.set_threshold(COLLECT_AFTER, 20, 20)


class Ending:
    """SIGTERM and SIGINT end the service, a second one without waiting for anything.

    In place of the reactor's own, after which twistd ends itself by the same signal: to be told to
    stop, and to stop in order, is no failure. Only signals are counted: to a worker that the parent
    has told to drain, the signal that systemd sends to each process is the first.
    """

    def __init__(self, reactor: Any, service: RouterService | ParentService) -> None:
        self._reactor = reactor
        self._service = service
        self._told = False

    def by_signals(self) -> None:
        """Take the signals over."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._received)

    def _received(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self._end, number)

    def _end(self, number: int) -> None:
        log.info("received {signal}", signal=signal.Signals(number).name)
        told, self._told = self._told, True
        with suppress(ReactorNotRunning):  # it stops already
            self._reactor.stop()
        if told:
            self._service.hurry()


def _reload_by_signal(reactor: Any, service: RouterService | ParentService) -> None:
    """SIGHUP has the files of certificates read again."""

    def reload() -> None:
        log.info("received SIGHUP")
        service.reload()

    signal.signal(signal.SIGHUP, lambda number, frame: reactor.callFromThread(reload))


class Obeying:
    """Carries out the parent's orders in a worker; each may come again."""

    def __init__(self, reactor: Any, service: RouterService) -> None:
        self._reactor = reactor
        self._service = service

    def drain(self) -> None:
        """Finish and end."""
        self._reactor.callFromThread(self._stop)

    def hurry(self) -> None:
        """End without waiting."""
        self._reactor.callFromThread(self._service.hurry)
        self._reactor.callFromThread(self._stop)

    def renew(self, material: TlsMaterial) -> None:
        """Show new connections these certificates."""
        self._reactor.callFromThread(self._service.renew, material)

    def leave(self) -> None:
        """End now."""
        os._exit(1)

    def _stop(self) -> None:
        with suppress(ReactorNotRunning):
            self._reactor.stop()
