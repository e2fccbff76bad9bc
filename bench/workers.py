"""Worker processes: one beside two, each with the same share of a core.

The load and the instances need a part of the cores, so on two cores two workers never have two of
them. Therefore each worker may use SHARE of a core and no more, by a quota: what two do with twice
the CPU of one then shows whether they get in each other's way, and not who else wanted the core.
Nothing is held on a core. CPU a request is that of all the router's processes, without its
instances.
"""

from __future__ import annotations

import os

from bench.allowance import allowed
from bench.app import SMALL
from bench.contenders import Stage
from bench.errors import BenchError, Unavailable
from bench.figures import Sample, add_up
from bench.probing import free_port, wait_until_answers
from bench.procfs import arguments_of, below, tree_usage
from bench.routers import CANNED, Fleet, router_command
from bench.wrk import run_wrk, wrk_command
from lambdadispatch.settings import SETTINGS

FLAG = "--workers"
CONNECTIONS = 50
SHARE = 0.3
"""Of a core, for each worker: little enough that load and instances always have what they want."""
WARM_UP = 3.0
"""Seconds: each worker has to get its instance."""


def has_workers() -> bool:
    """Whether the router knows the flag."""
    return any(f"--{setting.flag}" == FLAG for setting in SETTINGS)


def serving(router: int, workers: int) -> list[int]:
    """The processes that serve: the router itself, or its workers."""
    if workers == 1:
        return [router]
    found = [pid for pid in below(router) if "lambdadispatch.worker" in arguments_of(pid)]
    if len(found) != workers:
        raise BenchError(f"the router has {len(found)} workers, not {workers}")
    return found


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
    with allowed(serving(router.pid, workers), SHARE):
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
