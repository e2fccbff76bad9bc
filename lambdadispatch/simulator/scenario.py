"""One question to the simulator, and the runs that answer it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

from lambdadispatch.core.scaling import ALGORITHMS
from lambdadispatch.settings import Settings
from lambdadispatch.settings.pool import dispatcher_from
from lambdadispatch.simulator.distributions import Distribution
from lambdadispatch.simulator.environments import Environments
from lambdadispatch.simulator.events import Arrival
from lambdadispatch.simulator.ideal import Ideal
from lambdadispatch.simulator.own_dispatch import Billing, OwnDispatch
from lambdadispatch.simulator.pool import InstancePlan, Pool
from lambdadispatch.simulator.prices import Prices
from lambdadispatch.simulator.priming import primed
from lambdadispatch.simulator.record import Record
from lambdadispatch.simulator.workloads import Trace, Workload

Watch: TypeAlias = Callable[[str, float, Iterator[Arrival]], Iterator[Arrival]]
"""Gives the arrivals on, and shows how far they are: name, about how many there will be."""

HERE, OWN, IDEAL = "this dispatcher", "AWS Lambda's own", "ideal queue"
PARTS = ("dispatcher", "lambda", "ideal", "what-if")
"""What can be asked for, in the order of the table."""


@dataclass(frozen=True)
class Scenario:
    """Everything that a run depends on. ``keep_warm`` is in seconds, ``account`` a concurrency."""

    settings: Settings
    workload: Workload
    cold_start: Distribution
    call_back: Distribution
    keep_warm: float
    account: int
    billing: Billing
    prices: Prices
    seed: int


Run: TypeAlias = Callable[[Scenario, Trace], Record]


def run_dispatcher(scenario: Scenario, trace: Trace) -> Record:
    """Run the dispatcher that ships. Raises PrimingError."""
    settings, seed = scenario.settings, scenario.seed
    record = Record(router=True)
    plan = InstancePlan(
        settings.channel_count,
        settings.instance_idle,
        settings.deadline_margin,
        scenario.call_back.draws(Random(f"{seed}/call backs")),
    )
    dispatcher, warm = primed(
        lambda: dispatcher_from(settings, Random(f"{seed}/back-off").random),
        settings.channel_count,
        scenario.workload.warm,
    )
    pool = Pool(dispatcher, _environments(scenario), plan, scenario.billing, record)
    pool.run(trace, warm)
    return record


def run_own(scenario: Scenario, trace: Trace) -> Record:
    """AWS Lambda without a router."""
    record = Record()
    OwnDispatch(_environments(scenario), scenario.billing, record).run(trace)
    return record


def run_ideal(scenario: Scenario, trace: Trace) -> Record:
    """Give the bound for the same concurrency."""
    record, settings = Record(), scenario.settings
    Ideal(settings.max_concurrent_count, settings.max_instances, record).run(trace)
    return record


def _environments(scenario: Scenario) -> Environments:
    cold_start = scenario.cold_start.draws(Random(f"{scenario.seed}/cold starts"))
    return Environments(cold_start, scenario.keep_warm, scenario.account, scenario.workload.warm)


def planned(
    scenario: Scenario, parts: tuple[str, ...], concurrencies: tuple[int, ...]
) -> Iterator[tuple[str, Scenario, Run]]:
    """Give the rows of the table, in order: name, scenario, and what runs it."""
    settings = scenario.settings
    if "dispatcher" in parts:
        yield HERE, scenario, run_dispatcher
    if "lambda" in parts:
        yield OWN, scenario, run_own
    if "ideal" in parts:
        yield IDEAL, scenario, run_ideal
    if "what-if" in parts:
        for name, changed in _what_if(settings, concurrencies):
            yield name, replace(scenario, settings=changed), run_dispatcher


def _what_if(settings: Settings, concurrencies: tuple[int, ...]) -> Iterator[tuple[str, Settings]]:
    for count in concurrencies:
        if count != settings.max_concurrent_count:
            # Channels stay in proportion, so that they are never what bounds it.
            changed = replace(settings, max_concurrent_count=count, channel_count=2 * count)
            yield f"  {count} per instance", changed
    for name in ALGORITHMS:
        if name != settings.scaling_algorithm:
            yield f"  algorithm {name}", replace(settings, scaling_algorithm=name)


def run_all(
    rows: Iterator[tuple[str, Scenario, Run]], watch: Watch
) -> Iterator[tuple[str, Scenario, Record]]:
    """Run one row after the other, and give each when it is done."""
    for name, scenario, run in rows:
        workload = scenario.workload
        trace = workload.begin()
        watched = trace._replace(arrivals=watch(name, workload.total, trace.arrivals))
        yield name, scenario, run(scenario, watched)
