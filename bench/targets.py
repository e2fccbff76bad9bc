"""The targets: which figure of which case is held to what, and why one may not be met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.figures import Round, Spread, ratios_of, spread, values_of

ROUTER = "lambdadispatch"
FLAT = 1.25
"""How much more a decision may cost with 100,000 waiting than with 10 to be called flat."""

_OBJECTS = (
    "more than half of it are system calls, as many as nginx makes; the rest is compiled Python "
    "and uvloop, spread over six packages: see where the time goes in docs/performance.md"
)
_TURNS = (
    "load, instances and application take turns on one core, so each hop waits for a turn: compare "
    "with what nginx and HAProxy add on the same machine in latency.md"
)


class Found(Protocol):
    """What came of a case: see ``bench.rounds.Measured``."""

    @property
    def contenders(self) -> tuple[str, ...]:
        """Who was measured."""

    @property
    def rounds(self) -> Sequence[Round]:
        """Their samples."""

    @property
    def unavailable(self) -> dict[str, str]:
        """Who was not, and why."""


@dataclass(frozen=True)
class Target:
    """``key`` of ``contender`` in ``case`` has to be at most ``limit``, or with ``least`` at least.

    With ``base`` its ratio to that contender in the same round is; ``across`` names a further case
    of which the larger value counts. ``reason`` is shown when it is not met.
    """

    figure: str
    wanted: str
    case: str
    key: str
    limit: float
    reason: str
    contender: str = ROUTER
    base: str = ""
    unit: str = ""
    decimals: int = 2
    least: bool = False

    def values(self, found: Found) -> list[float]:
        """The figure, round by round; none when it was not measured."""
        if self.contender not in found.contenders or not found.rounds:
            return []
        if not self.base:
            return values_of(found.rounds, self.contender, self.key)
        if self.base not in found.contenders:
            return []
        return ratios_of(found.rounds, self.contender, self.base, self.key)

    def met(self, found: Spread) -> bool:
        """By the median."""
        if self.least:
            return found.median >= self.limit
        return found.median <= self.limit


TARGETS = (
    Target(
        "small GET, CPU",
        "<= 1.5x nginx (first landing 2.0x)",
        "small",
        "cpu_us",
        1.5,
        _OBJECTS,
        base="nginx",
        unit="x",
    ),
    Target(
        "small GET over TLS channels, CPU",
        "<= 2.5x nginx",
        "small-tls",
        "cpu_us",
        2.5,
        _OBJECTS + "; TLS comes on top, for which nginx-tls in small-tls.md is the comparison",
        f"{ROUTER}-tls",
        base="nginx",
        unit="x",
    ),
    Target(
        "64 KiB answers, CPU",
        "<= 1.5x nginx",
        "64k",
        "cpu_us",
        1.5,
        "as for small; and each answer is a new bytes object, the memory of which glibc takes from "
        "the kernel and gives back: see large bodies in docs/performance.md",
        base="nginx",
        unit="x",
    ),
    Target(
        "1 GiB answer, CPU",
        "<= 1.3x nginx",
        "1g-down",
        "cpu_s",
        1.3,
        "each piece is a new bytes object, the memory of which glibc takes from the kernel and "
        "gives back, in some rounds and not in others: see large bodies in docs/performance.md",
        base="nginx",
        unit="x",
    ),
    Target(
        "1 GiB request body, CPU",
        "<= 1.3x nginx",
        "1g-up",
        "cpu_s",
        1.3,
        "as for the answer",
        base="nginx",
        unit="x",
    ),
    Target(
        "1 GiB answer, growth of memory",
        "< 16 MiB",
        "1g-down",
        "growth_mib",
        16,
        "buffers of the kernel do not count; what is held is between the two transports",
        unit=" MiB",
        decimals=1,
    ),
    Target(
        "1 GiB request body, growth of memory",
        "< 16 MiB",
        "1g-up",
        "growth_mib",
        16,
        "buffers of the kernel do not count; what is held is between the two transports",
        unit=" MiB",
        decimals=1,
    ),
    Target(
        "added latency at 1,000 requests/s, p50",
        "<= 0.5 ms",
        "latency",
        "added_p50_ms",
        0.5,
        _TURNS,
        unit=" ms",
    ),
    Target(
        "added latency at 1,000 requests/s, p99",
        "<= 3 ms",
        "latency",
        "added_p99_ms",
        3,
        _TURNS,
        unit=" ms",
    ),
    Target(
        "memory of an idle channel, clear text",
        "<= 8 KiB",
        "idle",
        "channel_kib",
        8,
        "about ten Python objects with dictionaries: protocol, reader, transport, and uvloop's own",
        unit=" KiB",
    ),
    Target(
        "memory of an idle channel, TLS",
        "<= 24 KiB",
        "idle",
        "channel_kib",
        24,
        "OpenSSL keeps about that much for a connection by itself",
        f"{ROUTER}-tls",
        unit=" KiB",
    ),
    Target(
        "20,000 idle channels, clear text",
        "<= 200 MiB",
        "idle",
        "reckoned_mib",
        200,
        "the sum of the idle channels",
        unit=" MiB",
        decimals=0,
    ),
    Target(
        "20,000 idle channels, TLS",
        "<= 500 MiB",
        "idle",
        "reckoned_mib",
        500,
        "the sum of the idle channels",
        f"{ROUTER}-tls",
        unit=" MiB",
        decimals=0,
    ),
    Target(
        "small GET beside 20,000 idle channels, CPU",
        "< 10 % more than beside 100",
        "idle",
        "cpu_growth",
        10,
        "objects of idle channels push those in use out of the processor's caches",
        unit=" %",
        decimals=1,
    ),
    Target(
        "dispatcher decision, 100,000 waiting, 2,000 instances",
        "<= 5 µs",
        "decision",
        "decision_us",
        5,
        "one decision here is submit and exchange_ended together, in interpreted Python (3.8 µs "
        "after make compile), for 20,000 slots in turn: little is in the processor's caches",
        "100,000 waiting",
        unit=" µs",
    ),
    Target(
        "dispatcher decision, flat from 10 to 100,000 waiting",
        f"<= {FLAT}x that of 10 waiting",
        "decision",
        "decision_us",
        FLAT,
        "the operations are the same (tests/core/test_dispatcher_cost.py counts them); what is "
        "left is memory that is not in the processor's caches",
        "100,000 waiting",
        base="10 waiting",
        unit="x",
    ),
    Target(
        "two worker processes, 0.3 of a core each",
        ">= 1.8x the requests/s of one",
        "workers",
        "rate",
        1.8,
        "load and instances share the cores with the workers",
        "2 workers",
        base="1 worker",
        unit="x",
        least=True,
    ),
)


@dataclass(frozen=True)
class Verdict:
    """A target and what was measured; ``text`` is ``met``, ``not met`` or why there is nothing."""

    target: Target
    found: Spread | None
    text: str

    @property
    def met(self) -> bool:
        """Whether it is."""
        return self.text == "met"


def judge(target: Target, cases: Mapping[str, Found]) -> Verdict:
    """Hold a target to what was measured."""
    found = cases.get(target.case)
    if found is None:
        return Verdict(target, None, f"not measured: CASE={target.case}")
    values = target.values(found)
    if not values:
        missing = found.unavailable.get(target.contender) or found.unavailable.get(target.base)
        return Verdict(target, None, f"not available: {missing or 'left out'}")
    summed = spread(values)
    return Verdict(target, summed, "met" if target.met(summed) else "not met")
