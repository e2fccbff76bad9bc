"""Small worlds for the tests: each time and price is chosen so that it can be reckoned by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import StringIO
from math import factorial
from statistics import fmean, stdev
from typing import Any

from lambdadispatch.settings import Settings, settings_from
from lambdadispatch.settings.pool import dispatcher_from
from lambdadispatch.simulator.command import main
from lambdadispatch.simulator.environments import Environments
from lambdadispatch.simulator.events import Arrival
from lambdadispatch.simulator.ideal import Ideal
from lambdadispatch.simulator.own_dispatch import Billing, OwnDispatch
from lambdadispatch.simulator.pool import InstancePlan, Pool
from lambdadispatch.simulator.priming import primed
from lambdadispatch.simulator.record import Record
from lambdadispatch.simulator.workloads import Trace

COLD = 8.0
CALL_BACK = 0.5
Requests = Sequence[Arrival]


def settings(**given: object) -> Settings:
    flags = {name.replace("_", "-"): str(value) for name, value in given.items()}
    return settings_from({"function-name": "simulated", **flags}, {}, None)[0]


def environments(warm: int = 0, account: int = 1000, keep: float = 300.0) -> Environments:
    return Environments(lambda: COLD, keep, account, warm)


def own(
    requests: Requests | Trace,
    *,
    warm: int = 0,
    account: int = 1000,
    timeout: float = 900.0,
    share: float = 1.0,
) -> Record:
    record = Record()
    model = OwnDispatch(environments(warm, account), Billing(timeout, share), record)
    model.run(_trace(requests))
    return record


def ideal(requests: Requests | Trace, slots: int = 1, most: int = 1000) -> Record:
    record = Record()
    Ideal(slots, most, record).run(_trace(requests))
    return record


def pool(
    requests: Requests | Trace,
    *,
    warm: int = 0,
    account: int = 1000,
    timeout: float = 900.0,
    share: float = 1.0,
    cold: float | None = None,
    call_back: Callable[[], float] = lambda: CALL_BACK,
    **given: Any,
) -> Record:
    """This dispatcher; settings by name. A cold start takes 8.5 s, a warm one 0.5 s."""
    found = settings(**given)
    record = Record(router=True)
    plan = InstancePlan(found.channel_count, found.instance_idle, found.deadline_margin, call_back)
    started = environments(warm, account)
    if cold is not None:
        started = Environments(lambda: cold, 300.0, account, warm)
    dispatcher, starts = primed(
        lambda: dispatcher_from(found, lambda: 0.5), found.channel_count, warm
    )
    model = Pool(dispatcher, started, plan, Billing(timeout, share), record)
    model.run(_trace(requests), starts)
    return record


def _trace(requests: Requests | Trace) -> Trace:
    return requests if isinstance(requests, Trace) else Trace(iter(requests))


def waits(record: Record) -> list[tuple[float, float]]:
    """Arrival and wait of all that were taken, in the order in which they were."""
    return [
        (round(arrival, 6), round(wait, 6))
        for arrival, wait in zip(record.arrivals, record.waits, strict=True)
    ]


def erlang_c(servers: int, load: float) -> float:
    """The share of requests that wait in M/M/c (A. K. Erlang, 1917)."""
    busy = load**servers / factorial(servers) * servers / (servers - load)
    return busy / (sum(load**k / factorial(k) for k in range(servers)) + busy)


def interval(values: Sequence[float], batches: int = 25) -> tuple[float, float]:
    """Four standard errors around the mean, by means of batches, which hardly depend on another."""
    size = len(values) // batches
    means = [fmean(values[index * size : (index + 1) * size]) for index in range(batches)]
    error = stdev(means) / batches**0.5
    return fmean(means) - 4 * error, fmean(means) + 4 * error


def command(*arguments: str) -> tuple[int, str, str]:
    """Exit status, output and errors of ``lambdadispatch simulate`` with these words."""
    out, err = StringIO(), StringIO()
    return main(words(arguments), out, err), out.getvalue(), err.getvalue()


def words(texts: Sequence[str]) -> list[str]:
    return [word for text in texts for word in text.split()]
