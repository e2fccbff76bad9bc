"""Idle channels: memory of the router for each, and what many of them do to its speed.

Theory of operation. The same ten instances open few channels each, then as many as make up
``MANY``. The difference of the router's memory, over the difference of channels, is what one costs
(router, its certificate and its code are in both). Under both the same load runs, so that the CPU
of a request can be compared. Channels are opened one after another through the same code as ever;
the router is on its own core, and what it uses to open them is not counted.

A router needs a file for each channel. Where the hard limit of files is lower and cannot be
raised, as many are opened as it allows, and the memory of MANY is reckoned from the two points.
"""

from __future__ import annotations

import resource
from statistics import median

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
WINDOWS = 3


def channels_that_fit(files: int, wanted: int = MANY, instances: int = INSTANCES) -> int:
    """Channels of one instance so that all are ``wanted``, or as many as the files allow."""
    if files == resource.RLIM_INFINITY:
        return wanted // instances
    return min(wanted, files - SPARE_FILES) // instances


def measure_idle(stage: Stage, tls: bool, seconds: float) -> Sample:
    """Start one router after the other and compare."""
    fit = channels_that_fit(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    few = Fleet(INSTANCES, FEW, FEW, tls=tls)
    many = Fleet(INSTANCES, FEW, fit, tls=tls)
    few_rss, few_cpu, few_errors = _with(stage, few, seconds)
    many_rss, many_cpu, many_errors = _with(stage, many, seconds)
    each = (many_rss - few_rss) / (many.all_channels - few.all_channels)
    return Sample(
        {
            "channels": many.all_channels,
            "channel_kib": each / 2**10,
            "few_mib": few_rss / 2**20,
            "many_mib": many_rss / 2**20,
            "reckoned_mib": (many_rss + each * (MANY - many.all_channels)) / 2**20,
            "few_cpu_us": few_cpu,
            "many_cpu_us": many_cpu,
            "cpu_growth": (many_cpu / few_cpu - 1) * 100,
        },
        add_up([few_errors, many_errors]),
    )


def _with(stage: Stage, fleet: Fleet, seconds: float) -> tuple[int, float, dict[str, int]]:
    """Resident bytes before any load, then CPU a small request (the median of some windows)."""
    router, ports = start_router(stage, fleet)
    core, others = stage.cores
    rss = usage(router.pid, core).rss
    found, errors = [], []
    for _ in range(WINDOWS + 1):
        command = wrk_command(ports["port"], "/small", CONNECTIONS, seconds / WINDOWS)
        before = usage(router.pid, core)
        report = run_wrk(others, command, seconds)
        after = usage(router.pid, core)
        found.append(cpu_figures(before, after, report.requests)["cpu_us"])
        errors.append(report.errors)
    stage.children.end_all()
    return rss, median(found[1:]), add_up(errors)
