"""Puts one router together from its parts; knows no reactor, no socket and no AWS."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol
from twisted.web.resource import Resource

from lambdadispatch.admin.resources import admin_tree
from lambdadispatch.control.channel import Channel
from lambdadispatch.control.claims import Claim, Claims
from lambdadispatch.control.resources import control_tree
from lambdadispatch.control.session import CallLater, Session
from lambdadispatch.core.dispatcher import Dispatcher, PoolLimits
from lambdadispatch.core.scaling import ALGORITHMS
from lambdadispatch.core.starts import StartGate
from lambdadispatch.front.answers import answer_reason
from lambdadispatch.front.priority import Priorities
from lambdadispatch.front.resource import FrontResource, Parked
from lambdadispatch.http11.resource import ResourceServer
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.router.counts import Counts
from lambdadispatch.router.fleet import Fleet, Starter
from lambdadispatch.router.invocations import Invocations
from lambdadispatch.router.plan import SettingsPlan
from lambdadispatch.router.router import Router
from lambdadispatch.router.timers import Timeouts
from lambdadispatch.settings import Settings
from lambdadispatch.settings.kinds import classes_of
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.proof import CHANNEL, SESSION
from lambdadispatch.wire.reader import Limits

CONTROL_PATIENCE = 5
"""Seconds that a connection to the control port may take to prove itself."""


@dataclass(frozen=True)
class Chances:
    """Where chance comes in, so that tests can repeat: ``random`` in [0, 1), ``token`` a few
    hexadecimal digits.
    """

    random: Callable[[], float]
    token: Callable[[], str]


@dataclass(frozen=True)
class Parts:
    """A router that is ready to be put on ports."""

    router: Router
    fleet: Fleet
    front: HttpServer
    control: HttpServer
    admin: Resource


def compose(
    settings: Settings,
    clock: IReactorTime,
    starter: Starter,
    call_later: CallLater,
    chances: Chances,
) -> Parts:
    """All parts of a router of one pool, joined."""
    counts, claims = Counts(), Claims()
    fleet = Fleet(
        clock,
        starter,
        claims,
        Invocations(chances.token),
        counts,
        SettingsPlan(settings),
        settings.channel_count,
    )
    router = Router(
        clock,
        _dispatcher(settings, chances.random),
        fleet,
        counts,
        timeouts=Timeouts(
            settings.first_byte_timeout, settings.idle_timeout, settings.total_timeout
        ),
        access_log=settings.access_log,
    )
    state = _state(settings, router, counts, clock)
    return Parts(
        router,
        fleet,
        _front(settings, router, counts),
        _control(settings, router, claims, counts, call_later),
        admin_tree(router.why_not_ready, state),
    )


def _dispatcher(settings: Settings, random: Callable[[], float]) -> Dispatcher:
    limits = PoolLimits(
        max_concurrent=settings.max_concurrent_count,
        multiplier=settings.instance_count_multiplier,
        max_instances=settings.max_instances,
        queue_limit=settings.queue_limit,
        queue_timeout=settings.queue_timeout,
        start_timeout=settings.start_timeout,
        idle_window=settings.instance_idle,
        queue_octets=settings.queue_bytes_limit,
        classes=len(classes_of(settings.priority_classes)) if settings.priority_header else 1,
    )
    gate = StartGate(settings.backoff_first, settings.backoff_most, random)
    octets = _octets if settings.queue_bytes_limit else None
    return Dispatcher(limits, ALGORITHMS[settings.scaling_algorithm], gate, octets)


def _octets(request: Hashable) -> int:
    return cast(Parked, request).octets


def _front(settings: Settings, router: Router, counts: Counts) -> HttpServer:
    def refused(exchange: ServerExchange, error: RemoteProtocolError) -> None:
        if exchange.head is None:
            counts.refused_heads[error.reason] += 1
        answer_reason(exchange, error.status, error.reason)

    return HttpServer(
        ResourceServer(
            FrontResource(
                router, settings.front_health_path, settings.retry_limit, _priorities(settings)
            )
        ).on_request,
        refused,
        limits=_limits(settings),
        patience=round(settings.keep_alive_timeout),
    )


def _priorities(settings: Settings) -> Priorities | None:
    if settings.priority_header is None:
        return None
    return Priorities(settings.priority_header, classes_of(settings.priority_classes))


def _control(
    settings: Settings, router: Router, claims: Claims, counts: Counts, call_later: CallLater
) -> HttpServer:
    def channel(claim: Claim, nonce: str) -> Protocol:
        return Channel(router, claim, nonce, _limits(settings))

    def session(claim: Claim, nonce: str) -> Protocol:
        return Session(router, claim, call_later, settings.ping_interval)

    def denied(reason: str) -> None:
        counts.denied[reason] += 1

    def refused(exchange: ServerExchange, error: RemoteProtocolError) -> None:
        denied(error.reason)
        answer_reason(exchange, error.status, error.reason)

    tree = control_tree(claims, {CHANNEL: channel, SESSION: session}, denied)
    return HttpServer(ResourceServer(tree).on_request, refused, patience=CONTROL_PATIENCE)


def _limits(settings: Settings) -> Limits:
    return Limits(settings.head_limit, settings.header_count_limit)


def _state(
    settings: Settings, router: Router, counts: Counts, clock: IReactorTime
) -> Callable[[], Mapping[str, Any]]:
    began = clock.seconds()

    def state() -> Mapping[str, Any]:
        return {
            "seconds": round(clock.seconds() - began, 1),
            "pools": {settings.function_name: router.state()},
            "since_start": counts.as_mapping(),
        }

    return state
