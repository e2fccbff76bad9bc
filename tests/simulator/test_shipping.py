"""What is simulated is built as the router builds it."""

from __future__ import annotations

from functools import partial
from typing import Any

from lambdadispatch.router import compose, service
from lambdadispatch.settings import SETTINGS
from lambdadispatch.simulator import shipping
from tests.simulator.models import settings

PLAIN = (int, float, str, bytes, bool, type(None))


def _chance() -> float:
    return 0.5


def description(thing: Any) -> Any:
    """All that an object of the core consists of, as plain values."""
    thing = getattr(thing, "__wrapped__", thing)
    if isinstance(thing, PLAIN):
        return thing
    if isinstance(thing, dict):
        return {key: description(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple | set | frozenset):
        return [description(each) for each in thing]
    if isinstance(thing, partial):
        return description([thing.func, *thing.args, thing.keywords])
    return _of_object(thing)


def _of_object(thing: Any) -> Any:
    if callable(thing):
        return f"{thing.__module__}.{thing.__qualname__}"
    slots = [name for each in type(thing).__mro__ for name in getattr(each, "__slots__", ())]
    inside = {**getattr(thing, "__dict__", {}), **{name: getattr(thing, name) for name in slots}}
    return [type(thing).__qualname__, description(inside)]


def test_the_dispatcher_is_the_one_that_the_router_composes() -> None:
    found = settings(
        max_concurrent_count=3,
        instance_count_multiplier=4,
        max_instances=5,
        queue_limit=6,
        queue_timeout=7,
        start_timeout=8,
        instance_idle=9,
        backoff_first=10,
        backoff_most=11,
    )
    composed = description(compose._dispatcher(found, _chance))
    simulated = description(shipping.dispatcher_from(found, _chance))
    assert composed == simulated
    assert composed != description(shipping.dispatcher_from(settings(), _chance))


def test_the_names_are_settings_and_the_tick_is_the_routers() -> None:
    assert set(shipping.SIMULATED) <= {setting.name for setting in SETTINGS}
    assert service.TICK == shipping.TICK
