"""What is simulated is what ships."""

from __future__ import annotations

from typing import Any

from lambdadispatch.router import service
from lambdadispatch.settings import SETTINGS
from lambdadispatch.settings.pool import dispatcher_from
from lambdadispatch.simulator import shipping
from tests.simulator.models import settings


class Noting:
    """Settings that note which of them are read."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self._settings = settings()

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self._settings, name)


def test_every_setting_that_the_dispatcher_is_made_from_can_be_given() -> None:
    noting = Noting()
    dispatcher_from(noting, lambda: 0.5)  # type: ignore[arg-type]
    # With no budget its memory is not asked for.
    assert len(noting.read) > 10
    assert noting.read <= set(shipping.SIMULATED)


def test_the_names_are_settings_and_the_tick_is_the_routers() -> None:
    assert set(shipping.SIMULATED) <= {setting.name for setting in SETTINGS}
    assert service.TICK == shipping.TICK
