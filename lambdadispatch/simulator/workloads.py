"""Workloads: streams of requests, each with its arrival and its duration.

Times of arrival and durations come from streams of their own, so that another distribution of
durations leaves the arrivals as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice, takewhile
from math import sqrt
from random import Random
from typing import NamedTuple, TypeAlias

from lambdadispatch.simulator.distributions import Distribution, distribution
from lambdadispatch.simulator.events import Arrival

Times: TypeAlias = Iterator[float]
Follow: TypeAlias = Callable[[float], Arrival | None]
"""Given when a client's request ended: its next one, None when the workload is over."""

PAUSE_AFTER_REFUSAL = 1.0
"""A refused client asks again after so many seconds (what ``Retry-After`` tells it)."""


class Trace(NamedTuple):
    """One run's requests: those that come by themselves, and those that follow from answers."""

    arrivals: Iterator[Arrival]
    follow: Follow | None = None


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What all models are given: ``begin`` makes the same trace each time.

    ``total`` is about how many requests there will be, ``warm`` how many instances (for AWS Lambda:
    environments) there are at time 0.
    """

    title: str
    begin: Callable[[], Trace]
    total: float
    warm: int = 0


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The numbers of a built-in workload. Rates are in requests a second, times in seconds.

    ``requests`` ends it by count, ``seconds`` by time; each workload takes what it needs.
    """

    duration: Distribution
    seconds: float = 60.0
    requests: int | None = None
    rate: float = 100.0
    low: float = 0.0
    burst: int = 100
    every: float = 10.0
    on: float = 10.0
    off: float = 10.0
    load: float = 20.0
    clients: int = 20
    think: float = 0.0
    warm: int = 0

    @property
    def load_rate(self) -> float:
        """The rate that keeps ``load`` requests running at once, on average (Little's law)."""
        return self.load / self.duration.mean


def poisson(random: Random, rate: float) -> Times:
    """Independent arrivals."""
    now = 0.0
    while True:
        now += random.expovariate(rate)
        yield now


def bursts(size: int, every: float) -> Times:
    """``size`` at once, at time 0 and then again and again."""
    now = 0.0
    while True:
        for _ in range(size):
            yield now
        now += every


def ramp(random: Random, low: float, high: float, length: float) -> Times:
    """Independent arrivals whose rate goes in a straight line from ``low`` to ``high``."""
    # Arrivals at rate 1, moved to where the integral of the rate reaches each of them.
    bend = (high - low) / (2 * length)
    for due in poisson(random, 1.0):
        if not bend:
            yield due / low
            continue
        inside = low * low + 4 * bend * due
        if inside < 0:
            return
        yield (sqrt(inside) - low) / (2 * bend)


def on_off(random: Random, rate: float, on: float, off: float) -> Times:
    """Independent arrivals for ``on`` seconds, none for ``off``, and so on."""
    for busy in poisson(random, rate):
        rounds, rest = divmod(busy, on)
        yield rounds * (on + off) + rest


def _open(times: Callable[[Shape, Random], Times], total: Callable[[Shape], float]) -> Maker:
    """Give the maker of a workload whose arrivals do not depend on the answers."""

    def begin(shape: Shape, seed: str) -> Trace:
        found = takewhile(lambda time: time < shape.seconds, times(shape, Random(f"{seed}/times")))
        draw = shape.duration.draws(Random(f"{seed}/durations"))
        pairs = ((time, draw()) for time in found)
        return Trace(islice(pairs, shape.requests))

    return begin, total


def _clients(shape: Shape, seed: str) -> Trace:
    """Each client asks again when its request has ended and it has thought."""
    draw = shape.duration.draws(Random(f"{seed}/durations"))
    first = shape.clients if shape.requests is None else min(shape.clients, shape.requests)
    left = None if shape.requests is None else shape.requests - first

    def follow(ended: float) -> Arrival | None:
        nonlocal left
        time = ended + shape.think
        if time >= shape.seconds or left == 0:
            return None
        if left is not None:
            left -= 1
        return time, draw()

    return Trace(((0.0, draw()) for _ in range(first)), follow)


Begin: TypeAlias = Callable[[Shape, str], Trace]
Maker: TypeAlias = tuple[Begin, Callable[[Shape], float]]


@dataclass(frozen=True)
class Builtin:
    """A row of the table: what it is, which numbers it takes, and what they are if not given."""

    help: str
    takes: tuple[str, ...]
    maker: Maker
    defaults: dict[str, object]

    def workload(self, title: str, shape: Shape, seed: int) -> Workload:
        """The workload of these numbers."""
        begin, total = self.maker
        count = total(shape) if shape.requests is None else min(total(shape), shape.requests)
        return Workload(
            title=title, begin=partial(begin, shape, str(seed)), total=count, warm=shape.warm
        )


_SHORT = distribution("100ms")
_POISSON = _open(lambda s, r: poisson(r, s.rate), lambda s: s.rate * s.seconds)

BUILTIN = {
    "poisson": Builtin("independent arrivals", ("rate",), _POISSON, {"duration": _SHORT}),
    "heavy-tailed": Builtin(
        "independent arrivals, a few of which take very long",
        ("rate",),
        _POISSON,
        {"duration": distribution("lognormal:100ms,2s")},
    ),
    "bursts": Builtin(
        "many at once, again and again",
        ("burst", "every"),
        _open(lambda s, r: bursts(s.burst, s.every), lambda s: s.burst * (s.seconds / s.every + 1)),
        {"duration": _SHORT},
    ),
    "ramp": Builtin(
        "a rate that goes from --low to --rate",
        ("low", "rate"),
        _open(
            lambda s, r: ramp(r, s.low, s.rate, s.seconds),
            lambda s: (s.low + s.rate) / 2 * s.seconds,
        ),
        {"duration": _SHORT},
    ),
    "on-off": Builtin(
        "independent arrivals for a while, then none",
        ("rate", "on", "off"),
        _open(
            lambda s, r: on_off(r, s.rate, s.on, s.off),
            lambda s: s.rate * s.seconds * s.on / (s.on + s.off),
        ),
        {"duration": _SHORT},
    ),
    "step": Builtin(
        "a few warm instances meet a load that comes at once and stays",
        ("load",),
        _open(lambda s, r: poisson(r, s.load_rate), lambda s: s.load_rate * s.seconds),
        {"duration": _SHORT, "warm": 2, "cold_start": distribution("8s")},
    ),
    "clients": Builtin(
        "clients that each ask again when they have been answered",
        ("clients", "think"),
        (_clients, lambda s: s.clients * s.seconds / (s.duration.mean + s.think)),
        {"duration": _SHORT},
    ),
}
"""All built-in workloads. Every one also takes seconds, requests, duration and warm."""
