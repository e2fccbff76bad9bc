"""Where the router's time goes: ``python -m bench.flame`` draws a flame graph under load.

py-spy samples the router from outside, so it runs as ever; only stacks on the processor count. It
needs the right to trace another process (root, or CAP_SYS_PTRACE in a container). With ``--format
speedscope`` the file is for https://www.speedscope.app.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.app import ANSWERS
from bench.cases import CONNECTIONS
from bench.children import Children
from bench.contenders import Stage
from bench.errors import BenchError
from bench.flame_svg import by_layer, draw, parse
from bench.install import provide, with_sbin
from bench.pinning import choose_cores, pinned
from bench.probing import wait_until_answers
from bench.routers import ROUTERS
from bench.wrk import run_wrk, wrk_command

OUTPUT = Path("bench/results/flame.svg")
RATE = 250
"""Samples a second."""
START = 3.0
"""Seconds in which py-spy has read the process's symbols, and over which the load goes on."""


def py_spy_command(pid: int, seconds: float, kind: str, output: Path) -> list[str]:
    """The command that samples a process and ends after so many seconds."""
    command = [str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(pid)]
    command += [
        "--duration",
        str(round(seconds)),
        "--rate",
        str(RATE),
        "--format",
        kind,
        "--function",
    ]
    return [*command, "--output", str(output)]


def record(stage: Stage, contender: str, answer: str, seconds: float, kind: str) -> str:
    """Start the contender, load it, and sample it meanwhile; what py-spy wrote."""
    running = ROUTERS[contender](stage)
    wait_until_answers(running.child, running.port, f"/{answer}", len(ANSWERS[answer]))
    output = stage.directory / "flame"
    others = stage.cores.others
    command = pinned(others, py_spy_command(running.child.pid, seconds, kind, output))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as spy:
        load = wrk_command(running.port, f"/{answer}", CONNECTIONS, seconds + START)
        run_wrk(others, load, seconds + START)
        problem = spy.communicate(timeout=30)[1]
    if spy.returncode or not output.exists():
        raise BenchError(f"py-spy ended with {spy.returncode}: {problem.decode().strip()}")
    return output.read_text()


def arguments_of(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.flame", description=__doc__)
    parser.add_argument("--contender", choices=tuple(ROUTERS), default="lambdadispatch")
    parser.add_argument("--answer", choices=tuple(ANSWERS), default="small")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--format", choices=("flamegraph", "speedscope"), default="flamegraph")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Draw one graph."""
    chosen = arguments_of(arguments)
    os.environ["PATH"] = with_sbin(os.environ.get("PATH", os.defpath))
    provide(("taskset", "wrk", "nginx"))
    kind = "raw" if chosen.format == "flamegraph" else chosen.format
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        Children(Path(name), os.environ) as children,
    ):
        stage = Stage(choose_cores(os.sched_getaffinity(0)), Path(name), (), children)
        found = record(stage, chosen.contender, chosen.answer, chosen.seconds, kind)
    if kind == "raw":
        stacks = parse(found, str(Path.cwd()))
        for layer, share in by_layer(stacks).items():
            print(f"{share:5.1f} %  {layer}")
        title = f"{chosen.contender}, {chosen.answer}: {sum(stacks.values()):,} samples"
        found = draw(stacks, title)
    chosen.output.write_text(found)
    print(f"{chosen.output}: {len(found):,} characters")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BenchError as error:
        raise SystemExit(f"bench: {error}") from None
