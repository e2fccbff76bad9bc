"""The table of settings: flags, environment variables, file keys, checks and docs come from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambdadispatch.settings import kinds
from lambdadispatch.settings.front_table import FRONT
from lambdadispatch.settings.setting import MOST_CONNECTIONS, Derived, Setting
from lambdadispatch.settings.tls_table import CONTROL_TLS, FRONT_TLS

_CLEAR = ("local", "allow_insecure_control_channel", "workers")


def _clear_port(values: Mapping[str, Any]) -> int | None:
    if not values["local"] and not values["allow_insecure_control_channel"]:
        return None
    # One after the other from 5001, the second worker's would be the client port's default.
    return 5001 if values["workers"] == 1 else 5101


CONFIG = Setting("config", kinds.file_name(), None, "TOML file with settings by name.")
"""Names the file, so it is given by flag or environment variable only."""

SETTINGS = (
    Setting(
        "local",
        kinds.command(),
        None,
        "Run a local Lambda service whose instances are this command, instead of calling AWS.",
    ),
    Setting(
        "routes",
        kinds.routes(),
        (),
        "Which function serves which host and path; the rest is for function_name, or 404.",
    ),
    Setting(
        "function_name",
        kinds.function(),
        Derived(
            'none with routes, "local" with local, else required',
            ("local", "routes"),
            lambda v: "local" if v["local"] and not v["routes"] else None,
        ),
        "Function to invoke; with routes, for what none of them takes.",
    ),
    Setting(
        "max_concurrent_count",
        kinds.whole(1, 1000),
        10,
        "Requests an instance runs at once.",
    ),
    Setting(
        "channel_count",
        kinds.whole(1, 2000),
        Derived(
            "2 x max_concurrent_count",
            ("max_concurrent_count",),
            lambda v: 2 * v["max_concurrent_count"],
        ),
        "Channels an instance opens; at least max_concurrent_count.",
    ),
    Setting(
        "instance_count_multiplier",
        kinds.whole(1, 1000),
        2,
        "Scale for max_concurrent_count / this many requests an instance, rounded up.",
    ),
    Setting(
        "scaling_algorithm",
        kinds.word("simple", "windows", "ewma"),
        "simple",
        "How wanted instances are counted: by what waits and runs now (simple), by its averages "
        "over 60 s and 6 s (windows), or by rate x duration of requests (ewma).",
    ),
    Setting(
        "workers",
        kinds.whole(1, 64),
        1,
        "Processes that share the client port, each with a line and instances of its own.",
    ),
    Setting(
        "max_instances",
        kinds.whole(1, 100_000),
        1000,
        "Most instances open or starting, in all workers, not counting those that leave or are "
        "just being replaced.",
    ),
    Setting(
        "min_instances",
        kinds.whole(0, 100_000),
        0,
        "Instances kept though nothing asks for them; at most max_instances.",
    ),
    Setting(
        "min_instances_schedule",
        kinds.schedule(),
        None,
        "Times at which more are kept: how many, for how long (m, h, d), from when (cron). "
        "Where several apply the most counts.",
    ),
    Setting("time_zone", kinds.time_zone(), "UTC", "Time zone that min_instances_schedule means."),
    Setting(
        "scale_in_delay",
        kinds.seconds(0, 3600),
        30.0,
        "How long fewer instances have to be enough before a busy one is drained.",
    ),
    Setting(
        "start_rate",
        kinds.whole(1, 100_000),
        100,
        "Most starts a second, once start_burst is used up.",
    ),
    Setting(
        "start_burst",
        kinds.whole(1, 100_000),
        1000,
        "Most starts at once; both defaults are what AWS allows a function.",
    ),
    Setting(
        "budget_invocations_per_minute",
        kinds.whole(1, 10_000_000),
        None,
        "Most starts in any minute; no more starts until it is over.",
    ),
    Setting(
        "budget_gb_seconds_per_hour",
        kinds.whole(1, 1_000_000_000),
        None,
        "GB-seconds in any hour after which there are no more starts; what runs goes on.",
    ),
    Setting(
        "function_memory_mb",
        kinds.whole(128, 10_240),
        None,
        "Memory of the function in MB, as set at AWS; needed by budget_gb_seconds_per_hour.",
    ),
    Setting(
        "port",
        kinds.whole(0, 65535, off=True),
        5002,
        "Port for clients (HTTP); 0 picks a free one. It may be off if tls_port is open.",
    ),
    *FRONT_TLS,
    Setting(
        "allow_insecure_control_channel",
        kinds.truth(),
        False,
        "Open the clear-text control port, on 5001 unless control_port says otherwise.",
    ),
    Setting(
        "control_port",
        kinds.whole(0, 65535, off=True),
        Derived(
            "5001 (5101 with workers) with local or allow_insecure_control_channel, else off",
            _CLEAR,
            _clear_port,
        ),
        "Port instances call back to in clear text, of worker i this + i; 0 picks free ones.",
    ),
    *CONTROL_TLS,
    Setting(
        "control_connection_limit",
        kinds.whole(1, MOST_CONNECTIONS),
        Derived(
            "2 x max_instances x (channel_count + 1), of all pools",
            ("max_instances", "channel_count"),
            lambda v: min(MOST_CONNECTIONS, 2 * v["max_instances"] * (v["channel_count"] + 1)),
        ),
        "Most connections to a control port in all (each worker has its own); further ones are "
        "closed at once.",
    ),
    Setting(
        "admin_port",
        kinds.whole(0, 65535, off=True),
        5000,
        "Port for /health, /ready, /state and /metrics; 0 picks a free one.",
    ),
    Setting(
        "interface",
        kinds.interface(),
        Derived(
            "127.0.0.1 with local, else empty",
            ("local",),
            lambda v: "127.0.0.1" if v["local"] else "",
        ),
        "Address the client and control ports listen on.",
    ),
    Setting(
        "admin_interface", kinds.interface(), "127.0.0.1", "Address the admin port listens on."
    ),
    Setting(
        "callback_host",
        kinds.host(),
        None,
        "Host the functions are told to call back to; default: see env_var_for_callback_ip.",
    ),
    Setting(
        "env_var_for_callback_ip",
        kinds.variable(),
        "K8S_POD_IP",
        "Environment variable with the address to call back to, when callback_host is not given.",
    ),
    Setting(
        "callback_port",
        kinds.whole(1, 65535),
        None,
        "Port the functions are told to call back to, when it is mapped (of worker i this + i); "
        "default: the one open.",
    ),
    Setting(
        "lambda_service_url",
        kinds.url(),
        None,
        "Lambda service to call in place of the region's own.",
        ("AWS_LAMBDA_SERVICE_URL",),
    ),
    Setting(
        "queue_timeout",
        kinds.seconds(0.1, 900),
        None,
        "How long a request may wait for a channel; default: 3.5 times what starts take (median), "
        "at least 10 and at most 120 s.",
    ),
    Setting(
        "queue_limit",
        kinds.whole(1, 10_000_000),
        None,
        "Most requests that may wait, in all workers; default: 10 times what open instances can "
        "run at once, at least 100.",
    ),
    Setting(
        "queue_bytes_limit",
        kinds.whole(0, 1 << 40),
        128 << 20,
        "Most bytes that may be held for requests that wait, in all workers: heads, and what is "
        "read ahead of bodies (up to 64 KiB each); 0 sets no limit.",
    ),
    Setting(
        "priority_header",
        kinds.field_name(),
        None,
        "Header field whose value is the class of a request; without it there are no classes. It "
        "is passed on. Any client can send it, so who may is to be decided before the router.",
    ),
    Setting(
        "priority_classes",
        kinds.classes(),
        "high,normal",
        "Classes of requests, from the highest to the lowest, to which who names none or another "
        "belongs. A higher one is always served first.",
    ),
    Setting(
        "first_byte_timeout",
        kinds.seconds(0, 900),
        120.0,
        "How long the answer to a request that was sent may take to begin; 0 sets no limit.",
    ),
    Setting(
        "idle_timeout",
        kinds.seconds(0, 900),
        120.0,
        "How long nothing may pass within a request or an answer; 0 sets no limit.",
    ),
    Setting(
        "total_timeout",
        kinds.seconds(0, 86400),
        0.0,
        "How long a request may take from its arrival to its end; 0 sets no limit.",
    ),
    Setting(
        "tunnel_idle_timeout",
        kinds.seconds(0, 86400),
        0.0,
        "How long nothing may pass in a WebSocket or another tunnel; 0 sets no limit.",
    ),
    Setting(
        "retry_limit",
        kinds.whole(0, 100),
        2,
        "How often a request may be sent again when its instance is lost; 0 sends none again.",
    ),
    Setting(
        "head_limit",
        kinds.whole(1024, 1_048_576),
        65536,
        "Largest head of a request or answer, in bytes.",
    ),
    Setting(
        "header_count_limit", kinds.whole(1, 10_000), 100, "Most fields in the head of a message."
    ),
    Setting(
        "instance_idle",
        kinds.seconds(0.05, 900),
        0.25,
        "How long an instance without work waits before it asks to leave.",
    ),
    Setting(
        "deadline_margin",
        kinds.seconds(1, 300),
        15.0,
        "How long before its invocation times out an instance takes nothing new.",
    ),
    Setting(
        "start_timeout",
        kinds.seconds(1, 900),
        60.0,
        "An invocation that cannot serve by then (called back, a channel open) is given up.",
    ),
    Setting(
        "drain_timeout",
        kinds.seconds(0, 900),
        25.0,
        "How long running requests may take after SIGTERM.",
    ),
    Setting(
        "ping_interval",
        kinds.seconds(0.1, 60),
        2.0,
        "Time between pings on a session; three missed lose the instance.",
    ),
    Setting(
        "backoff_first",
        kinds.seconds(0.01, 900),
        1.0,
        "Longest wait before the next start after a first failed one; it doubles with each.",
    ),
    Setting(
        "backoff_most",
        kinds.seconds(0.01, 3600),
        60.0,
        "What the wait after failed starts grows to; at least backoff_first.",
    ),
    *FRONT,
    Setting(
        "transport",
        kinds.word("auto", "uvloop", "twisted"),
        "auto",
        "What carries connections: uvloop, Twisted's own, or auto: uvloop where there is one.",
    ),
    Setting(
        "access_log",
        kinds.truth(),
        False,
        "Log every request with its outcome, invocation, instance and channel.",
    ),
    Setting(
        "local_function_timeout",
        kinds.seconds(0.1, 900),
        900.0,
        "Timeout of an invocation in the local Lambda service.",
    ),
    Setting(
        "local_concurrency",
        kinds.whole(1, 100_000),
        1000,
        "Most invocations at once in the local Lambda service.",
    ),
)
"""All settings; a Derived default stands below what it needs."""
