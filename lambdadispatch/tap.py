"""What ``twistd lambdadispatch`` runs: the one place of the router that knows the reactor."""

from __future__ import annotations

import gc
import os
import random
import secrets
import signal
import sys
import time
from datetime import UTC, datetime
from typing import Any, TextIO

from twisted.application.service import IService
from twisted.internet.error import ReactorNotRunning
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from txaio import tx

from lambdadispatch.backends import AwsBackend, LocalBackend
from lambdadispatch.control.session import CallLater
from lambdadispatch.endpoints import ReactorEndpoints
from lambdadispatch.options import Options
from lambdadispatch.router.certificate import make_certificate
from lambdadispatch.router.compose import Chances, compose
from lambdadispatch.router.service import RouterService
from lambdadispatch.settings import Settings

__all__ = ["Options", "makeService"]

log = Logger()

PING_BUCKET = 1.0
"""Seconds. txaio's batched timer knows whole seconds only, and rounds down."""


def makeService(options: Options) -> IService:
    """For twistd: the service of one router, by the settings that were given."""
    # Imported when the command line has chosen which reactor it is to be.
    from twisted.internet import reactor  # noqa: PLC0415

    txaio: Any = tx
    txaio.config.loop = reactor
    Factory.noisy = False
    for warning in options.warnings:
        log.warn("{warning}", warning=warning)
    settings = options.settings
    endpoints = ReactorEndpoints(reactor)
    backend = _backend(reactor, settings, endpoints)
    parts = compose(
        settings,
        reactor,
        backend.invoker,
        _call_later_for_pings(reactor, settings.ping_interval),
        Chances(random.random, lambda: secrets.token_hex(3), time.time),
    )
    # Taken now: once twistd logs, sys.stderr is the log.
    stderr = sys.stderr
    service = RouterService(
        settings,
        parts,
        reactor,
        endpoints,
        backend,
        lambda: make_certificate(datetime.now(UTC)),
        lambda reason: _end(reactor, reason, stderr),
    )
    # Again when it runs: the reactor puts its own in their place as it begins to.
    _end_by_signals(reactor, service)
    reactor.callWhenRunning(_end_by_signals, reactor, service)
    # What is there by now stays: the garbage collector need not look at it again and again.
    reactor.callWhenRunning(gc.freeze)
    return service


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


def _end(reactor: Any, reason: str, stderr: TextIO) -> None:
    """Stop, and leave with exit code 1, which twistd has no way to ask for."""

    def leave() -> None:
        sys.stdout.flush()
        os._exit(1)

    log.error("{reason}", reason=reason)
    print(reason, file=stderr, flush=True)
    reactor.addSystemEventTrigger("after", "shutdown", leave)
    # What fails at once fails before the reactor runs, when it cannot be stopped yet.
    reactor.callWhenRunning(reactor.stop)


def _end_by_signals(reactor: Any, service: RouterService) -> None:
    """SIGTERM and SIGINT end the service, a second one without waiting for anything.

    In place of the reactor's own, after which twistd ends itself by the same signal: to be told to
    stop, and to stop in order, is no failure.
    """

    def end(number: int) -> None:
        log.info("received {signal}", signal=signal.Signals(number).name)
        try:
            reactor.stop()
        except ReactorNotRunning:
            service.hurry()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: reactor.callFromThread(end, number))
