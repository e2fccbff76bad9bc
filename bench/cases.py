"""The cases by name: what is measured, on whom, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench import columns, contenders
from bench.app import ANSWERS, SMALL
from bench.asking import ask
from bench.bulk import measure_bulk
from bench.contenders import Running, Stage, Start
from bench.errors import BenchError
from bench.figures import Column, Sample
from bench.idle import measure_idle
from bench.latency import RATE, measure_latency
from bench.probing import wait_until_answers
from bench.routers import ROUTERS
from bench.syscalls import measure_syscalls
from bench.throughput import measure_throughput
from bench.workers import measure_workers

CONNECTIONS = 50
READERS = ("wire", "httptools", "h11")
WAITING = {"10 waiting": 10, "1,000 waiting": 1000, "100,000 waiting": 100_000}

PROXIES: dict[str, Start] = {"nginx": contenders.nginx, "haproxy": contenders.haproxy}
CANNED_PROXIES: dict[str, Start] = {
    "nginx": contenders.nginx_canned,
    "haproxy": contenders.haproxy_canned,
}
ROUTER: dict[str, Start] = {"lambdadispatch": ROUTERS["lambdadispatch"]}

Run = Callable[[Stage, str, float], Sample]
Measure = Callable[[Stage, Running, str, int, float], Sample]


@dataclass(frozen=True)
class Case:
    """``run`` measures one contender once, for so many seconds; ``chart`` is the figure drawn.

    ``programs`` are needed besides the contenders' own. For the table of targets only ``brief``
    contenders are measured, at most ``rounds`` times. ``appendix`` is added to the report.
    """

    about: str
    contenders: tuple[str, ...]
    columns: tuple[Column, ...]
    chart: str
    run: Run
    programs: tuple[str, ...] = ()
    brief: tuple[str, ...] = ()
    rounds: int = 1000
    appendix: Callable[[], str] = str


def loaded(starts: dict[str, Start], measure: Measure, answer: str) -> Run:
    """Make a run that starts the contender, waits until it answers, and measures."""
    path, size = f"/{answer}", len(ANSWERS[answer])

    def run(stage: Stage, contender: str, seconds: float) -> Sample:
        running = starts[contender](stage)
        wait_until_answers(running.child, running.port, path, size)
        sample = measure(stage, running, path, CONNECTIONS, seconds)
        running.child.check()
        return sample

    return run


def bulk(direction: str) -> Run:
    """Make a run that starts the contender and sends one large body through it."""
    starts = CANNED_PROXIES | ROUTER

    def run(stage: Stage, contender: str, seconds: float) -> Sample:
        running = starts[contender](stage)
        wait_until_answers(running.child, running.port, "/small", len(SMALL))
        return measure_bulk(stage, running, direction)

    return run


def idle(stage: Stage, contender: str, seconds: float) -> Sample:
    """Measure idle channels; the contender is always the router."""
    return measure_idle(stage, contender.endswith("-tls"), seconds)


def decision(stage: Stage, contender: str, seconds: float) -> Sample:
    """Measure the dispatcher alone, on the measured core; it takes as long as it takes."""
    return Sample(ask(stage.cores.measured, "bench.decision", [str(WAITING[contender])], seconds))


def strictness() -> str:
    """Which reader takes which bad input."""
    # Only now: httptools and h11 are needed for nothing else.
    from bench import smuggling  # noqa: PLC0415

    return smuggling.page()


def parse(stage: Stage, contender: str, seconds: float) -> Sample:
    """Measure a reader of heads alone."""
    return Sample(ask(stage.cores.measured, "bench.parsers", [contender], seconds))


def workers(stage: Stage, contender: str, seconds: float) -> Sample:
    """Measure so many worker processes."""
    return measure_workers(stage, int(contender.partition(" ")[0]), seconds)


_ALL = PROXIES | {"twisted.web": contenders.twisted_web} | ROUTERS
_TLS = {
    "nginx": contenders.nginx,
    "nginx-tls": contenders.nginx_tls,
    "lambdadispatch-tls": ROUTERS["lambdadispatch-tls"],
}
_PLAIN = {name: start for name, start in _ALL.items() if not name.endswith("-tls")}
_DIRECT = {name: start for name, start in _PLAIN.items() if name != "twisted.web"}
_SYSTEM = PROXIES | {name: ROUTERS[name] for name in ("lambdadispatch", "lambdadispatch-tls")}

CASES = {
    "small": Case(
        f"GET with 4-byte answers, {CONNECTIONS} keep-alive connections, each sending its next "
        "request when it has its answer",
        tuple(_PLAIN),
        columns.THROUGHPUT,
        "cpu_us",
        loaded(_PLAIN, measure_throughput, "small"),
        ("wrk",),
        brief=("nginx", "haproxy", "twisted.web", "lambdadispatch", "lambdadispatch-interpreted"),
    ),
    "small-tls": Case(
        "as small, with TLS between the contender and the application; clients in clear text",
        tuple(_TLS),
        columns.THROUGHPUT,
        "cpu_us",
        loaded(_TLS, measure_throughput, "small"),
        ("wrk",),
    ),
    "64k": Case(
        f"GET with 64 KiB answers, {CONNECTIONS} keep-alive connections, each sending its next "
        "request when it has its answer",
        tuple(_PLAIN),
        columns.THROUGHPUT,
        "cpu_us",
        loaded(_PLAIN, measure_throughput, "64k"),
        ("wrk",),
        brief=("nginx", "haproxy", "lambdadispatch"),
    ),
    "1g-down": Case(
        "one answer of 1 GiB to one client; growth is the most that was resident meanwhile, over "
        "what was before",
        tuple(CANNED_PROXIES | ROUTER),
        columns.BULK,
        "cpu_s",
        bulk("down"),
    ),
    "1g-up": Case(
        "one request of 1 GiB from one client; growth is the most that was resident meanwhile, "
        "over what was before",
        tuple(CANNED_PROXIES | ROUTER),
        columns.BULK,
        "cpu_s",
        bulk("up"),
    ),
    "latency": Case(
        f"GET with 4-byte answers, {RATE} requests a second by the clock on up to {CONNECTIONS} "
        "connections; latency counts from when a request was due; added is through the contender "
        "minus straight to the application",
        tuple(_DIRECT),
        columns.LATENCY,
        "added_p50_ms",
        loaded(_DIRECT, measure_latency, "small"),
        brief=("nginx", "haproxy", "lambdadispatch"),
    ),
    "idle": Case(
        "resident memory of the router for idle channels of ten instances, and CPU of a small "
        "request beside them",
        ("lambdadispatch", "lambdadispatch-tls"),
        columns.IDLE,
        "channel_kib",
        idle,
        ("wrk",),
        rounds=1,
    ),
    "decision": Case(
        "what the dispatcher takes to put one request in line and to give a slot that frees to "
        "the first in it, with 2,000 instances of 10 slots; CPU time, no I/O",
        tuple(WAITING),
        columns.DECISION,
        "decision_us",
        decision,
    ),
    "workers": Case(
        "as small, with one and two worker processes, nothing held on a core; CPU of all of the "
        "router's processes",
        ("1 worker", "2 workers"),
        columns.WORKERS,
        "rate",
        workers,
        ("wrk",),
        rounds=3,
    ),
    "syscalls": Case(
        "system calls of the contender under the load of small, counted by strace, which slows it "
        "down: fewer events are then found at a time",
        tuple(_SYSTEM),
        columns.SYSCALLS,
        "all",
        loaded(_SYSTEM, measure_syscalls, "small"),
        ("wrk", "strace"),
    ),
    "parsers": Case(
        "reading a small GET and its answer: the same as before, with a target, or with one field, "
        "that was never seen; the best of 9 batches of 2,000; bad inputs: see below",
        READERS,
        columns.PARSERS,
        "known_request_us",
        parse,
        appendix=strictness,
    ),
}

TABLE = ("small", "small-tls", "64k", "1g-down", "1g-up", "latency", "idle", "decision", "workers")
"""The cases that make up the table of targets."""


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
