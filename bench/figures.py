"""What is measured and how it is summed up: samples, spreads and ratios within a round."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple


@dataclass(frozen=True)
class Column:
    """A figure as the tables show it; ``ratio``: also as a ratio to the base contender."""

    key: str
    title: str
    decimals: int = 0
    ratio: bool = False


@dataclass(frozen=True)
class Sample:
    """One contender measured once: figures by key, and counts of errors by kind."""

    figures: Mapping[str, float]
    errors: Mapping[str, int] = field(default_factory=dict)


Round = Mapping[str, Sample]
"""The samples of one round by contender."""


class Spread(NamedTuple):
    """The middle of some values and how far they go."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Sum values up. Raises ValueError when there are none."""
    return Spread(median(values), min(values), max(values))


def values_of(rounds: Sequence[Round], contender: str, key: str) -> list[float]:
    """One figure of one contender, round by round."""
    return [each[contender].figures[key] for each in rounds]


def ratios_of(rounds: Sequence[Round], contender: str, base: str, key: str) -> list[float]:
    """The same as ratios to the base in the same round; rounds where the base has 0 are left out.

    Both were measured within seconds of each other, so what slows the machine for a while cancels.
    """
    pairs = zip(values_of(rounds, contender, key), values_of(rounds, base, key), strict=True)
    return [value / divisor for value, divisor in pairs if divisor]


def errors_of(rounds: Sequence[Round], contender: str) -> dict[str, int]:
    """The counts of one contender over all rounds, by kind, without those that are 0."""
    return add_up([each[contender].errors for each in rounds])


def add_up(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Counts by kind, added; kinds that add up to 0 are left out."""
    total: dict[str, int] = {}
    for each in counts:
        for kind, count in each.items():
            total[kind] = total.get(kind, 0) + count
    return {kind: count for kind, count in total.items() if count}


def percentile(ordered: Sequence[float], share: float) -> float:
    """The least of ``ordered`` (ascending) that ``share`` of them (0 to 1) do not exceed.

    Raises ValueError when there are none.
    """
    if not ordered:
        raise ValueError("no values to take a percentile of")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
