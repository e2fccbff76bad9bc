"""The client port's server and what is told on, from the settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from importlib.util import find_spec
from math import ceil
from typing import Any

from txaio.tx import make_logger

from lambdadispatch.front.admission import FrontAdmission, FrontArrivals
from lambdadispatch.front.forwarding import Forwarding
from lambdadispatch.front.networks import Networks
from lambdadispatch.front.proxied import ProxiedConnection, ProxyAdmission
from lambdadispatch.front.request_ids import RequestIds
from lambdadispatch.front.traces import Traces
from lambdadispatch.http11.exchange import Exchange
from lambdadispatch.http11.pace import ConnectionLimits
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.settings import Settings
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.reader import UNLIMITED, Limits
from lambdadispatch.wire.upgrade import Upgrades

log = make_logger()

_ID_BITS = 64
"""Random bits in the ids of one router: two of them will not give the same ids."""


def make_forwarding(
    settings: Settings, bits: Callable[[int], int], wall: Callable[[], datetime]
) -> Forwarding:
    """What is added to requests and answers, and what is taken from them. ``bits`` gives so many
    random bits, ``wall`` the time of day, with a zone.
    """
    traces = None
    if settings.trace != "pass":
        traces = Traces(
            amzn=settings.trace in {"x-amzn-trace-id", "both"},
            w3c=settings.trace in {"traceparent", "both"},
            bits=bits,
            epoch=lambda: wall().timestamp(),
        )
    ids = RequestIds(settings.request_id_header, f"{bits(_ID_BITS):016x}")
    return Forwarding(settings.forwarding, Networks(settings.trusted_proxies), ids, traces)


def front_server(
    settings: Settings,
    on_request: Callable[[Exchange], None],
    on_refused: Callable[[Exchange, RemoteProtocolError], None],
    forwarding: Forwarding,
    counts: Counter[str],
    later: Callable[[float, Callable[[], None]], object],
) -> HttpServer:
    """The server of the client port. ``counts`` counts connections that are closed unserved,
    ``later`` calls a function after some seconds.
    """
    admission = _admission(settings, counts)
    options: dict[str, Any] = {
        "limits": _message_limits(settings),
        "patience": round(settings.keep_alive_timeout),
        "connection_limits": ConnectionLimits(
            ceil(settings.head_timeout),
            settings.body_rate_minimum,
            settings.requests_per_connection_limit or 0,
            ceil(settings.client_stall_timeout),
        ),
        "admission": admission,
        "answer_names": forwarding.answer_names,
        "later": later,
        "upgrades": Upgrades(word.encode() for word in settings.upgrades),
    }
    server = _server(settings, on_request, on_refused, counts, options)
    server.arrivals = FrontArrivals(admission, counts)
    return server


def _server(
    settings: Settings,
    on_request: Callable[[Exchange], None],
    on_refused: Callable[[Exchange, RemoteProtocolError], None],
    counts: Counter[str],
    options: dict[str, Any],
) -> HttpServer:
    if settings.proxy_protocol == "on":
        return HttpServer(on_request, on_refused, make=ProxiedConnection, **options)
    if settings.tls_port is None or not offers_http2(settings):
        return HttpServer(on_request, on_refused, **options)
    # Only here, for the library need not be there without it.
    from lambdadispatch.http2.rules import Http2Rules  # noqa: PLC0415
    from lambdadispatch.http2.server import NegotiatingServer  # noqa: PLC0415

    rules = Http2Rules(on_request, on_refused, settings.http2_stream_limit, counts)
    return NegotiatingServer(rules, **options)


def offers_http2(settings: Settings) -> bool:
    """Whether the front offers HTTP/2 where TLS lets clients choose."""
    if settings.http2 == "off":
        return False
    if find_spec("h2") is None:
        log.warn("http2 is on, but the package h2 is missing: only HTTP/1.1 is offered")
        return False
    return True


def _message_limits(settings: Settings) -> Limits:
    body = UNLIMITED if settings.body_limit is None else settings.body_limit
    return Limits(settings.head_limit, settings.header_count_limit, settings.uri_limit, body)


def _admission(settings: Settings, counts: Counter[str]) -> FrontAdmission | None:
    most = settings.connection_limit or 0
    most_of_address = settings.connections_per_address_limit or 0
    trusted = Networks(settings.trusted_proxies)
    if settings.proxy_protocol == "on":
        return ProxyAdmission(most, most_of_address, trusted, counts)
    if most or most_of_address:
        return FrontAdmission(most, most_of_address, trusted, counts)
    return None
