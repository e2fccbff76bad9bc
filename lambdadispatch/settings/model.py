"""The settings the router runs by, and the error that lists what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from lambdadispatch.core.routes import Route
from lambdadispatch.core.schedule import Window


class SettingsError(ValueError):
    """Values were refused: ``problems`` has one line for each, and so has the message."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, checked, with what follows from others worked out. Times are in seconds.

    The fields are those of the table `lambdadispatch.settings.table.SETTINGS`, in its order; None
    stands for "off" (ports) and "not given" (names). Below them ``pools``: what holds for each, if
    there are several or if one has settings of its own; see `pools_of`.
    """

    local: str | None
    routes: tuple[Route, ...]
    function_name: str | None
    max_concurrent_count: int
    channel_count: int
    instance_count_multiplier: int
    scaling_algorithm: str
    workers: int
    max_instances: int
    min_instances: int
    min_instances_schedule: tuple[Window, ...] | None
    time_zone: str
    scale_in_delay: float
    start_rate: int
    start_burst: int
    budget_invocations_per_minute: int | None
    budget_gb_seconds_per_hour: int | None
    function_memory_mb: int | None
    port: int | None
    tls_port: int | None
    tls_certificate: str | None
    tls_key: str | None
    allow_insecure_control_channel: bool
    control_port: int | None
    control_tls_port: int | None
    control_tls_certificate: str | None
    control_tls_key: str | None
    control_tls_verify: str
    control_tls_client_ca: str | None
    control_connection_limit: int
    admin_port: int | None
    interface: str
    admin_interface: str
    callback_host: str | None
    env_var_for_callback_ip: str
    callback_port: int | None
    lambda_service_url: str | None
    queue_timeout: float | None
    queue_limit: int | None
    queue_bytes_limit: int
    priority_header: str | None
    priority_classes: str
    first_byte_timeout: float
    idle_timeout: float
    total_timeout: float
    tunnel_idle_timeout: float
    retry_limit: int
    head_limit: int
    header_count_limit: int
    instance_idle: float
    deadline_margin: float
    start_timeout: float
    drain_timeout: float
    ping_interval: float
    backoff_first: float
    backoff_most: float
    front_health_path: str | None
    keep_alive_timeout: float
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    forwarding: str
    request_id_header: str | None
    trace: str
    proxy_protocol: str
    upgrades: tuple[str, ...]
    uri_limit: int
    body_limit: int | None
    head_timeout: float
    body_rate_minimum: int
    client_stall_timeout: float
    connection_limit: int | None
    connections_per_address_limit: int | None
    requests_per_connection_limit: int | None
    http2: str
    http2_stream_limit: int
    transport: str
    access_log: bool
    local_function_timeout: float
    local_concurrency: int
    pools: tuple[PoolSettings, ...] = ()


@dataclass(frozen=True)
class PoolSettings:
    """What one pool runs by: its ``name``, its ``function``, and all ``settings`` as they hold for
    it, of which only those of a pool mean anything.
    """

    name: str
    function: str
    settings: Settings


def pools_of(settings: Settings) -> tuple[PoolSettings, ...]:
    """All pools, at least one; the only one has the name of its function."""
    if settings.pools:
        return settings.pools
    name = settings.function_name
    assert name is not None, "settings without routes have a function"
    return (PoolSettings(name, name, settings),)
