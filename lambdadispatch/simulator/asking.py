"""From arguments to a scenario."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import replace
from math import inf
from pathlib import Path
from random import Random
from typing import Any

from lambdadispatch.simulator import prices as price_list
from lambdadispatch.simulator.access_log import AccessLogError, Recorded, read_access_log
from lambdadispatch.simulator.arguments import (
    COMMON,
    DEFAULT_COLD_START,
    SHAPE,
    ArgumentError,
    refuse_unused,
    settings_of,
)
from lambdadispatch.simulator.distributions import Distribution, distribution
from lambdadispatch.simulator.own_dispatch import Billing
from lambdadispatch.simulator.prices import Prices
from lambdadispatch.simulator.scenario import Scenario
from lambdadispatch.simulator.workloads import BUILTIN, Shape, Trace, Workload


def scenario_of(asked: Namespace) -> tuple[Scenario, tuple[str, ...]]:
    """Give what is asked for, and notes on the access log. Raises ArgumentError."""
    settings = settings_of(asked)
    row = BUILTIN.get(asked.workload or "")
    defaults: dict[str, Any] = dict(row.defaults) if row else {}
    cold_start = defaults.pop("cold_start", None) or distribution(DEFAULT_COLD_START)
    if asked.access_log is not None:
        workload, notes = _recorded(asked)
    else:
        workload, notes = _builtin(asked, defaults), ()
    most = min(settings.max_instances, asked.account_concurrency)
    if workload.warm > most:
        raise ArgumentError(
            f"argument --warm: {workload.warm} is refused; allowed: up to {most}, the smaller of "
            f"--max-instances and --account-concurrency"
        )
    scenario = Scenario(
        settings=settings,
        workload=workload,
        cold_start=asked.cold_start or cold_start,
        call_back=asked.call_back,
        keep_warm=asked.keep_warm,
        account=asked.account_concurrency,
        billing=Billing(asked.function_timeout, asked.billed_start_share),
        prices=_prices(asked),
        seed=asked.seed,
    )
    return scenario, notes


def _duration(asked: Namespace, defaults: dict[str, Any]) -> Distribution:
    found: Distribution = asked.duration or defaults.get("duration") or distribution("100ms")
    return found


def _builtin(asked: Namespace, defaults: dict[str, Any]) -> Workload:
    if asked.workload is None:
        raise ArgumentError(
            f"argument --workload: not given, nor --access-log; allowed: {', '.join(BUILTIN)}"
        )
    if asked.log_duration is not None:
        raise ArgumentError("argument --log-duration: there is no log; allowed with: --access-log")
    row = BUILTIN[asked.workload]
    refuse_unused(asked, (*row.takes, *COMMON), f"--workload {asked.workload}")
    given = {name: getattr(asked, name) for name in SHAPE if getattr(asked, name) is not None}
    shape = Shape(**{**defaults, **given, "duration": _duration(asked, defaults)})
    if not shape.duration.mean:
        raise ArgumentError(
            f"argument --duration: {shape.duration.text!r} is refused; allowed: a mean above 0"
        )
    if asked.requests is not None and asked.seconds is None and asked.workload != "ramp":
        shape = replace(shape, seconds=inf)
    told = "".join(f" --{name} {_plain(value)}" for name, value in given.items())
    return row.workload(f"{asked.workload}{told}", shape, asked.seed)


def _plain(value: float) -> str:
    return f"{value:.12g}"


def _recorded(asked: Namespace) -> tuple[Workload, tuple[str, ...]]:
    if asked.workload is not None:
        raise ArgumentError("argument --access-log: not allowed with argument --workload")
    refuse_unused(asked, ("requests", "warm"), "--access-log")
    recorded = _read_log(asked.access_log, asked.log_duration)
    requests = recorded.requests[: asked.requests]
    duration = _duration(asked, {})

    def begin() -> Trace:
        draw = duration.draws(Random(f"{asked.seed}/durations"))
        return Trace((time, draw() if took is None else took) for time, took in requests)

    workload = Workload(
        title=f"access log {Path(asked.access_log).name}",
        begin=begin,
        total=len(requests),
        warm=asked.warm or 0,
    )
    return workload, recorded.notes


def _read_log(name: str, unit: str | None) -> Recorded:
    try:
        if name == "-":
            return read_access_log(sys.stdin, unit)
        with Path(name).open(encoding="utf-8", errors="replace") as lines:
            return read_access_log(lines, unit)
    except OSError as error:
        raise ArgumentError(
            f"argument --access-log: {name!r} cannot be read: {error.strerror}; "
            f"allowed: a file, or - for standard input"
        ) from None
    except AccessLogError as error:
        raise ArgumentError(f"argument --access-log: {name!r}: {error}") from None


def _prices(asked: Namespace) -> Prices:
    listed = price_list.LIST[asked.architecture]

    def chosen(given: float | None, price: float) -> float:
        return price if given is None else given

    return Prices(
        gb_second=chosen(asked.price_gb_second, listed.gb_second),
        million_requests=chosen(asked.price_million_requests, price_list.MILLION_REQUESTS),
        router_hour=chosen(asked.price_router_hour, listed.router_hour),
        memory=asked.memory / 1024,
    )
