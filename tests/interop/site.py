"""A router with the application for clients behind it."""

from __future__ import annotations

import json
import shlex
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import pytest

from lambdadispatch.settings.table import SETTINGS
from tests.interop.certificate import make_files
from tests.process.router import LAMBDA_SIDE, RunningRouter, free_port, serving

ONE = ("--max-instances", "1", "--instance-idle", "600")
"""The application listens on one port, and keeps what it saw."""


@dataclass(frozen=True)
class Site:
    """Where clients ask, and where the application tells what it saw."""

    router: RunningRouter
    app_port: int
    scheme: str = "http"

    @property
    def host(self) -> str:
        ports = {"http": "port", "https": "tls-port"}
        return f"127.0.0.1:{self.router.ports[ports[self.scheme]]}"

    @property
    def base(self) -> str:
        return f"{self.scheme}://{self.host}"

    def seen(self, case: str) -> list[dict[str, Any]]:
        """The requests of a case, as the application saw them, asked past the router."""
        url = f"http://127.0.0.1:{self.app_port}/seen/{quote(case)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            told: list[dict[str, Any]] = json.load(answer)
        return told


@contextmanager
def running(*options: str, module: str = "tests.interop.app") -> Iterator[Site]:
    """Serve an application, which takes its port as an argument, by a module of this Python."""
    port = free_port()
    command = (LAMBDA_SIDE[0], "-m", module, str(port))
    app = shlex.join([*LAMBDA_SIDE, "--app-port", str(port), "--", *command])
    with serving(*ONE, *options, app=app) as router:
        yield Site(router, port)


@contextmanager
def running_over_tls(*options: str) -> Iterator[Site]:
    """The same over HTTPS, with a certificate that every program started meanwhile trusts."""
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as variables:
        files = make_files(Path(directory))
        with running(*files.options, *options) as site:
            for name, value in files.variables.items():
                variables.setenv(name, value)
            yield replace(site, scheme="https")


def knows(setting: str) -> bool:
    """Whether the router has a setting."""
    return any(row.name == setting for row in SETTINGS)
