"""What is simulated is built as the router builds it."""

from __future__ import annotations

from lambdadispatch.core.scaling import ALGORITHMS
from lambdadispatch.router import compose, service
from lambdadispatch.settings import SETTINGS
from lambdadispatch.simulator import shipping
from tests.simulator.models import settings


def _chance() -> float:
    return 0.5


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
    composed = compose._dispatcher(found, _chance)
    simulated = shipping.dispatcher_from(found, _chance)
    assert type(composed) is type(simulated)
    assert composed._limits == simulated._limits
    assert vars(composed._gate) == vars(simulated._gate)
    assert composed._scaling.__wrapped__ is simulated._scaling.__wrapped__


def test_the_names_are_settings_and_the_tick_is_the_routers() -> None:
    assert set(shipping.SIMULATED) <= {setting.name for setting in SETTINGS}
    assert service.TICK == shipping.TICK
    assert "simple" in ALGORITHMS
