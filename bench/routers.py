"""How the router is started: itself on the measured core, its instances on the other."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from operator import eq, le
from pathlib import Path
from typing import Any

from bench.app import SMALL
from bench.children import Child
from bench.compiled import INTERPRETED, prefix
from bench.contenders import Running, Stage, Start, start_app, start_backend, start_canned
from bench.errors import BenchError
from bench.pinning import pinned
from bench.probing import PAUSE, free_port, get, wait_until_answers

IDLE = 900
"""Seconds: no instance must leave between two measurements."""
CANNED = ("bench.canned",)
PATIENCE = 60.0
"""Seconds in which all instances and their channels are there."""
A_CHANNEL = 0.01
"""Seconds more for each channel."""


@dataclass(frozen=True)
class Fleet:
    """``instances`` that run ``concurrent`` requests each and open ``channels`` each.

    ``side`` is the module of the Lambda side with its arguments; ``tls``: channels over TLS;
    ``compiled``: the router, if it was built. The Lambda side is always interpreted.
    """

    instances: int = 6
    concurrent: int = 10
    channels: int = 10
    side: Sequence[str] = CANNED
    tls: bool = False
    compiled: bool = True

    @property
    def all_channels(self) -> int:
        """Channels of all instances."""
        return self.instances * self.channels


TENS = Fleet()
"""Ten requests an instance, and a slot more than the load's 50 connections can fill."""
ONE = Fleet(instances=1, concurrent=64, channels=64)
"""For applications of which one process is to be on the load's core, not six."""


def start_router(stage: Stage, fleet: Fleet) -> tuple[Child, dict[str, int]]:
    """Start the router, and its instances; the process, and its ports by flag."""
    ports = {name: free_port() for name in ("port", "admin-port", "control-port")}
    if fleet.tls:
        ports["control-tls-port"] = ports.pop("control-port")
    command = router_command(fleet, stage.cores.others, ports)
    if fleet.tls:
        command += ["--control-port", "off"]
    command += stage.router_flags
    router = stage.children.start("lambdadispatch", stage.cores.measured, command)
    bring_up(router, ports, fleet)
    return router, ports


def router_command(fleet: Fleet, others: int | str, ports: dict[str, int]) -> list[str]:
    """The command line."""
    instance = [*INTERPRETED, *pinned(others, [sys.executable, "-m", *fleet.side])]
    twistd = str(Path(sys.executable).with_name("twistd"))
    command = [*prefix(fleet.compiled), twistd, "--nodaemon", "--pidfile=", "lambdadispatch"]
    command += ["--local", shlex.join(instance), "--instance-idle", str(IDLE)]
    command += ["--min-instances", str(fleet.instances), "--max-instances", str(fleet.instances)]
    command += ["--channel-count", str(fleet.channels)]
    command += ["--max-concurrent-count", str(fleet.concurrent)]
    for name, port in ports.items():
        command += [f"--{name}", str(port)]
    return command


def bring_up(router: Child, ports: dict[str, int], fleet: Fleet) -> None:
    """Return once all instances are open, with all their channels idle."""
    give_up = time.monotonic() + PATIENCE + A_CHANNEL * fleet.all_channels
    _wait(router, ports, "open_instances", partial(le, fleet.instances), give_up)
    _wait(router, ports, "idle_channels", partial(eq, fleet.all_channels), give_up)


def _wait(
    router: Child,
    ports: dict[str, int],
    figure: str,
    enough: Callable[[int], bool],
    give_up: float,
) -> None:
    found = -1
    while time.monotonic() < give_up:
        router.check()
        try:
            found = in_all_pools(get(ports["admin-port"], "/state")[1], figure)
        except (OSError, HTTPException):
            found = -1
        if enough(found):
            return
        time.sleep(PAUSE * 5)
    raise BenchError(f"{figure} is still {found}\n{router.log_tail()}")


def in_all_pools(state: bytes, figure: str) -> int:
    """A figure of the router's /state, added over all pools."""
    pools: dict[str, Any] = json.loads(state)["pools"]
    return sum(pool[figure] for pool in pools.values())


# -- contenders


def lambdadispatch(stage: Stage, fleet: Fleet) -> Running:
    """The router with canned instances; the same application listens on ``direct``."""
    direct = start_canned(stage)
    router, ports = start_router(stage, fleet)
    return Running(router, ports["port"], direct)


def lambdadispatch_app(stage: Stage) -> Running:
    """The router with a Resource inside the Lambda process."""
    child, direct = start_app(stage, "application", stage.cores.others)
    wait_until_answers(child, direct, "/small", len(SMALL))
    return _served_by(stage, direct, "--app", "bench.app:resource")


def lambdadispatch_port(stage: Stage) -> Running:
    """The router with the nginx application on a port beside the Lambda process."""
    backend = start_backend(stage)
    return _served_by(stage, backend, "--app-port", str(backend), "--health-path", "/small")


def _served_by(stage: Stage, direct: int, *flags: str) -> Running:
    fleet = Fleet(1, ONE.concurrent, ONE.channels, ("lambda_side", *flags))
    router, ports = start_router(stage, fleet)
    return Running(router, ports["port"], direct)


ROUTERS: dict[str, Start] = {
    "lambdadispatch": partial(lambdadispatch, fleet=TENS),
    "lambdadispatch-interpreted": partial(lambdadispatch, fleet=Fleet(compiled=False)),
    "lambdadispatch-tls": partial(lambdadispatch, fleet=Fleet(tls=True)),
    "lambdadispatch-app": lambdadispatch_app,
    "lambdadispatch-port": lambdadispatch_port,
}
