"""Idle channels: memory of the router for each, and what many of them do to its speed.

Theory of operation. The same ten instances open few channels each, then as many as make up
``MANY``. The difference of the router's memory, over the difference of channels, is what one costs
(certificate and code are in both). Both routers are there at the same time, and the same load runs
on one and the other in turn, a few times after a warm-up: the growth of a request's CPU is the
median of these pairs.

A router needs a file for each channel. Where the hard limit of files is lower and cannot be
raised, as many are opened as it allows, and the memory of MANY is reckoned from the two points.
"""

from __future__ import annotations

import resource
from statistics import median

from bench.children import Child
from bench.contenders import Stage
from bench.figures import Sample, add_up
from bench.procfs import cpu_figures, usage
from bench.routers import Fleet, start_router
from bench.wrk import run_wrk, wrk_command

INSTANCES = 10
FEW = 10
"""Channels of an instance."""
MANY = 20_000
"""Channels in all."""
SPARE_FILES = 300
"""Of the router, besides channels: sessions, clients, pipes to the local Lambda's processes."""
CONNECTIONS = 50
PAIRS = 4
"""Windows of load on each, after one that warms up."""


def channels_that_fit(files: int, wanted: int = MANY, instances: int = INSTANCES) -> int:
    """Channels of one instance so that all are ``wanted``, or as many as the files allow."""
    if files == resource.RLIM_INFINITY:
        return wanted // instances
    return min(wanted, files - SPARE_FILES) // instances


def measure_idle(stage: Stage, tls: bool, seconds: float) -> Sample:
    """Start a router with few channels and one with many, then load them in turn."""
    fit = channels_that_fit(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    few = Fleet(INSTANCES, FEW, FEW, tls=tls)
    many = Fleet(INSTANCES, FEW, fit, tls=tls)
    few_router, few_ports = start_router(stage, few)
    many_router, many_ports = start_router(stage, many)
    core = stage.cores.measured
    few_rss, many_rss = usage(few_router.pid, core).rss, usage(many_router.pid, core).rss
    each = (many_rss - few_rss) / (many.all_channels - few.all_channels)
    errors, pairs = [], []
    for _ in range(1 + PAIRS):
        pair = []
        for router, ports in ((few_router, few_ports), (many_router, many_ports)):
            cpu, found = _cpu(stage, router, ports["port"], max(1.0, seconds / 2))
            pair.append(cpu)
            errors.append(found)
        pairs.append(pair)
    few_cpu, many_cpu = (median(column) for column in zip(*pairs[1:], strict=True))
    return Sample(
        {
            "channels": many.all_channels,
            "channel_kib": each / 2**10,
            "few_mib": few_rss / 2**20,
            "many_mib": many_rss / 2**20,
            "reckoned_mib": (many_rss + each * (MANY - many.all_channels)) / 2**20,
            "few_cpu_us": few_cpu,
            "many_cpu_us": many_cpu,
            "cpu_growth": median((after / before - 1) * 100 for before, after in pairs[1:]),
        },
        add_up(errors),
    )


def _cpu(stage: Stage, router: Child, port: int, seconds: float) -> tuple[float, dict[str, int]]:
    """CPU in microseconds of a small request under load, and errors."""
    command = wrk_command(port, "/small", CONNECTIONS, seconds)
    before = usage(router.pid, stage.cores.measured)
    report = run_wrk(stage.cores.others, command, seconds)
    after = usage(router.pid, stage.cores.measured)
    return cpu_figures(before, after, report.requests)["cpu_us"], report.errors
