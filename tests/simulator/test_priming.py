from __future__ import annotations

import pytest

from lambdadispatch.core.scaling import ALGORITHMS
from lambdadispatch.simulator.priming import Priming, PrimingError
from lambdadispatch.simulator.shipping import dispatcher_from
from tests.simulator.models import settings


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("slots", [1, 10, 100])
@pytest.mark.parametrize("count", [1, 7, 40])
def test_there_are_so_many_idle_instances_with_all_their_channels(
    algorithm: str, slots: int, count: int
) -> None:
    found = settings(max_concurrent_count=slots, scaling_algorithm=algorithm)
    dispatcher = dispatcher_from(found, lambda: 0.5)
    starts = Priming(dispatcher, found.channel_count).run(count, 0.1)
    assert len(set(starts)) == count
    assert (dispatcher.open_instances, dispatcher.starting) == (count, 0)
    assert (dispatcher.waiting, dispatcher.running) == (0, 0)
    assert dispatcher.idle_channels == count * found.channel_count
    assert dispatcher.draining_instances == 0


def test_it_says_when_the_settings_do_not_allow_so_many() -> None:
    dispatcher = dispatcher_from(settings(queue_limit=5), lambda: 0.5)
    with pytest.raises(PrimingError, match="40 warm instances are not reached: the queue is full"):
        Priming(dispatcher, 20).run(40, 0.1)
