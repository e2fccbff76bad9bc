"""The cases by name: what is measured, on whom, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.app import ANSWERS
from bench.contenders import CONTENDERS, Running, Stage
from bench.errors import BenchError
from bench.figures import Column, Sample
from bench.idle import FEW, MANY, measure_idle
from bench.latency import RATE, measure_latency
from bench.probing import wait_until_answers
from bench.throughput import measure_throughput

CONNECTIONS = 50

_CPU = (
    Column("cpu_us", "CPU µs/request", 1, ratio=True),
    Column("core_share", "its core, %", 0),
    Column("others_share", "others on its core, %", 0),
    Column("rss_mib", "RSS MiB", 1),
)
_THROUGHPUT = (
    *_CPU[:1],
    Column("rate", "requests/s", 0, ratio=True),
    Column("p50_ms", "p50 ms", 2, ratio=True),
    Column("p99_ms", "p99 ms", 2, ratio=True),
    Column("p999_ms", "p99.9 ms", 2),
    *_CPU[1:],
)
_LATENCY = (
    Column("added_p50_ms", "added p50 ms", 3, ratio=True),
    Column("added_p99_ms", "added p99 ms", 3),
    Column("p50_ms", "p50 ms", 3),
    Column("p99_ms", "p99 ms", 3),
    Column("p999_ms", "p99.9 ms", 3),
    Column("direct_p50_ms", "direct p50 ms", 3),
    Column("direct_p99_ms", "direct p99 ms", 3),
    Column("late_p99_ms", "sent late p99 ms", 3),
    *_CPU,
)
_IDLE = (
    Column("channel_kib", "KiB/idle channel", 2),
    Column("few_mib", f"RSS MiB, {FEW} channels", 1),
    Column("many_mib", f"RSS MiB, {MANY} channels", 1),
)


@dataclass(frozen=True)
class Case:
    """``run`` measures one contender once, for so many seconds; ``chart`` is the figure drawn."""

    about: str
    contenders: tuple[str, ...]
    columns: tuple[Column, ...]
    chart: str
    run: Callable[[Stage, str, float], Sample]


Measure = Callable[[Stage, Running, str, int, float], Sample]


def loaded(measure: Measure, answer: str) -> Callable[[Stage, str, float], Sample]:
    """Make a run that starts the contender, waits until it answers, and measures."""
    path, size = f"/{answer}", len(ANSWERS[answer])

    def run(stage: Stage, contender: str, seconds: float) -> Sample:
        running = CONTENDERS[contender](stage)
        wait_until_answers(running.child, running.port, path, size)
        sample = measure(stage, running, path, CONNECTIONS, seconds)
        running.child.check()
        return sample

    return run


def idle(stage: Stage, contender: str, seconds: float) -> Sample:
    """Measure memory; the contender is always the router, and time plays no part."""
    return measure_idle(stage)


CASES = {
    "small": Case(
        f"GET with 4-byte answers, {CONNECTIONS} keep-alive connections, each sending its next "
        "request when it has its answer",
        tuple(CONTENDERS),
        _THROUGHPUT,
        "cpu_us",
        loaded(measure_throughput, "small"),
    ),
    "64k": Case(
        f"GET with 64 KiB answers, {CONNECTIONS} keep-alive connections, each sending its next "
        "request when it has its answer",
        tuple(CONTENDERS),
        _THROUGHPUT,
        "cpu_us",
        loaded(measure_throughput, "64k"),
    ),
    "latency": Case(
        f"GET with 4-byte answers, {RATE} requests a second by the clock on up to {CONNECTIONS} "
        "connections; latency counts from when a request was due; added is through the contender "
        "minus straight to the application",
        tuple(name for name in CONTENDERS if name != "twisted.web"),
        _LATENCY,
        "added_p50_ms",
        loaded(measure_latency, "small"),
    ),
    "idle": Case(
        f"resident memory of the router with one instance that has {FEW} or {MANY} idle channels",
        ("lambdadispatch",),
        _IDLE,
        "channel_kib",
        idle,
    ),
}


def choose_case(name: str, only: tuple[str, ...]) -> tuple[Case, tuple[str, ...]]:
    """The case and its contenders, or those of them in ``only``. Raises BenchError."""
    if name not in CASES:
        raise BenchError(f"CASE is {name!r}; allowed: {', '.join(CASES)}")
    case = CASES[name]
    unknown = [each for each in only if each not in case.contenders]
    if unknown:
        allowed = ", ".join(case.contenders)
        raise BenchError(f"CONTENDERS names {', '.join(unknown)}; case {name} has: {allowed}")
    return case, tuple(each for each in case.contenders if not only or each in only)
