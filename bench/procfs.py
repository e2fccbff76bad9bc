"""CPU time and memory of a process and of a core, from /proc (proc(5))."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
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


def resident_bytes(status: str, name: str = "VmRSS") -> int:
    """VmRSS, or another line in kB, of the text of /proc/PID/status, in bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise BenchError(f"/proc/PID/status has no {name}: the process has ended")
    return int(found[1]) * 1024


def peak_bytes(pid: int) -> int:
    """The most that was resident at once, since ``forget_peak``."""
    return resident_bytes((PROC / str(pid) / "status").read_text(), "VmHWM")


def forget_peak(pid: int) -> None:
    """Let the peak begin again at what is resident now (5 written to clear_refs)."""
    (PROC / str(pid) / "clear_refs").write_text("5")


def descendants(pid: int, stats: Mapping[int, str]) -> list[int]:
    """The process and all below it; ``stats`` has the text of /proc/PID/stat by process id."""
    found = [pid]
    for each in found:
        found += [
            child
            for child, stat in stats.items()
            if int(stat.rpartition(")")[2].split()[1]) == each
        ]
    return found


def tree_usage(pid: int, but: str) -> Usage:
    """Counters of a process and all below it that have not ``but`` as an argument.

    ``core`` is 0: they are not held on one.
    """
    stats: dict[int, str] = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                stats[int(entry.name)] = (entry / "stat").read_text()
    process = rss = 0
    for each in descendants(pid, stats):
        with suppress(OSError, BenchError):
            if b"\0%b\0" % but.encode() not in (PROC / str(each) / "cmdline").read_bytes():
                rss += resident_bytes((PROC / str(each) / "status").read_text())
                process += cpu_ticks(stats[each])
    return Usage(time.monotonic(), process / TICKS, 0.0, rss)


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
