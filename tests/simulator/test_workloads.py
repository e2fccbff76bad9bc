from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise
from random import Random

import pytest

from lambdadispatch.simulator.distributions import distribution
from lambdadispatch.simulator.workloads import BUILTIN, Shape, bursts, on_off, poisson, ramp
from tests.simulator.models import ideal, waits

CONSTANT = distribution("100ms")


def arrivals(name: str, seed: int = 1, **given: float) -> list[tuple[float, float]]:
    shape = Shape(**{"duration": CONSTANT, **given})  # type: ignore[arg-type]
    return list(BUILTIN[name].workload(name, shape, seed).begin().arrivals)


@pytest.mark.parametrize("name", BUILTIN)
def test_a_seed_gives_the_same_requests_again_and_another_gives_others(name: str) -> None:
    spread = distribution("exponential:100ms")
    first = arrivals(name, duration=spread)
    assert first == arrivals(name, duration=spread)
    assert first != arrivals(name, 2, duration=spread)
    assert [time for time, _ in first] == sorted(time for time, _ in first)
    assert all(0 <= time < 60 for time, _ in first)


@pytest.mark.parametrize("name", BUILTIN)
def test_it_ends_by_count(name: str) -> None:
    assert len(arrivals(name, requests=7)) == 7
    shape = Shape(duration=CONSTANT, requests=7)
    assert BUILTIN[name].workload(name, shape, 1).total == 7


@pytest.mark.parametrize("name", [name for name in BUILTIN if name not in {"bursts", "clients"}])
def test_about_as_many_come_as_are_said(name: str) -> None:
    shape = Shape(duration=CONSTANT, seconds=200)
    workload = BUILTIN[name].workload(name, shape, 1)
    assert len(list(workload.begin().arrivals)) == pytest.approx(workload.total, rel=0.03)


def test_durations_do_not_move_the_arrivals() -> None:
    fixed = [time for time, _ in arrivals("poisson")]
    assert fixed == [time for time, _ in arrivals("poisson", duration=distribution("pareto:1s,2"))]


def test_poisson_is_as_irregular_as_it_should_be() -> None:
    times = list(islice(poisson(Random("x"), 50.0), 50_000))
    gaps = [after - before for before, after in pairwise(times)]
    mean = sum(gaps) / len(gaps)
    assert mean == pytest.approx(0.02, rel=0.02)
    assert sum(gap**2 for gap in gaps) / len(gaps) / mean**2 == pytest.approx(2.0, rel=0.05)


def test_bursts_are_at_once() -> None:
    assert Counter(islice(bursts(3, 10.0), 9)) == {0.0: 3, 10.0: 3, 20.0: 3}


def test_the_rate_of_a_ramp_goes_up_in_a_straight_line() -> None:
    times = [time for time in islice(ramp(Random("x"), 0.0, 400.0, 100.0), 50_000) if time < 100]
    assert len(times) == pytest.approx(20_000, rel=0.03)
    assert sum(time < 50 for time in times) == pytest.approx(5_000, rel=0.05)


def test_a_ramp_may_go_down_and_may_be_level() -> None:
    down = list(ramp(Random("x"), 400.0, 0.0, 100.0))
    assert len(down) == pytest.approx(20_000, rel=0.03)
    assert down[-1] < 100
    assert sum(time < 50 for time in down) == pytest.approx(15_000, rel=0.03)
    level = list(islice(ramp(Random("x"), 10.0, 10.0, 100.0), 1000))
    assert level[-1] == pytest.approx(100, rel=0.1)


def test_nothing_comes_while_it_is_off() -> None:
    times = list(islice(on_off(Random("x"), 100.0, 2.0, 3.0), 1000))
    assert all(time % 5 < 2 for time in times)
    assert max(times) == pytest.approx(25, rel=0.2)


def test_the_load_of_a_step_is_what_runs_at_once() -> None:
    found = arrivals("step", load=20, seconds=300, duration=distribution("250ms"))
    assert sum(duration for _, duration in found) / 300 == pytest.approx(20, rel=0.03)


def test_clients_ask_again_when_they_have_been_answered() -> None:
    shape = Shape(duration=CONSTANT, clients=2, think=0.4, seconds=1.2)
    trace = BUILTIN["clients"].workload("clients", shape, 1).begin()
    found = [arrival for arrival, _ in waits(ideal(trace))]
    assert found == [0.0, 0.0, 0.5, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_clients_end_by_count(count: int) -> None:
    shape = Shape(duration=CONSTANT, clients=2, requests=count)
    trace = BUILTIN["clients"].workload("clients", shape, 1).begin()
    assert ideal(trace).requests == count
