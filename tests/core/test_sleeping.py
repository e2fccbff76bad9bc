"""A pool whose ticks are left out while it sleeps does what one does that is ticked all the time.

Both live through the same requests, functions that start and crash included; what they decide, and
when, is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from lambdadispatch.core.actions import Action, Assign, Close, Invoke, Refuse, Retire
from lambdadispatch.core.dispatcher import Dispatcher
from lambdadispatch.core.ewma import HALF_LIFE, Ewma
from lambdadispatch.core.outcomes import StartFailure
from lambdadispatch.core.pace import WINDOW, Pace
from lambdadispatch.settings import settings_from
from lambdadispatch.settings.pool import dispatcher_from

TICK = 0.25
"""Seconds; a power of two, so that times that are the same are equal."""
COLD, ENDING = 1.0, 0.25


def make(algorithm: str, **more: str) -> Dispatcher:
    flags = {"function-name": "f", "max-concurrent-count": "2", "scaling-algorithm": algorithm}
    flags |= {"queue-timeout": "4s", "scale-in-delay": "2s", "max-instances": "4"} | more
    # Shorter than a tick: how long more than is wanted now is remembered depends on the ticks, but
    # not by more than this.
    flags["instance-idle"] = "50ms"
    return dispatcher_from(settings_from(flags, {}, None)[0], lambda: 0.5)


class Life:
    """A pool and what is around it: instances that start, serve, ask to leave, crash."""

    def __init__(self, dispatcher: Dispatcher, crashes: set[int], *, sleeps: bool) -> None:
        self.dispatcher = dispatcher
        self.told: list[tuple[float, str]] = []
        self.ticks = 0
        self._crashes = crashes
        self._sleeps = sleeps
        self._asleep = False
        self._coming: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        self._now = 0.0
        self._durations: dict[str, float] = {}

    def run(self, requests: list[tuple[float, float]], until: float) -> None:
        """Requests are (arrival, duration)."""
        for number, (arrival, duration) in enumerate(requests):
            self._durations[f"r{number}"] = duration
            self._at(arrival, lambda name=f"r{number}": self._submit(name))  # type: ignore[misc]
        for count in range(int(until / TICK)):
            while self._coming and self._coming[0][0] <= count * TICK:
                self._now, _, event = heappop(self._coming)
                event()
            self._now = count * TICK
            self._tick()

    def _at(self, when: float, event: Callable[[], None]) -> None:
        self._order += 1
        heappush(self._coming, (when, self._order, event))

    def _after(self, seconds: float, event: Callable[[], None]) -> None:
        self._at(self._now + seconds, event)

    def _tick(self) -> None:
        if self._asleep:
            return
        self.ticks += 1
        self._do(self.dispatcher.tick(self._now))
        self._asleep = self._sleeps and self.dispatcher.may_sleep(self._now)

    def _submit(self, name: str) -> None:
        if self._asleep:
            self._asleep = False
            self._do(self.dispatcher.tick(self._now))
        self._do(self.dispatcher.submit(name, self._now))

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            if not isinstance(action, Close):
                self.told.append((self._now, repr(action)))
            self._carry_out(action)

    def _carry_out(self, action: Any) -> None:
        if isinstance(action, Assign):
            self._after(self._durations[action.request], lambda: self._end(action))
        elif isinstance(action, Invoke):
            crashes = action.start in self._crashes
            happens = self._crash if crashes else self._open
            self._after(COLD, lambda: happens(action.start))
        elif isinstance(action, Retire):
            self._after(ENDING, lambda: self._left(action.instance))
        else:
            assert isinstance(action, Refuse | Close)

    def _crash(self, start: int) -> None:
        self._do(self.dispatcher.start_failed(start, StartFailure.ENDED, self._now))
        self._do(self.dispatcher.invocation_ended(start, self._now))

    def _open(self, start: int) -> None:
        name = f"i{start}"
        self._do(self.dispatcher.instance_opened(start, name, self._now))
        for number in range(2):
            self._do(self.dispatcher.channel_idle((name, number), name, self._now))
        self._ask(name)

    def _ask(self, name: str) -> None:
        """It asks to leave again and again, which does no harm when it is busy or gone."""
        self._do(self.dispatcher.instance_idle(name, self._now))
        if self.dispatcher._roster.get(name) is not None:
            self._after(0.5, lambda: self._ask(name))

    def _end(self, run: Any) -> None:
        channel = run.channel
        self._do(self.dispatcher.exchange_ended(run.request, channel, channel[0], self._now))

    def _left(self, name: str) -> None:
        self._do(self.dispatcher.instance_lost(name, self._now))
        self._do(self.dispatcher.invocation_ended(int(name[1:]), self._now))


EIGHTHS = st.integers(1, 40).map(lambda count: count / 8)
BURSTS = st.lists(
    st.tuples(st.sampled_from([0.125, 1.0, 5.0, 40.0, 150.0]), st.integers(1, 6), EIGHTHS),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("algorithm", ["simple", "windows"])
@pytest.mark.parametrize("budget", [{}, {"budget-invocations-per-minute": "2"}])
@limits(deadline=None, max_examples=10)
@given(BURSTS, st.sets(st.integers(1, 12), max_size=8))
def test_sleeping_changes_no_decision(
    algorithm: str,
    budget: dict[str, str],
    bursts: list[tuple[float, int, float]],
    crashes: set[int],
) -> None:
    requests: list[tuple[float, float]] = []
    when = 1.0
    for gap, count, duration in bursts:
        when += gap
        requests += [(when + number / 16, duration) for number in range(count)]
    until = when + 150
    lives = [Life(make(algorithm, **budget), crashes, sleeps=sleeps) for sleeps in (False, True)]
    for life in lives:
        life.run(requests, until)
    ticked, slept = lives
    assert slept.told == ticked.told
    assert slept.ticks < ticked.ticks
    states = [life.dispatcher.capacity_state(until) for life in lives]
    assert states[0] == states[1]


def test_a_rate_after_a_long_sleep_is_that_of_the_requests_that_came() -> None:
    """Ewma counts seconds; those of a sleep count as they would have, had it been asked."""
    always, slept = Ewma(10, 2), Ewma(10, 2)
    for tick in range(4000):
        always.observe(0, 0, tick / 10)
        if tick < 50:
            slept.observe(0, 0, tick / 10)
    now = 400.0
    for algorithm in (always, slept):
        algorithm.observe(0, 0, now)  # awake
        for tick in range(1, 51):
            algorithm.observe(20 * tick, 20 * tick, now + tick / 10)
    assert always.rate > 30
    assert slept.rate == pytest.approx(always.rate, rel=0.01)


def test_what_was_known_before_a_sleep_fades_in_it() -> None:
    slept = Ewma(10, 2)
    for tick in range(100):
        slept.desired(0, 5, 1, tick / 10)
        slept.observe(10 * tick, 10 * tick, tick / 10)
    before = slept.rate
    slept.observe(990, 990, 9.9 + 4 * HALF_LIFE)
    assert slept.rate < before / 8


def test_the_pace_after_a_long_sleep_is_that_of_the_last_seconds() -> None:
    pace = Pace()
    pace.note(500, 10.0)
    pace.note(500, 1000.0)  # awake
    assert pace.per_second(500 + 30, 1001.0) == pytest.approx(30 / (WINDOW + 1))
