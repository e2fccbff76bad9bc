"""Memory of the router for an idle channel: its size with few channels and with many."""

from __future__ import annotations

import json
import time
from http.client import HTTPException

from bench.children import Child
from bench.contenders import Stage, start_router
from bench.errors import BenchError
from bench.figures import Sample
from bench.probing import LIMIT, PAUSE, get
from bench.procfs import usage

FEW = 10
MANY = 2000
"""The most an instance may open."""


def measure_idle(stage: Stage) -> Sample:
    """Start one router after the other and compare."""
    few = resident_with(stage, FEW)
    many = resident_with(stage, MANY)
    return Sample(
        {
            "few_mib": few / 2**20,
            "many_mib": many / 2**20,
            "channel_kib": (many - few) / (MANY - FEW) / 2**10,
        }
    )


def resident_with(stage: Stage, channels: int) -> int:
    """Resident bytes of a router once one instance has opened so many channels."""
    host = ["--app", "bench.app:resource"]
    router, ports = start_router(stage, host, min(channels, 1000), channels)
    wait_for_channels(router, ports["admin-port"], channels)
    return usage(router.pid, stage.cores.measured).rss


def wait_for_channels(router: Child, admin_port: int, wanted: int) -> None:
    """Return once that many are open. Raises BenchError when the router ends or time is up."""
    give_up = time.monotonic() + LIMIT
    found = 0
    while time.monotonic() < give_up:
        router.check()
        try:
            found = idle_channels(get(admin_port, "/state")[1])
        except (OSError, HTTPException):
            found = 0
        if found == wanted:
            return
        time.sleep(PAUSE)
    raise BenchError(
        f"{found} of {wanted} channels are open after {LIMIT:g} s\n{router.log_tail()}"
    )


def idle_channels(state: bytes) -> int:
    """Idle channels of all pools, from the router's /state."""
    pools = json.loads(state)["pools"].values()
    return sum(pool["idle_channels"] for pool in pools)
