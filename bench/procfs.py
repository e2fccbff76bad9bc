"""CPU time and memory of a process and of a core, from /proc (proc(5))."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import NamedTuple

from bench.errors import BenchError

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """Counters at one moment, in seconds of CPU, and ``rss`` in bytes."""

    at: float
    process: float
    core: float
    rss: int


def cpu_ticks(stat: str) -> int:
    """Fields utime and stime, added, of the text of /proc/PID/stat: all threads of the process.

    The second field is the program's name, which may hold spaces and parentheses.
    """
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def resident_bytes(status: str) -> int:
    """VmRSS of the text of /proc/PID/status, in bytes."""
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise BenchError("/proc/PID/status has no VmRSS: the process has ended")
    return int(found[1]) * 1024


def core_ticks(stat: str, core: int) -> int:
    """What a core has worked for anybody, from the text of /proc/stat: user, nice, system, steal.

    Interrupts are left out: they serve the measured process as much as anything else.
    """
    found = re.search(rf"^cpu{core} (.*)$", stat, re.MULTILINE)
    if found is None:
        raise BenchError(f"/proc/stat has no core {core}")
    user, nice, system, _idle, _iowait, _irq, _softirq, steal = map(int, found[1].split()[:8])
    return user + nice + system + steal


def usage(pid: int, core: int) -> Usage:
    """Read the counters now. Raises BenchError when the process has ended."""
    try:
        process = cpu_ticks((PROC / str(pid) / "stat").read_text())
        rss = resident_bytes((PROC / str(pid) / "status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        raise BenchError(f"the measured process {pid} has ended") from None
    total = core_ticks((PROC / "stat").read_text(), core)
    return Usage(time.monotonic(), process / TICKS, total / TICKS, rss)


def cpu_figures(before: Usage, after: Usage, requests: int) -> dict[str, float]:
    """Figures of a window: ``cpu_us`` a request, ``core_share`` and ``others_share`` in per cent
    of the core, ``rss_mib`` at its end.
    """
    process = after.process - before.process
    others = max(0.0, after.core - before.core - process)
    wall = after.at - before.at
    return {
        "cpu_us": process / requests * 1e6 if requests else 0.0,
        "core_share": process / wall * 100,
        "others_share": others / wall * 100,
        "rss_mib": after.rss / 2**20,
    }
