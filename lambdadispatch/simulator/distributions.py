"""Distributions of times, as they are written on the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from random import Random
from statistics import NormalDist, fmean
from typing import TypeAlias

from lambdadispatch.settings.kinds import seconds

Draw: TypeAlias = Callable[[], float]

_TIME = seconds(0, 86400)
_Z99 = NormalDist().inv_cdf(0.99)

ALLOWED = (
    "a time (100ms, 8s, 1m), constant:TIME, uniform:LEAST,MOST, exponential:MEAN, "
    "lognormal:MEDIAN,P99, pareto:LEAST,SHAPE with a shape above 1, or empirical:FILE "
    "with a time on each line"
)


@dataclass(frozen=True)
class Distribution:
    """Times in seconds: ``draws`` makes a stream of them, ``mean`` is their mean."""

    text: str
    mean: float
    draws: Callable[[Random], Draw]


def distribution(text: str) -> Distribution:
    """Read one; ValueError says what is wrong with it."""
    name, colon, rest = text.partition(":")
    if not colon:
        name, rest = "constant", text
    if name == "empirical":
        return _empirical(text, rest)
    known = _KNOWN.get(name)
    parts = rest.split(",")
    if known is None or len(parts) != known[0]:
        raise ValueError(f"{text!r} is refused; allowed: {ALLOWED}")
    try:
        mean, draws = known[1](*parts)
    except ValueError:
        raise ValueError(f"{text!r} is refused; allowed: {ALLOWED}") from None
    return Distribution(text, mean, draws)


_Made: TypeAlias = tuple[float, Callable[[Random], Draw]]


def _time(text: str) -> float:
    value = _TIME.read(text)
    assert isinstance(value, float)
    return value


def _above_zero(text: str) -> float:
    value = _time(text)
    if not value:
        raise ValueError
    return value


def _constant(value: str) -> _Made:
    time = _time(value)
    return time, lambda random: lambda: time


def _uniform(least: str, most: str) -> _Made:
    low, high = _time(least), _time(most)
    if low > high:
        raise ValueError
    return (low + high) / 2, lambda random: lambda: random.uniform(low, high)


def _exponential(mean: str) -> _Made:
    time = _above_zero(mean)
    return time, lambda random: lambda: random.expovariate(1 / time)


def _lognormal(median: str, p99: str) -> _Made:
    middle, high = _above_zero(median), _above_zero(p99)
    if high < middle:
        raise ValueError
    mu, sigma = log(middle), log(high / middle) / _Z99
    mean = exp(mu + sigma**2 / 2)
    return mean, lambda random: lambda: random.lognormvariate(mu, sigma)


def _pareto(least: str, shape: str) -> _Made:
    low, alpha = _above_zero(least), float(shape)
    if not 1 < alpha <= 1000:
        raise ValueError
    return low * alpha / (alpha - 1), lambda random: lambda: low * random.paretovariate(alpha)


_KNOWN: dict[str, tuple[int, Callable[..., _Made]]] = {
    "constant": (1, _constant),
    "uniform": (2, _uniform),
    "exponential": (1, _exponential),
    "lognormal": (2, _lognormal),
    "pareto": (2, _pareto),
}


def _empirical(text: str, name: str) -> Distribution:
    try:
        lines = Path(name).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{text!r}: the file cannot be read: {error}") from None
    values = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            try:
                values.append(_time(line.strip()))
            except ValueError:
                raise ValueError(
                    f"{text!r}, line {number}: {line.strip()[:80]!r} is refused; "
                    f"allowed: {_TIME.allowed}"
                ) from None
    if not values:
        raise ValueError(f"{text!r}: the file holds no times; allowed: one on each line")
    return Distribution(text, fmean(values), lambda random: lambda: random.choice(values))
