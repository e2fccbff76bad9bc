"""What a decision costs must not depend on how many wait: operations are counted, not time."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from lambdadispatch.core.breaker import Breaker
from lambdadispatch.core.bucket import TokenBucket
from lambdadispatch.core.budget import Budget
from lambdadispatch.core.dispatcher import Dispatcher, PoolLimits
from lambdadispatch.core.scaling import ALGORITHMS
from lambdadispatch.core.starts import StartGate

FEW, MANY = 10, 100_000


class Counted:
    """A request or channel that counts how often it is hashed or compared."""

    looks = 0

    def __hash__(self) -> int:
        Counted.looks += 1
        return id(self)

    def __eq__(self, other: object) -> bool:
        Counted.looks += 1
        return self is other


def operations(step: Callable[[], object]) -> tuple[int, int]:
    """Function calls (of Python and of C) that a step makes, and looks at requests."""
    calls = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    looks = Counted.looks
    gc.disable()  # what others have it call (hypothesis does) would count
    sys.setprofile(count)
    try:
        step()
    finally:
        sys.setprofile(None)
        gc.enable()
    return calls, Counted.looks - looks


def costs(waiting: int, instances: int, algorithm: str = "simple") -> dict[str, tuple[int, int]]:
    """What each kind of event costs in a pool with so many waiting requests and instances."""
    limits = PoolLimits(1, 1, instances, 10 * MANY, 1000.0, 1000.0, 0.25, scale_in_delay=1.0)
    gate = StartGate(
        1.0,
        60.0,
        lambda: 0.5,
        bucket=TokenBucket(MANY, MANY),
        breaker=Breaker(),
        budget=Budget(MANY, MANY, 1.0),
    )
    pool = Dispatcher(limits, ALGORITHMS[algorithm], gate)
    pool.keep(instances)
    pool.tick(0.0)
    requests = [Counted() for _ in range(instances + waiting)]
    for request in requests:
        pool.submit(request, 0.0)
    for start in range(1, instances + 1):
        pool.instance_opened(start, f"i{start}", 0.0)
        pool.channel_idle(Counted(), f"i{start}", 0.0)
    assert (pool.waiting, pool.running) == (waiting, instances)
    channel, spare, newcomer = Counted(), Counted(), Counted()
    return {
        "submit": operations(lambda: pool.submit(newcomer, 1.0)),
        "cancel": operations(lambda: pool.cancel(newcomer, 1.0)),
        "cancel in the midst": operations(lambda: pool.cancel(requests[instances + 5], 1.0)),
        "channel idle": operations(lambda: pool.channel_idle(channel, "i1", 1.0)),
        "finished": operations(lambda: pool.finished(requests[0], 1.0)),
        "failed": operations(lambda: pool.assignment_failed(requests[1], 1.0)),
        "channel idle again": operations(lambda: pool.channel_idle(spare, "i2", 1.0)),
        "channel lost": operations(lambda: pool.channel_lost(spare, 1.0)),
        "instance idle": operations(lambda: pool.instance_idle("i1", 1.0)),
        "tick": operations(lambda: pool.tick(2.0)),
        "instance lost": operations(lambda: pool.instance_lost("i3", 2.0)),
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_decision_costs_more_when_many_wait(algorithm: str) -> None:
    few = costs(FEW, 5, algorithm)
    assert costs(MANY, 5, algorithm) == few
    assert max(calls for calls, _ in few.values()) < 150


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_decision_costs_more_when_there_are_many_instances(algorithm: str) -> None:
    assert costs(FEW, 1000, algorithm) == costs(FEW, 5, algorithm)
