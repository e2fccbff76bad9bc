"""CPU a request at full load: as many requests as a number of connections can keep open."""

from __future__ import annotations

from bench.contenders import Running, Stage
from bench.figures import Sample, add_up
from bench.procfs import cpu_figures, usage
from bench.wrk import run_wrk, wrk_command

WARM_UP = 1.0


def measure_throughput(
    stage: Stage, running: Running, path: str, connections: int, seconds: float
) -> Sample:
    """Warm up, then load for so long."""
    others = stage.cores.others
    warm = run_wrk(others, wrk_command(running.port, path, connections, WARM_UP), WARM_UP)
    command = wrk_command(running.port, path, connections, seconds)
    before = usage(running.child.pid, stage.cores.measured)
    found = run_wrk(others, command, seconds)
    running.child.check()
    after = usage(running.child.pid, stage.cores.measured)
    figures = found.figures() | cpu_figures(before, after, found.requests)
    return Sample(figures, add_up([warm.errors, found.errors]))
