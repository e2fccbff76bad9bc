"""Functions that never come to serve, for five minutes each: what they cost, and what clients hear.

The dispatcher runs with the gate as it ships. Every half second a client asks; every tenth of a
second there is a tick.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from lambdadispatch.core.actions import Action, Assign, Close, Invoke, Refuse, Retire
from lambdadispatch.core.breaker import Breaker
from lambdadispatch.core.bucket import TokenBucket
from lambdadispatch.core.budget import Budget
from lambdadispatch.core.dispatcher import Dispatcher, PoolLimits
from lambdadispatch.core.outcomes import RequestOutcome, StartFailure
from lambdadispatch.core.scaling import ALGORITHMS
from lambdadispatch.core.starts import StartGate

MINUTES = 5
QUEUE_TIMEOUT = 30.0
LIMITS = PoolLimits(10, 2, 1000, 10_000, QUEUE_TIMEOUT, 60.0, 0.25)


class World:
    """What AWS and the function do, by a list of what is due when."""

    def __init__(self, function: Callable[[World, int], None], budget: Budget | None) -> None:
        gate = StartGate(
            1.0,
            60.0,
            lambda: 0.5,
            bucket=TokenBucket(100, 1000),
            breaker=Breaker(),
            budget=budget,
        )
        self.function = function
        self.pool = Dispatcher(LIMITS, ALGORITHMS["simple"], gate)
        self.now = 0.0
        self.due: list[tuple[float, Callable[[], list[Action]]]] = []
        self.starts: list[float] = []
        self.asked: dict[str, float] = {}
        self.told: dict[str, tuple[float, str]] = {}
        self.brakes: Counter[object] = Counter()

    def later(self, seconds: float, event: Callable[[], list[Action]]) -> None:
        self.due.append((self.now + seconds, event))

    def run(self) -> None:
        for tick in range(MINUTES * 600):
            self.now = tick / 10
            for entry in [entry for entry in self.due if entry[0] <= self.now]:
                self.due.remove(entry)
                self.carry_out(entry[1]())
            self.carry_out(self.pool.tick(self.now))
            if tick % 5 == 0:
                name = f"r{tick}"
                self.asked[name] = self.now
                self.carry_out(self.pool.submit(name, self.now))
            self.brakes[self.pool.capacity_state(self.now)["brake"]] += 1

    def carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Invoke):
                self.starts.append(self.now)
                self.function(self, action.start)
            elif isinstance(action, Refuse):
                assert action.request not in self.told
                self.told[str(action.request)] = (self.now, action.outcome.value)
            elif isinstance(action, Assign):
                self.assigned(str(action.request))
            else:
                assert isinstance(action, Retire | Close)

    def assigned(self, request: str) -> None:
        """It runs where it will be lost."""
        self.told[request] = (self.now, "answer_lost")
        self.later(0.1, lambda: self.pool.finished(request, self.now))

    # -- what becomes of a start

    def fails(self, start: int, failure: StartFailure) -> list[Action]:
        return self.pool.start_failed(start, failure, self.now) + self.ends(start)

    def opens(self, start: int) -> list[Action]:
        return self.pool.instance_opened(start, f"i{start}", self.now)

    def offers(self, start: int) -> list[Action]:
        return self.pool.channel_idle(f"c{start}", f"i{start}", self.now)

    def is_lost(self, start: int) -> list[Action]:
        return self.pool.instance_lost(f"i{start}", self.now) + self.ends(start)

    def ends(self, start: int) -> list[Action]:
        return self.pool.invocation_ended(start, self.now)

    # -- what is looked at

    def most_in_a_minute(self, since: float = 0.0) -> int:
        times = [when for when in self.starts if when >= since]
        return max(len([t for t in times if begin <= t < begin + 60]) for begin in times)

    def outcomes(self, since: float = 0.0) -> set[str]:
        """What clients heard who asked after ``since``."""
        return {what for name, (_, what) in self.told.items() if self.asked[name] >= since}

    def waits(self) -> list[float]:
        return [when - self.asked[name] for name, (when, _) in self.told.items()]


def black_holed(world: World, start: int) -> None:
    """It runs, and what it sends never arrives; AWS ends it after 15 minutes."""
    world.later(900.0, lambda: world.fails(start, StartFailure.ENDED))


def refused(world: World, start: int) -> None:
    """AWS does not accept the call."""
    world.later(0.0, lambda: world.fails(start, StartFailure.REFUSED))


def crashes(world: World, start: int) -> None:
    """It ends before it calls back."""
    world.later(1.0, lambda: world.fails(start, StartFailure.ENDED))


def crashes_once_called_back(world: World, start: int) -> None:
    """It ends when it has called back and offered nothing."""
    world.later(0.5, lambda: world.opens(start))
    world.later(1.0, lambda: world.is_lost(start))


def crashes_at_first_request(world: World, start: int) -> None:
    """It offers a channel, and is gone with the first request on it."""
    world.later(0.5, lambda: world.opens(start))
    world.later(0.5, lambda: world.offers(start))
    world.later(1.0, lambda: world.is_lost(start))


def application_ends_at_first_request(world: World, start: int) -> None:
    """The same of the application alone: its instance says so, and leaves in order."""
    world.later(0.5, lambda: world.opens(start))
    world.later(0.5, lambda: world.offers(start))
    world.later(
        1.0, lambda: world.pool.instance_leaving(f"i{start}", "application_exited", world.now)
    )
    world.later(1.1, lambda: world.is_lost(start))


def loses_its_channels(world: World, start: int) -> None:
    """Its session lives and its channels do not, so that it is told to leave after 5 s."""
    world.later(0.5, lambda: world.opens(start))
    world.later(0.5, lambda: world.offers(start))
    world.later(0.6, lambda: world.pool.channel_lost(f"c{start}", world.now))
    world.later(6.0, lambda: world.is_lost(start))


def never_ready(world: World, start: int) -> None:
    """The application does not listen within its 30 s, and the function gives up."""
    world.later(30.0, lambda: world.fails(start, StartFailure.ENDED))


def never_offers(world: World, start: int) -> None:
    """It calls back and waits for its application for ever."""
    world.later(0.5, lambda: world.opens(start))


CASES = [
    # function, most starts in a minute, the same after the first one, what clients hear
    (black_holed, 5, 2, {"queue_timeout", "start_failed"}),
    (refused, 10, 6, {"invoke_refused", "breaker_open"}),
    (crashes, 7, 3, {"start_failed"}),  # its failures are too far apart for the breaker
    (crashes_once_called_back, 7, 3, {"start_failed"}),
    (crashes_at_first_request, 12, 6, {"answer_lost", "breaker_open"}),
    (application_ends_at_first_request, 12, 6, {"answer_lost", "breaker_open"}),
    (loses_its_channels, 12, 6, {"answer_lost", "breaker_open"}),
    (never_ready, 5, 4, {"start_failed"}),
    (never_offers, 5, 2, {"queue_timeout", "start_failed"}),
]


@pytest.mark.parametrize(
    ("function", "most", "later", "heard"), CASES, ids=[case[0].__name__ for case in CASES]
)
def test_five_minutes(
    function: Callable[[World, int], None], most: int, later: int, heard: set[str]
) -> None:
    world = World(function, None)
    world.run()
    assert world.most_in_a_minute() <= most
    assert world.most_in_a_minute(since=60.0) <= later
    assert world.outcomes() == heard
    # Once a start has failed nobody hears of a queue that is too long.
    assert "queue_timeout" not in world.outcomes(since=60.0)
    assert max(world.waits()) <= QUEUE_TIMEOUT + 0.2
    assert len(world.told) + world.pool.waiting == len(world.asked) == MINUTES * 120
    assert world.brakes.keys() - {None} <= {"back_off", "breaker_open"}
    assert world.brakes["back_off"] + world.brakes["breaker_open"] > 0


@pytest.mark.parametrize("function", [case[0] for case in CASES])
def test_a_budget_bounds_them_all(function: Callable[[World, int], None]) -> None:
    world = World(function, Budget(2, None, 0.0))
    world.run()
    assert world.most_in_a_minute() == 2
    if function in {refused, crashes, crashes_once_called_back, crashes_at_first_request}:
        assert RequestOutcome.BUDGET_SPENT.value in world.outcomes(since=60.0)


def test_what_black_holed_invocations_cost_ends_with_the_budget() -> None:
    world = World(black_holed, Budget(None, 60, 1.0))
    world.run()
    state = world.pool.capacity_state(world.now)
    assert state["brake"] == "budget_gb_seconds"
    assert world.outcomes(since=120.0) == {"budget_spent"}
    assert len(world.starts) <= 5
