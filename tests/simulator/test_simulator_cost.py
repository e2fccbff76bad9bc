"""What a simulated request costs must not depend on how many there are: calls are counted."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from tests.simulator.models import own, pool


def calls(model: Any, count: int, **given: Any) -> float:
    """Function calls, of Python and of C, for each of ``count`` requests."""
    requests = [(index / 1000, 0.05) for index in range(count)]
    made = 0

    def seen(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal made
        made += event in {"call", "c_call"}

    sys.setprofile(seen)
    try:
        model(requests, **given)
    finally:
        sys.setprofile(None)
    return made / count


def test_a_request_costs_the_same_among_few_and_among_many() -> None:
    few = calls(pool, 5000, warm=20)
    many = calls(pool, 20_000, warm=20)
    assert many < few
    assert many < 120


def test_a_long_queue_does_not_make_a_request_dearer() -> None:
    # 10 slots serve 200 a second of the 1000 that come: at the end thousands wait.
    short = calls(pool, 2000, warm=1, max_instances=1, queue_timeout=900, queue_limit=100_000)
    long = calls(pool, 10_000, warm=1, max_instances=1, queue_timeout=900, queue_limit=100_000)
    assert long < 1.2 * short


def test_nor_does_it_with_aws_lambdas_own_dispatch() -> None:
    few, many = calls(own, 2000, warm=100), calls(own, 20_000, warm=100)
    assert many < 1.02 * few
    assert many < 40
