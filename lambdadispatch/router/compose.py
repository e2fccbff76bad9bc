"""Puts one router together from its parts; knows no reactor, no socket and no AWS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol
from twisted.web.resource import Resource

from lambdadispatch.admin.resources import admin_tree
from lambdadispatch.control.channel import Channel
from lambdadispatch.control.claims import Claim, Claims
from lambdadispatch.control.resources import control_tree
from lambdadispatch.control.server import ControlServer, log_denial
from lambdadispatch.control.session import CallLater, Session
from lambdadispatch.core.dispatcher import Dispatcher, PoolLimits
from lambdadispatch.core.scaling import ALGORITHMS
from lambdadispatch.core.starts import StartGate
from lambdadispatch.front.answers import answer_reason
from lambdadispatch.front.resource import FrontResource
from lambdadispatch.http11.resource import ResourceServer
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.router.counts import Counts
from lambdadispatch.router.fleet import Fleet, Starter
from lambdadispatch.router.invocations import Invocations
from lambdadispatch.router.plan import SettingsPlan
from lambdadispatch.router.router import Router
from lambdadispatch.settings import Settings
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.proof import CHANNEL, SESSION
from lambdadispatch.wire.reader import Limits

CONTROL_PATIENCE = 5
"""Seconds that a connection to the control port may take to prove itself."""
CONTROL_LIMITS = Limits(head_octets=8192, fields=32)
"""Of the head that opens a session or a channel; what comes on channels has the front's."""


@dataclass(frozen=True)
class Chances:
    """What comes from outside, so that tests can repeat: ``random`` in [0, 1), ``token`` a few
    hexadecimal digits, ``wall_clock`` in seconds since the epoch.
    """

    random: Callable[[], float]
    token: Callable[[], str]
    wall_clock: Callable[[], float]


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
    counts, claims = Counts(), Claims(clock.seconds)
    fleet = Fleet(
        clock,
        starter,
        claims,
        Invocations(chances.token),
        counts,
        SettingsPlan(settings, chances.wall_clock),
        settings.channel_count,
    )
    router = Router(
        clock,
        _dispatcher(settings, chances.random),
        fleet,
        counts,
        first_byte_timeout=settings.first_byte_timeout,
        access_log=settings.access_log,
    )
    state = _state(settings, router, counts, clock)
    return Parts(
        router,
        fleet,
        _front(settings, router, counts),
        _control(settings, router, fleet, claims, counts, call_later),
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
    )
    gate = StartGate(settings.backoff_first, settings.backoff_most, random)
    return Dispatcher(limits, ALGORITHMS[settings.scaling_algorithm], gate)


def _front(settings: Settings, router: Router, counts: Counts) -> HttpServer:
    def refused(exchange: ServerExchange, error: RemoteProtocolError) -> None:
        if exchange.head is None:
            counts.refused_heads[error.reason] += 1
        answer_reason(exchange, error.status, error.reason)

    return HttpServer(
        ResourceServer(FrontResource(router, settings.front_health_path)).on_request,
        refused,
        limits=_limits(settings),
        patience=round(settings.keep_alive_timeout),
    )


def _control(
    settings: Settings,
    router: Router,
    fleet: Fleet,
    claims: Claims,
    counts: Counts,
    call_later: CallLater,
) -> HttpServer:
    def channel(claim: Claim) -> Protocol:
        return Channel(router, claim, _limits(settings))

    def session(claim: Claim) -> Protocol:
        return Session(router, claim, call_later, settings.ping_interval)

    def denied(reason: str) -> None:
        counts.denied[reason] += 1

    def refused(exchange: ServerExchange, error: RemoteProtocolError) -> None:
        log_denial(exchange.peer, error.reason)
        denied(error.reason)
        answer_reason(exchange, error.status, error.reason)

    tree = control_tree(claims, {CHANNEL: channel, SESSION: session}, denied)
    return ControlServer(
        ResourceServer(tree).on_request,
        refused,
        denied,
        limits=CONTROL_LIMITS,
        patience=CONTROL_PATIENCE,
        most=settings.control_connection_limit,
        admitted=lambda: len(fleet.connected),
    )


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
