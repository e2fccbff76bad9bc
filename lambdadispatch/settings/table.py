"""The table of settings: flags, environment variables, file keys, checks and docs come from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lambdadispatch.settings import kinds
from lambdadispatch.settings.kinds import Kind

PREFIX = "LAMBDA_DISPATCH_"


@dataclass(frozen=True)
class Derived:
    """A default that follows from other settings.

    ``text`` says how, ``needs`` names the settings ``of`` reads; they stand above in the table.
    """

    text: str
    needs: tuple[str, ...]
    of: Callable[[Mapping[str, Any]], object]


@dataclass(frozen=True)
class Setting:
    """One row: ``default`` is the value itself or a `Derived`.

    ``aliases`` are whole names of further environment variables. Beside them each setting has
    two: the prefix with the name in capitals, and with the name in CamelCase, which is what users
    of the .NET router have.
    """

    name: str
    kind: Kind
    default: object
    help: str
    aliases: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """The name of the command line option, without its two dashes."""
        return self.name.replace("_", "-")

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that give this setting, the preferred one first."""
        camel = "".join(part.capitalize() for part in self.name.split("_"))
        return (PREFIX + self.name.upper(), PREFIX + camel, *self.aliases)


_CLEAR = ("local", "allow_insecure_control_channel")

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
        "function_name",
        kinds.function(),
        Derived(
            '"local" with local, else required',
            ("local",),
            lambda v: "local" if v["local"] else None,
        ),
        "Function to invoke.",
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
    Setting("scaling_algorithm", kinds.word("simple"), "simple", "How instances are counted."),
    Setting("max_instances", kinds.whole(1, 100_000), 1000, "Most instances at any time."),
    Setting("port", kinds.whole(0, 65535), 5002, "Port for clients (HTTP); 0 picks a free one."),
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
            "5001 with local or allow_insecure_control_channel, else off",
            _CLEAR,
            lambda v: 5001 if v["local"] or v["allow_insecure_control_channel"] else None,
        ),
        "Port instances call back to in clear text; 0 picks a free one.",
    ),
    Setting(
        "control_tls_port",
        kinds.whole(0, 65535, off=True),
        Derived("5003, off with local", ("local",), lambda v: None if v["local"] else 5003),
        "Port instances call back to over TLS; 0 picks a free one.",
    ),
    Setting(
        "control_connection_limit",
        kinds.whole(1, 10_000_000),
        Derived(
            "max_instances x (2 x channel_count + 1)",
            ("max_instances", "channel_count"),
            lambda v: min(10_000_000, v["max_instances"] * (2 * v["channel_count"] + 1)),
        ),
        "Most connections to the control port in all; further ones are closed at once.",
    ),
    Setting(
        "admin_port",
        kinds.whole(0, 65535, off=True),
        5000,
        "Port for /health, /ready and /state; 0 picks a free one.",
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
        "Port the functions are told to call back to, when it is mapped; default: the one open.",
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
        30.0,
        "How long a request may wait for a channel.",
    ),
    Setting("queue_limit", kinds.whole(1, 10_000_000), 10_000, "Most requests that may wait."),
    Setting(
        "first_byte_timeout",
        kinds.seconds(0, 900),
        120.0,
        "How long the answer to an assigned request may take to begin; 0 sets no limit.",
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
        "An invocation that has not called back by then is given up.",
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
