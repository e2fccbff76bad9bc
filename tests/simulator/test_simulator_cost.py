"""What a simulated request costs must not depend on how many there are: calls are counted."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from tests.simulator.models import own, pool


def calls(model: Any, count: int, **given: Any) -> int:
    """Function calls, of Python and of C, for ``count`` requests, a thousand each second."""
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
    return made


def of_the_last(model: Any, count: int, **given: Any) -> float:
    """What one of the last thousand of ``count`` requests costs."""
    return (calls(model, count, **given) - calls(model, count - 1000, **given)) / 1000


def test_a_request_costs_the_same_among_few_and_among_many() -> None:
    few, many = of_the_last(pool, 3000, warm=20), of_the_last(pool, 12_000, warm=20)
    assert many < 1.1 * few
    assert many < 150


def test_a_long_queue_does_not_make_a_request_dearer() -> None:
    # 10 slots serve 200 a second of the 1000 that come: at the end thousands wait.
    limits = {"max_instances": 1, "queue_timeout": 900, "queue_limit": 100_000}
    short, long = (
        of_the_last(pool, 2000, warm=1, **limits),
        of_the_last(pool, 8000, warm=1, **limits),
    )
    assert long < 1.1 * short


def test_nor_does_it_with_aws_lambdas_own_dispatch() -> None:
    few, many = of_the_last(own, 2000, warm=100), of_the_last(own, 20_000, warm=100)
    assert many < 1.02 * few
    assert many < 40
