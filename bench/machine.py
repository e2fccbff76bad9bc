"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.compiled import described
from bench.pinning import Cores

_VERSION = re.compile(r"\d+(?:\.\d+)+")
_ASK = {"nginx": "-v", "haproxy": "-v", "wrk": "-v", "strace": "-V"}


def cpu_model(cpuinfo: str) -> str:
    """The first model name in the text of /proc/cpuinfo."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def version_in(text: str) -> str:
    """The first number with dots in what a program says of itself."""
    found = _VERSION.search(text)
    return found[0] if found else "unknown"


def package_version(name: str) -> str:
    """The version of an installed Python package, or ``not installed``."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def program_version(name: str) -> str:
    """Ask the program; wrk answers with status 1."""
    command = [name, _ASK[name]]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    return version_in(ended.stdout + ended.stderr)


def source_version(root: Path) -> str:
    """The commit, with a plus sign when files differ from it; ``unknown`` outside a checkout."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except FileNotFoundError:
        return "unknown"
    return ended.stdout.strip() or "unknown"


def describe(cores: Cores, programs: Sequence[str], root: Path, now: datetime) -> dict[str, str]:
    """The machine, the versions and the date, as titles and texts."""
    found = {
        "date": f"{now:%Y-%m-%d %H:%M} UTC",
        "source": source_version(root),
        "CPU": cpu_model(Path("/proc/cpuinfo").read_text()),
        "cores": f"{os.cpu_count()}: the measured process on core {cores.measured}, everything "
        f"else (load, application, Lambda side) on core {cores.others}",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Twisted": package_version("twisted"),
        "uvloop": package_version("uvloop"),
        "compiled": described(),
    }
    return found | {name: program_version(name) for name in programs if name in _ASK}
