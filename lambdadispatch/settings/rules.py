"""What settings must keep to together, each being allowed by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lambdadispatch.settings.rule import Rule, Value
from lambdadispatch.settings.tls_rules import TLS_RULES


def _is_given(function: Value, routes: Value) -> Iterator[str]:
    if function.value is None and not routes.value:
        yield (
            "--function-name or LAMBDA_DISPATCH_FUNCTION_NAME: nothing given; allowed: the name "
            "of an AWS Lambda function, name:qualifier, or an ARN; only with local or routes it "
            "may be left"
        )


_LOCAL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _is_a_local_name(function: Value, local: Value) -> Iterator[str]:
    if local.value and function.value and not _LOCAL_NAME.fullmatch(function.value):
        yield (
            f"{function.label}: {function.shown} is refused; allowed with {local.label}: "
            "1 to 64 letters, digits, - and _"
        )


def _is_at_least(one: Value, other: Value) -> Iterator[str]:
    if one.value is not None and one.value < other.value:
        yield (
            f"{one.label}: {one.shown} is refused; allowed: "
            f"at least that of {other.label} ({other.shown})"
        )


def _is_at_least_unless_zero(one: Value, other: Value) -> Iterator[str]:
    """Where 0 sets no limit, which is no part of anything."""
    if one.value:
        yield from _is_at_least(one, other)


def _one_is_open(clear: Value, tls: Value) -> Iterator[str]:
    if clear.value is None and tls.value is None:
        yield (
            f"{clear.label} and {tls.label}: both are off; allowed: at least one of them with "
            "a port, or no function can call back"
        )


def _clients_can_come(clear: Value, tls: Value) -> Iterator[str]:
    if clear.value is None and tls.value is None:
        yield (
            f"{clear.label} and {tls.label}: both are off; allowed: at least one of them with "
            "a port, or no client can connect"
        )


_ALL_INTERFACES = ("", "0.0.0.0", "::")


def _ports_differ(
    front: Value,
    front_tls: Value,
    clear: Value,
    tls: Value,
    admin: Value,
    workers: Value,
    interface: Value,
    admin_interface: Value,
) -> Iterator[str]:
    same = interface.value == admin_interface.value
    shared = same or not {interface.value, admin_interface.value}.isdisjoint(_ALL_INTERFACES)
    wanted = [(front, 1), (front_tls, 1), (clear, workers.value), (tls, workers.value)]
    if shared:
        wanted.append((admin, 1))
    taken: list[tuple[Value, range]] = []
    for each, count in wanted:
        if not each.value:
            continue
        own = range(each.value, each.value + count)
        for other, theirs in taken:
            if max(own.start, theirs.start) < min(own.stop, theirs.stop):
                yield (
                    f"{each.label}: {_span(each, own)} is refused; allowed: "
                    f"a port other than {_that_of(other, theirs)}"
                )
                break
        taken.append((each, own))


def _span(value: Value, ports: range) -> str:
    if len(ports) == 1:
        return value.shown
    return f"{value.shown} ({ports.start} to {ports.stop - 1} for {len(ports)} workers)"


def _that_of(value: Value, ports: range) -> str:
    if len(ports) == 1:
        return f"that of {value.label}"
    return f"those of {value.label} ({ports.start} to {ports.stop - 1})"


def _leaves_room(port: Value, workers: Value) -> Iterator[str]:
    most = 65536 - workers.value
    if port.value is not None and port.value > most:
        yield (
            f"{port.label}: {port.shown} is refused; allowed: at most {most}, "
            f"since {workers.value} workers take a port each from there on"
        )


def _windows_fit(schedule: Value, most: Value) -> Iterator[str]:
    for window in schedule.value or ():
        if window.instances > most.value:
            yield (
                f"{schedule.label}: {schedule.shown} is refused ({window.instances} for "
                f"{window.cron!r}); allowed: counts up to that of {most.label} ({most.shown})"
            )


def _has_memory(budget: Value, memory: Value) -> Iterator[str]:
    if budget.value is not None and memory.value is None:
        yield (
            f"{budget.label}: {budget.shown} needs function_memory_mb, which is not given; "
            "allowed: both, or neither"
        )


RULES = (
    *TLS_RULES,
    Rule(("function_name", "routes"), _is_given),
    Rule(("function_name", "local"), _is_a_local_name),
    Rule(("channel_count", "max_concurrent_count"), _is_at_least),
    Rule(("backoff_most", "backoff_first"), _is_at_least),
    Rule(("max_instances", "workers"), _is_at_least),
    Rule(("queue_limit", "workers"), _is_at_least),
    Rule(("queue_bytes_limit", "workers"), _is_at_least_unless_zero),
    Rule(("connection_limit", "workers"), _is_at_least),
    Rule(("start_rate", "workers"), _is_at_least),
    Rule(("start_burst", "workers"), _is_at_least),
    Rule(("budget_invocations_per_minute", "workers"), _is_at_least),
    Rule(("budget_gb_seconds_per_hour", "workers"), _is_at_least),
    Rule(("max_instances", "min_instances"), _is_at_least),
    Rule(("min_instances_schedule", "max_instances"), _windows_fit),
    Rule(("budget_gb_seconds_per_hour", "function_memory_mb"), _has_memory),
    Rule(("port", "tls_port"), _clients_can_come),
    Rule(("control_port", "control_tls_port"), _one_is_open),
    Rule(("control_port", "workers"), _leaves_room),
    Rule(("control_tls_port", "workers"), _leaves_room),
    Rule(("callback_port", "workers"), _leaves_room),
    Rule(
        (
            "port",
            "tls_port",
            "control_port",
            "control_tls_port",
            "admin_port",
            "workers",
            "interface",
            "admin_interface",
        ),
        _ports_differ,
    ),
)
