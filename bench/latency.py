"""Latency added at a fixed rate: through a contender minus straight to the application."""

from __future__ import annotations

from typing import Any

from bench.asking import ask
from bench.contenders import Running, Stage
from bench.errors import BenchError
from bench.figures import Sample, add_up
from bench.procfs import cpu_figures, usage

RATE = 1000
WARM_UP = 1.0


def open_loop(stage: Stage, port: int, path: str, connections: int, seconds: float) -> Any:
    """Run the load from the other core; its report. Raises BenchError when it fails."""
    arguments = ["--port", str(port), "--path", path, "--rate", str(RATE)]
    arguments += ["--connections", str(connections), "--seconds", str(seconds)]
    return ask(stage.cores.others, "bench.open_loop", arguments, seconds)


def measure_latency(
    stage: Stage, running: Running, path: str, connections: int, seconds: float
) -> Sample:
    """Load the application, then the contender before it, and compare the percentiles."""
    if running.direct is None:
        raise BenchError(f"{running.child.name} has no application behind it to compare with")
    errors = []
    for port in (running.direct, running.port):
        warm = open_loop(stage, port, path, connections, WARM_UP)
        errors.append(warm["errors"])
    direct = open_loop(stage, running.direct, path, connections, seconds)
    before = usage(running.child.pid, stage.cores.measured)
    through = open_loop(stage, running.port, path, connections, seconds)
    running.child.check()
    after = usage(running.child.pid, stage.cores.measured)
    figures = {key: through[key] for key in ("p50_ms", "p99_ms", "p999_ms", "late_p99_ms")}
    for key in ("p50_ms", "p99_ms"):
        figures[f"direct_{key}"] = direct[key]
        figures[f"added_{key}"] = through[key] - direct[key]
    figures |= cpu_figures(before, after, through["requests"])
    return Sample(figures, add_up([*errors, direct["errors"], through["errors"]]))
