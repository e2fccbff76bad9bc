"""The rows of the table that are about clients and their connections."""

from __future__ import annotations

from lambdadispatch.settings import kinds
from lambdadispatch.settings.setting import Setting

FRONT = (
    Setting(
        "front_health_path",
        kinds.path(),
        None,
        "Path the router answers with 200 by itself, for a load balancer's check.",
    ),
    Setting(
        "keep_alive_timeout",
        kinds.seconds(1, 3600),
        75.0,
        "How long a client's connection may stay open without a request.",
    ),
    Setting(
        "trusted_proxies",
        kinds.networks(),
        (),
        "Networks whose forwarding fields and request ids are believed, and from which alone "
        "PROXY headers are taken if any are given.",
    ),
    Setting(
        "forwarding",
        kinds.word("x-forwarded", "forwarded", "both", "off"),
        "x-forwarded",
        "Fields that tell the application where a request is from: X-Forwarded-For, -Proto, "
        "-Host and -Port, or Forwarded.",
    ),
    Setting(
        "request_id_header",
        kinds.own_field_name(),
        "x-request-id",
        "Field in which application and client are given the id of a request.",
    ),
    Setting(
        "trace",
        kinds.word("pass", "x-amzn-trace-id", "traceparent", "both"),
        "pass",
        "Trace fields made for requests that come without; all others are passed on.",
    ),
    Setting(
        "proxy_protocol",
        kinds.word("off", "on"),
        "off",
        "Require a header of the PROXY protocol, version 1 or 2, on every client connection.",
    ),
    Setting(
        "upgrades",
        kinds.protocols(),
        ("websocket",),
        "Protocols of Upgrade that clients may change their connections to.",
    ),
    Setting(
        "uri_limit",
        kinds.whole(64, 1_048_576),
        8192,
        "Longest target of a request, in bytes; a longer one is answered 414.",
    ),
    Setting(
        "body_limit",
        kinds.whole(0, 1 << 50, off=True),
        None,
        "Largest body of a request, in bytes; a larger one is answered 413.",
    ),
    Setting(
        "head_timeout",
        kinds.seconds(0, 900),
        15.0,
        "How long the head of a request may take from its first byte, to within a second, before "
        "it is answered 408; 0 sets no limit.",
    ),
    Setting(
        "body_rate_minimum",
        kinds.whole(0, 1_000_000_000),
        50,
        "Bytes a second, over 20 s, at which the body of a request must come that has no answer "
        "yet, or it is answered 408; 0 sets no limit.",
    ),
    Setting(
        "client_stall_timeout",
        kinds.seconds(0, 3600),
        60.0,
        "How long a client may leave unread what was written to it, to within a second, before it "
        "is cut; 0 sets no limit.",
    ),
    Setting(
        "connection_limit",
        kinds.whole(1, 10_000_000, off=True),
        None,
        "Most client connections, in all workers; further ones are closed.",
    ),
    Setting(
        "connections_per_address_limit",
        kinds.whole(1, 10_000_000, off=True),
        None,
        "Most client connections to a worker from one address outside trusted_proxies; further "
        "ones are closed.",
    ),
    Setting(
        "requests_per_connection_limit",
        kinds.whole(1, 10_000_000, off=True),
        None,
        "Requests after which a client's connection is closed.",
    ),
    Setting("http2", kinds.word("on", "off"), "on", "Offer HTTP/2 to clients that come over TLS."),
    Setting(
        "http2_stream_limit",
        kinds.whole(1, 1000),
        100,
        "Most requests that may be open at once on a connection of HTTP/2.",
    ),
)
