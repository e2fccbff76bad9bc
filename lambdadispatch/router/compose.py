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
from lambdadispatch.core.routes import ANY, Route, RouteTable
from lambdadispatch.front.answers import answer_reason
from lambdadispatch.front.forwarding import Forwarding
from lambdadispatch.front.priority import Priorities
from lambdadispatch.front.request import Request
from lambdadispatch.front.resource import FrontResource, Queue
from lambdadispatch.front.routing import RoutedResource
from lambdadispatch.http11.exchange import Exchange
from lambdadispatch.http11.resource import ResourceServer
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.router.client_side import front_server, make_forwarding
from lambdadispatch.router.counts import Counts, added_up
from lambdadispatch.router.fleet import Fleet, Starter
from lambdadispatch.router.invocations import Invocations
from lambdadispatch.router.minimum import ScheduledMinimum
from lambdadispatch.router.plan import SettingsPlan
from lambdadispatch.router.pool import Pool
from lambdadispatch.router.pools import Pools
from lambdadispatch.router.router import Router
from lambdadispatch.router.timers import Timeouts
from lambdadispatch.router.unrouted import Unrouted
from lambdadispatch.settings import PoolSettings, Settings, pools_of
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

    pools: Pools
    front: HttpServer
    control: HttpServer
    admin: Resource

    @property
    def router(self) -> Router:
        """That of the first pool, which is the only one unless there are routes."""
        return self.pools.all[0].router

    @property
    def fleet(self) -> Fleet:
        """That of the first pool."""
        return self.pools.all[0].fleet


def compose(
    settings: Settings,
    clock: IReactorTime,
    starter_of: Callable[[PoolSettings], Starter],
    call_later: CallLater,
    chances: Chances,
    wall: Callable[[], datetime],
) -> Parts:
    """All parts of a router, joined. ``starter_of`` gives what starts the invocations of a pool,
    ``wall`` the time of day, with a zone.
    """
    shared = Shared(settings, clock, chances, wall, Claims(clock.seconds), set())
    pools = Pools(
        [
            _pool(shared, pool, number, starter_of(pool))
            for number, pool in enumerate(pools_of(settings), 1)
        ],
        may_sleep=bool(settings.routes),
    )
    whole = Counts()
    return Parts(
        pools,
        _front(settings, pools, whole, make_forwarding(settings, chances.bits, wall), clock),
        _control(shared, pools, whole, call_later),
        admin_tree(pools.why_not_ready, _state(pools, whole, clock)),
    )


@dataclass(frozen=True)
class Shared:
    """What all pools have in common; ``settings`` are those of the router as a whole."""

    settings: Settings
    clock: IReactorTime
    chances: Chances
    wall: Callable[[], datetime]
    claims: Claims
    connected: set[Channel | Session]


def _pool(shared: Shared, pool: PoolSettings, number: int, starter: Starter) -> Pool:
    settings, chances, wall = pool.settings, shared.chances, shared.wall
    counts = Counts()
    several = bool(shared.settings.routes)

    def token() -> str:
        # Starts are numbered by each pool, but all claims are in one place.
        return f"p{number}-{chances.token()}" if several else chances.token()

    told = pool.name if several else ""
    fleet = Fleet(
        shared.clock,
        starter,
        shared.claims,
        Invocations(token, pool.name),
        counts,
        SettingsPlan(pool, lambda: wall().timestamp()),
        settings.channel_count,
        shared.connected,
        told,
    )
    router = Router(
        shared.clock,
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
        pool=told,
    )
    return Pool(pool.name, router, fleet, counts)


def _minimum(settings: Settings, wall: Callable[[], datetime]) -> Callable[[], int] | None:
    windows = settings.min_instances_schedule
    if windows is None:
        return None
    return ScheduledMinimum(settings.min_instances, windows, settings.time_zone, wall)


def _octets(request: Hashable) -> int:
    return cast(Request, request).octets


def _front(
    settings: Settings,
    pools: Pools,
    counts: Counts,
    forwarding: Forwarding,
    clock: IReactorTime,
) -> HttpServer:
    def refused(exchange: Exchange, error: RemoteProtocolError) -> None:
        if exchange.head is None:
            counts.refused_heads[error.reason] += 1
            forwarding.arrived(exchange)
        answer_reason(exchange, error.status, error.reason)

    priorities = _priorities(settings)

    def front(queue: Queue) -> FrontResource:
        return FrontResource(
            queue, forwarding, settings.front_health_path, settings.retry_limit, priorities
        )

    if settings.routes:
        unrouted = front(Unrouted(counts, access_log=settings.access_log))
        fronts = {pool.name: front(pool) for pool in pools.all}
        resource: Resource = RoutedResource(_table(settings), fronts, unrouted)
    else:
        [pool] = pools.all
        resource = front(pool.router)
    on_request = ResourceServer(resource).on_request
    return front_server(
        settings, on_request, refused, forwarding, counts.refused_connections, clock.callLater
    )


def _table(settings: Settings) -> RouteTable:
    """The routes, and for what none of them takes the pool of ``function_name``, if given."""
    routes = settings.routes
    name = settings.function_name
    if name is not None and not any((host, prefix) == (ANY, "") for host, prefix, _ in routes):
        routes += (Route(ANY, "", name),)
    return RouteTable(routes)


def _priorities(settings: Settings) -> Priorities | None:
    if settings.priority_header is None:
        return None
    return Priorities(settings.priority_header, classes_of(settings.priority_classes))


def _control(shared: Shared, pools: Pools, counts: Counts, call_later: CallLater) -> HttpServer:
    settings, claims, connected = shared.settings, shared.claims, shared.connected
    limits = _limits(settings)

    def channel(claim: Claim, nonce: str) -> Channel:
        return Channel(pools.by_name[claim.pool].router, claim, nonce, limits)

    def session(claim: Claim, nonce: str) -> Session:
        owner = pools.by_name[claim.pool].router
        return Session(owner, claim, call_later, settings.ping_interval)

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
        admitted=lambda: len(connected),
    )


def _limits(settings: Settings) -> Limits:
    return Limits(settings.head_limit, settings.header_count_limit)


def _state(pools: Pools, whole: Counts, clock: IReactorTime) -> Callable[[], Mapping[str, Any]]:
    began = clock.seconds()

    def state() -> Mapping[str, Any]:
        return {
            "seconds": round(clock.seconds() - began, 1),
            "pools": {pool.name: pool.state() for pool in pools.all},
            "since_start": added_up([whole, *(pool.counts for pool in pools.all)]),
        }

    return state
