"""Puts one router together from its parts; knows no reactor, no socket and no AWS."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import Resource

from lambdadispatch.admin.resources import admin_tree
from lambdadispatch.control.channel import Channel
from lambdadispatch.control.claims import Claim, Claims
from lambdadispatch.control.resources import control_tree
from lambdadispatch.control.server import ControlServer, log_denial
from lambdadispatch.control.session import CallLater, Session
from lambdadispatch.front.answers import answer_reason
from lambdadispatch.front.forwarding import Forwarding
from lambdadispatch.front.priority import Priorities
from lambdadispatch.front.request import Request
from lambdadispatch.front.resource import FrontResource
from lambdadispatch.http11.resource import ResourceServer
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.router.client_side import front_server, make_forwarding
from lambdadispatch.router.counts import Counts
from lambdadispatch.router.fleet import Fleet, Starter
from lambdadispatch.router.invocations import Invocations
from lambdadispatch.router.minimum import ScheduledMinimum
from lambdadispatch.router.plan import SettingsPlan
from lambdadispatch.router.router import Router
from lambdadispatch.router.timers import Timeouts
from lambdadispatch.settings import Settings
from lambdadispatch.settings.kinds import classes_of
from lambdadispatch.settings.pool import dispatcher_from
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.proof import CHANNEL, SESSION
from lambdadispatch.wire.reader import Limits

CONTROL_PATIENCE = 5
"""Seconds that a connection to the control port may take to prove itself."""
CONTROL_LIMITS = Limits(head_octets=8192, fields=32)
"""Of the head that opens a session or a channel; what comes on channels has the front's."""

MB_PER_GB = 1024
"""As AWS reckons memory: a function of 1024 MB for a second is a GB-second."""


@dataclass(frozen=True)
class Chances:
    """Where chance comes in, so that tests can repeat: ``random`` in [0, 1), ``token`` a few
    hexadecimal digits, ``bits`` a number of so many random bits.
    """

    random: Callable[[], float]
    token: Callable[[], str]
    bits: Callable[[int], int]


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
    wall: Callable[[], datetime],
) -> Parts:
    """All parts of a router of one pool, joined; ``wall`` gives the time of day, with a zone."""
    counts, claims = Counts(), Claims(clock.seconds)
    fleet = Fleet(
        clock,
        starter,
        claims,
        Invocations(chances.token),
        counts,
        SettingsPlan(settings, lambda: wall().timestamp()),
        settings.channel_count,
    )
    router = Router(
        clock,
        dispatcher_from(settings, chances.random, _octets),
        fleet,
        counts,
        timeouts=Timeouts(
            settings.first_byte_timeout,
            settings.idle_timeout,
            settings.total_timeout,
            settings.tunnel_idle_timeout,
        ),
        access_log=settings.access_log,
        minimum=_minimum(settings, wall),
    )
    state = _state(settings, router, counts, clock)
    return Parts(
        router,
        fleet,
        _front(settings, router, counts, make_forwarding(settings, chances.bits, wall)),
        _control(settings, router, fleet, claims, counts, call_later),
        admin_tree(router.why_not_ready, state),
    )


def _minimum(settings: Settings, wall: Callable[[], datetime]) -> Callable[[], int] | None:
    windows = settings.min_instances_schedule
    if windows is None:
        return None
    return ScheduledMinimum(settings.min_instances, windows, settings.time_zone, wall)


def _octets(request: Hashable) -> int:
    return cast(Request, request).octets


def _front(
    settings: Settings, router: Router, counts: Counts, forwarding: Forwarding
) -> HttpServer:
    def refused(exchange: ServerExchange, error: RemoteProtocolError) -> None:
        if exchange.head is None:
            counts.refused_heads[error.reason] += 1
            forwarding.arrived(exchange)
        answer_reason(exchange, error.status, error.reason)

    resource = FrontResource(
        router,
        forwarding,
        settings.front_health_path,
        settings.retry_limit,
        _priorities(settings),
    )
    on_request = ResourceServer(resource).on_request
    return front_server(settings, on_request, refused, forwarding, counts.refused_connections)


def _priorities(settings: Settings) -> Priorities | None:
    if settings.priority_header is None:
        return None
    return Priorities(settings.priority_header, classes_of(settings.priority_classes))


def _control(
    settings: Settings,
    router: Router,
    fleet: Fleet,
    claims: Claims,
    counts: Counts,
    call_later: CallLater,
) -> HttpServer:
    def channel(claim: Claim, nonce: str) -> Channel:
        return Channel(router, claim, nonce, _limits(settings))

    def session(claim: Claim, nonce: str) -> Session:
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
