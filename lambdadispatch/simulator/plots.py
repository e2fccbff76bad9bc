"""The pictures of a report: waits over time, their distribution, and instances over time."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from lambdadispatch.simulator.line_chart import Chart, Points, svg
from lambdadispatch.simulator.record import Level, Record, quantile

BUCKETS = 240
"""A line over time has at most a point for each of so many parts of it."""

SHARES = 400
"""Points of a distribution."""


def picture(title: str, runs: Sequence[tuple[str, Record]]) -> str:
    """Draw three charts of these runs, as SVG."""
    until = max(record.until for _, record in runs)
    charts = [
        Chart(
            "Longest wait of the requests that arrived then, in s",
            "time in s",
            [(_named(name, record), waits_over_time(record, until)) for name, record in runs],
        ),
        Chart(
            "Requests that waited no longer, in % of those not refused",
            "wait in s",
            [(name, distribution_of(record)) for name, record in runs],
        ),
        Chart(
            "Instances with an open invocation",
            "time in s",
            [(name, level_over_time(record.instances, until)) for name, record in runs],
            tens=True,
        ),
    ]
    return svg(title, charts)


def _named(name: str, record: Record) -> str:
    return f"{name} ({record.refused:,} refused)" if record.refused else name


def waits_over_time(record: Record, until: float) -> Points:
    """The longest wait of each part of the time in which requests arrived that were taken."""
    longest: dict[int, float] = {}
    width = until / BUCKETS or 1.0
    for arrival, wait in zip(record.arrivals, record.waits, strict=True):
        bucket = int(arrival / width)
        if wait > longest.get(bucket, -1.0):
            longest[bucket] = wait
    return [(bucket * width, longest[bucket]) for bucket in sorted(longest)]


def distribution_of(record: Record) -> Points:
    """For each wait the share of requests, in percent, that waited no longer."""
    waits = type(record.waits)("d", sorted(record.waits))
    if not waits:
        return []
    shares = [index / SHARES for index in range(SHARES + 1)]
    shares += [0.999, 0.9999]
    return [(0.0, 0.0), *((quantile(waits, share), 100 * share) for share in sorted(shares))]


def level_over_time(level: Level, until: float) -> Points:
    """The highest value in each part of the time."""
    width = until / BUCKETS or 1.0
    highest: list[int] = [-1] * BUCKETS
    times = [*level.times, inf]
    for index, value in enumerate(level.values):
        if level.times[index] > until:
            break
        first = int(level.times[index] / width)
        last = min(BUCKETS - 1, int(min(times[index + 1], until) / width))
        for bucket in range(first, last + 1):
            highest[bucket] = max(highest[bucket], value)
    return [(bucket * width, max(0, value)) for bucket, value in enumerate(highest)]
