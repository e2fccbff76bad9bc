"""Worker processes: one beside two, on both cores.

What can be shown on few cores is little, and is said in the table: with two cores the load and
the instances need a part of both, so two workers never have two cores. Nothing is held on a core
here: the system spreads workers, load and instances as it does in service. CPU a request is that of
all the router's processes without its instances.
"""

from __future__ import annotations

import os

from bench.app import SMALL
from bench.contenders import Stage
from bench.errors import Unavailable
from bench.figures import Sample, add_up
from bench.probing import free_port, wait_until_answers
from bench.procfs import tree_usage
from bench.routers import CANNED, Fleet, router_command
from bench.wrk import run_wrk, wrk_command
from lambdadispatch.settings import SETTINGS

FLAG = "--workers"
CONNECTIONS = 50
WARM_UP = 3.0
"""Seconds: each worker has to get its instance."""


def has_workers() -> bool:
    """Whether the router knows the flag."""
    return any(f"--{setting.flag}" == FLAG for setting in SETTINGS)


def measure_workers(stage: Stage, workers: int, seconds: float) -> Sample:
    """Start the router with so many workers and load it. Raises Unavailable without the flag."""
    if not has_workers():
        raise Unavailable(f"this router has no {FLAG}")
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    # An instance of each worker can run all that the load has open.
    fleet = Fleet(instances=workers, concurrent=64, channels=64)
    ports = {"port": free_port(), "admin-port": free_port(), "control-port": 0}
    command = [*router_command(fleet, cores, ports), FLAG, str(workers), *stage.router_flags]
    router = stage.children.start("lambdadispatch", cores, command)
    wait_until_answers(router, ports["port"], "/small", len(SMALL))
    warm = run_wrk(cores, wrk_command(ports["port"], "/small", CONNECTIONS, WARM_UP), WARM_UP)
    before = tree_usage(router.pid, CANNED[0])
    command = wrk_command(ports["port"], "/small", CONNECTIONS, seconds)
    found = run_wrk(cores, command, seconds)
    router.check()
    after = tree_usage(router.pid, CANNED[0])
    cpu = after.process - before.process
    return Sample(
        found.figures()
        | {
            "cpu_us": cpu / max(1, found.requests) * 1e6,
            "cores": cpu / (after.at - before.at),
            "rss_mib": after.rss / 2**20,
        },
        add_up([warm.errors, found.errors]),
    )
