"""Every client that takes the steps: what it can do, whether it is here, and in which version."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from tests.interop import programs, python_clients
from tests.interop.python_clients import Order, Result

MOST = frozenset({"chunked", "redirects", "redirects_upload", "cookies"})


@dataclass(frozen=True)
class TakesSteps:
    """One client. ``able``: what it does by itself, of what steps need."""

    name: str
    run: Callable[[str, list[Order]], list[Result]]
    able: frozenset[str]
    program: str = ""
    """That has to be installed; "" for a library of this Python."""

    @property
    def missing(self) -> bool:
        return bool(self.program) and shutil.which(self.program) is None

    @property
    def version(self) -> str:
        if self.program:
            return version_of(self.program)
        if self.name == "urllib":
            return f"Python {platform.python_version()}"
        return importlib.metadata.version(self.name)


def version_of(program: str) -> str:
    """What a program says of itself."""
    printed = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"\d+(\.\d+)+", printed.stdout + printed.stderr)
    return found[0] if found else "unknown"


CLIENTS = (
    TakesSteps("curl", programs.with_curl, MOST | {"expect"}, "curl"),
    TakesSteps("requests", python_clients.with_requests, MOST),
    TakesSteps("httpx", python_clients.with_httpx, MOST),
    TakesSteps("aiohttp", python_clients.with_aiohttp, MOST | {"expect"}),
    TakesSteps("urllib", python_clients.with_urllib, MOST - {"redirects_upload"}),
    TakesSteps("node fetch", programs.with_fetch, MOST - {"cookies"}, "node"),
    TakesSteps("node http", programs.with_agent, frozenset({"chunked", "expect"}), "node"),
    TakesSteps("Java HttpClient", programs.with_java, MOST | {"expect"}, "java"),
)
