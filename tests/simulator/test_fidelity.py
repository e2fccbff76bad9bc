"""The simulated pool against the whole system: router, Lambda side and HTTP on the test clock."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.memory.stage_host import StageHost
from tests.memory.system import Running, System, get
from tests.simulator.models import pool

COLD_START = 1.234
Requests = list[tuple[float, float]]


@dataclass
class Seen:
    """How long each request waited, how many starts there were, and how long each was open."""

    waits: list[float]
    starts: int
    open: float


def in_the_system(requests: Requests, **settings: Any) -> Seen:
    """What the real router and Lambda side do with these requests."""
    hosts: list[StageHost] = []

    def make_host(clock: Clock) -> StageHost:
        hosts.append(StageHost(clock))
        return hosts[0]

    system = System(make_host, **settings)
    system.aws.cold_start = COLD_START
    seconds: list[float] = []
    invoke = system.aws.invoke

    def noting(payload: bytes, *, invocation: str) -> object:
        began, result = system.clock.seconds(), invoke(payload, invocation=invocation)
        result.addBoth(_then, lambda: seconds.append(system.clock.seconds() - began))
        return result

    system.aws.invoke = noting  # type: ignore[method-assign,assignment]
    for number, (arrival, duration) in enumerate(requests):
        system.advance(arrival - system.clock.seconds())
        system.ask(get(f"/wait/{duration}/{number}"))
    system.advance(40)
    began = {int(call.path.split("/")[3]): call.at for call in hosts[0].calls}
    waits = [began[number] - arrival for number, (arrival, _) in enumerate(requests)]
    assert not hosts[0].open
    started: list[Running] = system.aws.started
    return Seen([round(wait, 6) for wait in waits], len(started), round(sum(seconds), 3))


def _then(result: Any, call: Any) -> Any:
    call()
    return result


def in_the_simulator(requests: Requests, **settings: Any) -> Seen:
    # Each start takes the system equally long, so none may find a warm environment quicker.
    record = pool(requests, cold=0.0, call_back=lambda: COLD_START, **settings)
    return Seen([round(wait, 6) for wait in record.waits], record.starts, record.billed_ms / 1000)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "settings",
    [
        {"max_concurrent_count": 1, "instance_count_multiplier": 1},
        {"max_concurrent_count": 3, "instance_count_multiplier": 2, "instance_idle": 1},
        {"max_concurrent_count": 10, "max_instances": 2},
    ],
)
def test_it_does_what_the_whole_system_does(seed: int, settings: dict[str, Any]) -> None:
    random = Random(f"fidelity {seed}")
    now, requests = 5.0, []
    for _ in range(60):
        # At odd times, so that nothing falls on a tick by chance.
        now += random.choice([0.003, 0.017, 0.031, 0.093, 0.71]) + random.random() / 1000
        requests.append((now, random.choice([0.0511, 0.2017, 0.9333])))
    real, simulated = in_the_system(requests, **settings), in_the_simulator(requests, **settings)
    assert simulated.waits == pytest.approx(real.waits, abs=1e-4)
    assert simulated.starts == real.starts
    assert simulated.open == pytest.approx(real.open, abs=0.001 * real.starts)
