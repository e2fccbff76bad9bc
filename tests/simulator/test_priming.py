from __future__ import annotations

import pytest

from lambdadispatch.core.actions import Action
from lambdadispatch.core.dispatcher import Dispatcher
from lambdadispatch.core.scaling import ALGORITHMS
from lambdadispatch.settings.pool import dispatcher_from
from lambdadispatch.simulator.priming import QUIET, PrimingError, primed
from tests.simulator.models import settings


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("slots", [1, 10, 100])
@pytest.mark.parametrize("count", [1, 7, 40])
def test_there_are_so_many_idle_instances_with_all_their_channels(
    algorithm: str, slots: int, count: int
) -> None:
    found = settings(max_concurrent_count=slots, scaling_algorithm=algorithm)
    dispatcher, starts = primed(
        lambda: dispatcher_from(found, lambda: 0.5), found.channel_count, count
    )
    assert len(set(starts)) == count
    assert (dispatcher.open_instances, dispatcher.starting) == (count, 0)
    assert (dispatcher.waiting, dispatcher.running) == (0, 0)
    assert dispatcher.idle_channels == count * found.channel_count
    assert dispatcher.draining_instances == 0


class Hasty(Dispatcher):
    """Takes all instances away when 10 s have passed since the last one opened."""

    opened: dict[str, float]

    def instance_opened(self, start: int, name: str, now: float) -> list[Action]:
        self.__dict__.setdefault("opened", {})[name] = now
        return super().instance_opened(start, name, now)

    def tick(self, now: float) -> list[Action]:
        actions = super().tick(now)
        for name, since in self.opened.items():
            if now - since > 10:
                actions += self.instance_leaving(name, "unused", now)
        return actions


def test_the_quiet_before_is_so_short_that_they_stay() -> None:
    made: list[Hasty] = []

    def make() -> Hasty:
        dispatcher = dispatcher_from(settings(), lambda: 0.5)
        dispatcher.__class__ = Hasty
        assert isinstance(dispatcher, Hasty)
        made.append(dispatcher)
        return dispatcher

    dispatcher, starts = primed(make, 20, 3)
    assert len(starts) == dispatcher.open_instances == 3
    # One of them only measured how long it takes.
    assert not any(each.open_instances for each in made[1:-1])
    quiet = QUIET[len(made) - 2]
    assert quiet == 10
    assert all(-quiet - 1 <= opened <= -quiet for opened in made[-1].opened.values())


def test_none_are_none() -> None:
    dispatcher, starts = primed(lambda: dispatcher_from(settings(), lambda: 0.5), 20, 0)
    assert (starts, dispatcher.open_instances) == ([], 0)


def test_a_short_queue_is_enough() -> None:
    dispatcher, starts = primed(lambda: dispatcher_from(settings(queue_limit=1), _half), 20, 40)
    assert len(starts) == dispatcher.open_instances == 40


def test_it_says_when_the_settings_do_not_allow_so_many() -> None:
    with pytest.raises(
        PrimingError, match="4 warm instances are not reached: the dispatcher start"
    ):
        primed(lambda: dispatcher_from(settings(max_instances=3), _half), 20, 4)


def _half() -> float:
    return 0.5
