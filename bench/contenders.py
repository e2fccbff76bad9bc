"""How what is not the router is started: itself on the measured core, all else on the other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import conf
from bench.app import ANSWERS, SMALL
from bench.children import Child, Children
from bench.pinning import Cores
from bench.probing import free_port, wait_until_answers
from lambdadispatch.router.certificate import make_certificate

BASE = "nginx"
"""What ratios are relative to."""


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


Start = Callable[[Stage], Running]


def start_backend(stage: Stage, tls: bool = False) -> int:
    """Start the nginx application; its port."""
    port = free_port()
    files = stage.directory / "files"
    files.mkdir(exist_ok=True)
    for name, body in ANSWERS.items():
        (files / name).write_bytes(body)
    if tls:
        pair = make_certificate(datetime.now(UTC))
        (stage.directory / "key.pem").write_bytes(pair.key)
        (stage.directory / "certificate.pem").write_bytes(pair.certificate)
    text = conf.nginx_backend(stage.directory, port, SMALL.decode(), tls=tls)
    child = start_nginx(stage, "backend", stage.cores.others, text)
    if not tls:
        wait_until_answers(child, port, "/small", len(SMALL))
    return port


def start_canned(stage: Stage) -> int:
    """Start the canned application on a port; the port."""
    port = free_port()
    command = [sys.executable, "-m", "bench.canned_server", str(port)]
    child = stage.children.start("canned", stage.cores.others, command)
    wait_until_answers(child, port, "/small", len(SMALL))
    return port


def start_nginx(stage: Stage, name: str, core: int, text: str) -> Child:
    """Start an nginx with this configuration."""
    file = stage.directory / f"{name}.conf"
    file.write_text(text)
    return stage.children.start(name, core, ["nginx", "-e", "stderr", "-c", str(file)])


def nginx(stage: Stage) -> Running:
    """Start nginx as a proxy."""
    return _nginx_before(stage, start_backend(stage))


def nginx_tls(stage: Stage) -> Running:
    """Start nginx as a proxy that speaks TLS to the application, as the router does to channels."""
    return _nginx_before(stage, start_backend(stage, tls=True), tls=True)


def nginx_canned(stage: Stage) -> Running:
    """Start nginx as a proxy before the canned application."""
    return _nginx_before(stage, start_canned(stage))


def _nginx_before(stage: Stage, backend: int, tls: bool = False) -> Running:
    port = free_port()
    text = conf.nginx_proxy(stage.directory, port, backend, tls=tls)
    child = start_nginx(stage, "nginx", stage.cores.measured, text)
    return Running(child, port, backend)


def haproxy(stage: Stage) -> Running:
    """Start haproxy as a proxy."""
    return _haproxy_before(stage, start_backend(stage))


def haproxy_canned(stage: Stage) -> Running:
    """Start haproxy as a proxy before the canned application."""
    return _haproxy_before(stage, start_canned(stage))


def _haproxy_before(stage: Stage, backend: int) -> Running:
    port = free_port()
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
