"""One body of 1 GiB through a contender: CPU seconds, speed, and how far its memory grew."""

from __future__ import annotations

from bench.asking import ask
from bench.canned_answers import GIB
from bench.contenders import Running, Stage
from bench.figures import Sample
from bench.procfs import forget_peak, peak_bytes, usage

LONGEST = 90.0
"""Seconds."""


def measure_bulk(stage: Stage, running: Running, direction: str) -> Sample:
    """Transfer once. A body of another length than was announced counts as an error."""
    pid, core = running.child.pid, stage.cores.measured
    forget_peak(pid)
    before = usage(pid, core)
    arguments = ["--port", str(running.port), "--direction", direction]
    found = ask(stage.cores.others, "bench.transfer", arguments, LONGEST)
    running.child.check()
    after = usage(pid, core)
    cpu = after.process - before.process
    others = max(0.0, after.core - before.core - cpu)
    wrong = found["expected"] != GIB or found["came"] != found["expected"]
    return Sample(
        {
            "cpu_s": cpu,
            "mib_s": found["came"] / 2**20 / found["seconds"],
            "growth_mib": (peak_bytes(pid) - before.rss) / 2**20,
            "rss_mib": after.rss / 2**20,
            "core_share": cpu / (after.at - before.at) * 100,
            "others_share": others / (after.at - before.at) * 100,
        },
        {"length": 1} if wrong else {},
    )
