"""System calls a request: strace counts those of a contender while the load runs."""

from __future__ import annotations

import re
import signal
import subprocess
import time

from bench.contenders import Running, Stage
from bench.errors import BenchError
from bench.figures import Sample, add_up
from bench.pinning import pinned
from bench.throughput import WARM_UP
from bench.wrk import run_wrk, wrk_command

ATTACH = 1.0
"""Seconds in which strace has attached, or has said why it cannot."""
_LINE = re.compile(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+)(?: +\d+)? +(\w+)$", re.MULTILINE)
_SHOWN = {
    "wait": ("epoll_wait", "epoll_pwait", "poll", "select"),
    "read": ("read", "readv", "recvfrom", "recvmsg"),
    "write": ("write", "writev", "sendto", "sendmsg", "sendfile"),
}


def calls_in(summary: str) -> dict[str, int]:
    """Calls by name from the summary of ``strace -c``; the line of totals is left out."""
    return {name: int(calls) for calls, name in _LINE.findall(summary) if name != "total"}


def by_kind(calls: dict[str, int], requests: int) -> dict[str, float]:
    """Calls a request: ``wait``, ``read``, ``write``, ``other`` and ``all``."""
    known = {name: kind for kind, names in _SHOWN.items() for name in names}
    found = dict.fromkeys((*_SHOWN, "other", "all"), 0.0)
    for name, count in calls.items():
        found[known.get(name, "other")] += count / max(1, requests)
        found["all"] += count / max(1, requests)
    return found


def measure_syscalls(
    stage: Stage, running: Running, path: str, connections: int, seconds: float
) -> Sample:
    """Warm up, attach, load, detach."""
    others = stage.cores.others
    warm = run_wrk(others, wrk_command(running.port, path, connections, WARM_UP), WARM_UP)
    report = stage.directory / "strace.txt"
    command = ["strace", "-c", "-f", "-p", str(running.child.pid), "-o", str(report)]
    strace = subprocess.Popen(pinned(others, command), stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(ATTACH)
        if strace.poll() is not None:
            raise BenchError(f"strace ended with {strace.returncode}: {strace.communicate()[1]}")
        found = run_wrk(others, wrk_command(running.port, path, connections, seconds), seconds)
    finally:
        strace.send_signal(signal.SIGINT)
        strace.communicate()
    running.child.check()
    figures = by_kind(calls_in(report.read_text()), found.requests)
    return Sample(figures, add_up([warm.errors, found.errors]))
