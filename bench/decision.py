"""What a decision of the dispatcher costs: ``python -m bench.decision WAITING`` prints JSON.

A decision is what one request needs while others wait: it joins the line (``submit``), and the end
of an exchange gives its channel to whoever is first (``exchange_ended``, which returns one Assign).
Both together, so the line is as long after as before. No socket, no HTTP, nothing carried out.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections import deque
from collections.abc import Hashable

from lambdadispatch.core.actions import Action, Assign, Invoke
from lambdadispatch.core.dispatcher import Dispatcher, PoolLimits
from lambdadispatch.core.scaling import Simple
from lambdadispatch.core.starts import StartGate

INSTANCES = 2000
CONCURRENT = 10
DECISIONS = 20_000
BATCHES = 5


class Request:
    """Stands for a request, with the hash that any object has."""

    __slots__ = ()


class Pool:
    """A dispatcher whose every slot is busy, with ``waiting`` requests in its line."""

    def __init__(
        self, waiting: int, instances: int = INSTANCES, concurrent: int = CONCURRENT
    ) -> None:
        limits = PoolLimits(
            concurrent, 2, instances, waiting + instances * concurrent + 2, 1e6, 1e6, 0.25
        )
        self.dispatcher = Dispatcher(limits, Simple, StartGate(1.0, 60.0, lambda: 0.5))
        self.running: list[tuple[Hashable, Hashable, str]] = []
        self._concurrent = concurrent
        self._owners: dict[Hashable, str] = {}
        for _ in range(instances * concurrent + waiting):
            self._obey(self.dispatcher.submit(Request(), 0.0))

    def _obey(self, actions: list[Action]) -> None:
        """Open each instance that is asked for, with its channels; note what runs where."""
        to_do = deque(actions)
        while to_do:
            action = to_do.popleft()
            if isinstance(action, Invoke):
                to_do.extend(self._open(action.start))
            elif isinstance(action, Assign):
                name = self._owners[action.channel]
                self.running.append((action.request, action.channel, name))

    def _open(self, start: int) -> list[Action]:
        name = f"i{start}"
        actions = self.dispatcher.instance_opened(start, name, 0.0)
        for _ in range(self._concurrent):
            channel = Request()
            self._owners[channel] = name
            actions += self.dispatcher.channel_idle(channel, name, 0.0)
        return actions

    def decide(self, decisions: int) -> float:
        """Seconds of CPU for so many decisions."""
        submit, ended = self.dispatcher.submit, self.dispatcher.exchange_ended
        running, now = self.running, 1.0
        newcomers = [Request() for _ in range(decisions)]
        slots = len(running)
        begun = time.process_time()
        for number, newcomer in enumerate(newcomers):
            turn = number % slots
            request, channel, name = running[turn]
            now += 1e-5
            submit(newcomer, now)
            (action,) = ended(request, channel, name, now)
            running[turn] = (action.request, channel, name)  # type: ignore[union-attr]
        return time.process_time() - begun


def measure(waiting: int) -> dict[str, float]:
    """Microseconds a decision: the best of some batches, and the worst."""
    pool = Pool(waiting)
    assert len(pool.running) == INSTANCES * CONCURRENT
    gc.collect()
    gc.freeze()  # as the router does once it runs
    pool.decide(DECISIONS // 10)
    batches = [pool.decide(DECISIONS) / DECISIONS * 1e6 for _ in range(BATCHES)]
    assert pool.dispatcher.waiting == waiting
    return {"decision_us": min(batches), "worst_us": max(batches)}


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
