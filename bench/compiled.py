"""The build in which the path of a request is compiled, as ``make compile`` makes it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "compiled"
MADE = BUILD / ".made"
"""Written last, when the build is whole."""
INTERPRETED = ("env", "-u", "PYTHONPATH", "-u", "PYTHONSAFEPATH")
"""Begins the command of a process that is to be interpreted though its parent is compiled."""


def prefix(compiled: bool) -> tuple[str, ...]:
    """What a command begins with to run compiled, if that is wanted and built."""
    if not compiled or not MADE.exists():
        return INTERPRETED
    # The working directory must not come first: the sources are there.
    return ("env", "PYTHONSAFEPATH=1", f"PYTHONPATH={BUILD}:{ROOT}")


def described() -> str:
    """For the report."""
    return "yes" if MADE.exists() else "no: run make compile, which needs a C compiler"
