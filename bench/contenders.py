"""How each contender is started: itself on the measured core, all else on the other."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import conf
from bench.app import ANSWERS, SMALL
from bench.children import Child, Children
from bench.pinning import Cores, pinned
from bench.probing import free_port, wait_until_answers

BASE = "nginx"
"""What ratios are relative to."""
CONCURRENT = 64
"""Requests the one instance runs at once: more than the load has open."""
IDLE = 900
"""Seconds: the instance must not leave between two measurements."""


@dataclass(frozen=True)
class Stage:
    """Where contenders are started: cores, a directory for their files, further router flags."""

    cores: Cores
    directory: Path
    router_flags: tuple[str, ...]
    children: Children


@dataclass(frozen=True)
class Running:
    """A contender at work; ``direct`` is the port of the application behind it, if it has one."""

    child: Child
    port: int
    direct: int | None = None


def start_backend(stage: Stage) -> int:
    """Start the nginx application; its port."""
    port = free_port()
    files = stage.directory / "files"
    files.mkdir(exist_ok=True)
    for name, body in ANSWERS.items():
        (files / name).write_bytes(body)
    text = conf.nginx_backend(stage.directory, port, SMALL.decode())
    child = start_nginx(stage, "backend", stage.cores.others, text)
    wait_until_answers(child, port, "/small", len(SMALL))
    return port


def start_nginx(stage: Stage, name: str, core: int, text: str) -> Child:
    """Start an nginx with this configuration."""
    file = stage.directory / f"{name}.conf"
    file.write_text(text)
    return stage.children.start(name, core, ["nginx", "-e", "stderr", "-c", str(file)])


def nginx(stage: Stage) -> Running:
    """Start nginx as a proxy."""
    backend, port = start_backend(stage), free_port()
    text = conf.nginx_proxy(stage.directory, port, backend)
    child = start_nginx(stage, "nginx", stage.cores.measured, text)
    return Running(child, port, backend)


def haproxy(stage: Stage) -> Running:
    """Start haproxy as a proxy."""
    backend, port = start_backend(stage), free_port()
    file = stage.directory / "haproxy.cfg"
    file.write_text(conf.haproxy_proxy(port, backend))
    command = ["haproxy", "-db", "-f", str(file)]
    return Running(stage.children.start("haproxy", stage.cores.measured, command), port, backend)


def twisted_web(stage: Stage) -> Running:
    """Start stock twisted.web, which answers by itself."""
    return Running(*start_app(stage, "twisted.web", stage.cores.measured))


def start_app(stage: Stage, name: str, core: int) -> tuple[Child, int]:
    """Start the application under stock twisted.web; the process and its port."""
    port = free_port()
    child = stage.children.start(name, core, [sys.executable, "-m", "bench.app", str(port)])
    return child, port


def lambdadispatch(stage: Stage) -> Running:
    """Start the router with the application inside the Lambda process."""
    child, direct = start_app(stage, "application", stage.cores.others)
    wait_until_answers(child, direct, "/small", len(SMALL))
    router, ports = start_router(stage, ["--app", "bench.app:resource"], CONCURRENT, CONCURRENT)
    return Running(router, ports["port"], direct)


def lambdadispatch_port(stage: Stage) -> Running:
    """Start the router with the nginx application on a port beside the Lambda process."""
    backend = start_backend(stage)
    host = ["--app-port", str(backend), "--health-path", "/small"]
    router, ports = start_router(stage, host, CONCURRENT, CONCURRENT)
    return Running(router, ports["port"], backend)


def start_router(
    stage: Stage, host: Sequence[str], concurrent: int, channels: int
) -> tuple[Child, dict[str, int]]:
    """Start the router with one instance on the other core; the process and its ports by flag."""
    ports = {name: free_port() for name in ("port", "control-port", "admin-port")}
    instance = pinned(stage.cores.others, [sys.executable, "-m", "lambda_side", *host])
    twistd = str(Path(sys.executable).with_name("twistd"))
    command = [twistd, "--nodaemon", "--pidfile=", "lambdadispatch", "--local"]
    command += [shlex.join(instance), "--max-instances", "1", "--instance-idle", str(IDLE)]
    command += ["--max-concurrent-count", str(concurrent), "--channel-count", str(channels)]
    for name, port in ports.items():
        command += [f"--{name}", str(port)]
    command += stage.router_flags
    return stage.children.start("lambdadispatch", stage.cores.measured, command), ports


CONTENDERS: dict[str, Callable[[Stage], Running]] = {
    "nginx": nginx,
    "haproxy": haproxy,
    "twisted.web": twisted_web,
    "lambdadispatch": lambdadispatch,
    "lambdadispatch-port": lambdadispatch_port,
}
"""In the order in which they are measured in each round."""
