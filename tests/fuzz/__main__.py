"""Fuzzes every target for some time: ``python -m tests.fuzz --seconds 600 [--target front]``.

With atheris (the extra ``fuzz``) inputs are led by coverage, each target in a process of its own
with 1 GB and 10 s an input at most; without it, or with ``--engine hypothesis``, seeds are damaged
at random. What fails is written to ``tests/fuzz/found`` and the exit code is 1. New inputs go to
``--grow DIRECTORY``, not to the kept corpus.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, seed, settings

from tests.fuzz.mutation import inputs
from tests.fuzz.seeds import TARGETS, seeds

ROOT = Path(__file__).parents[2]
FOUND = Path(__file__).parent / "found"
BATCH = 100
GROWTH_ALLOWED = 32 << 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="time for each target")
    parser.add_argument("--target", action="append", choices=TARGETS, help="default: all")
    parser.add_argument(
        "--engine", choices=("atheris", "hypothesis"), help="default: what there is"
    )
    parser.add_argument("--grow", type=Path, help="directory for inputs that reach new code")
    chosen = parser.parse_args()
    has_atheris = importlib.util.find_spec("atheris") is not None
    engine = chosen.engine or ("atheris" if has_atheris else "hypothesis")
    failed = []
    for target in chosen.target or TARGETS:
        print(f"== {target}: {engine}, {chosen.seconds:.0f} s", flush=True)
        run = by_coverage if engine == "atheris" else by_chance
        if not run(target, chosen.seconds, chosen.grow):
            failed.append(target)
    print("failed: " + ", ".join(failed) if failed else "nothing found", flush=True)
    return 1 if failed else 0


def by_coverage(target: str, seconds: float, grow: Path | None) -> bool:
    """Run libFuzzer in a process of its own; whether nothing was found."""
    FOUND.mkdir(exist_ok=True)
    with TemporaryDirectory() as scratch:
        given_seeds = Path(scratch) / "seeds"
        given_seeds.mkdir()
        for number, data in enumerate(seeds(target)):
            (given_seeds / f"{number:04}").write_bytes(data)
        grown = Path(scratch) / "grown" if grow is None else grow / target
        grown.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "tests.fuzz.coverage",
            target,
            str(grown),
            str(given_seeds),
        ]
        command += [f"-max_total_time={seconds:.0f}", f"-artifact_prefix={FOUND / target}-"]
        return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def by_chance(target: str, seconds: float, grow: Path | None) -> bool:
    """Run hypothesis in batches, each with a seed of its own; whether nothing was found.

    Memory that grows from the second batch on is a finding too.
    """
    give_up, done, first_size = time.monotonic() + seconds, 0, 0
    tracemalloc.start()
    while time.monotonic() < give_up:
        if not _batch(target, done):
            return False
        done += BATCH
        size = tracemalloc.get_traced_memory()[0]
        first_size = first_size or (size if done > BATCH else 0)
        print(f"{target}: {done} inputs, {size >> 20} MB of objects", flush=True)
        if first_size and size > first_size + GROWTH_ALLOWED:
            print(f"{target}: grew from {first_size} to {size} octets", flush=True)
            return False
    return True


def _batch(target: str, number: int) -> bool:
    """One run of hypothesis with a seed of its own; whether nothing was found."""
    last = [b""]

    @seed(number)
    @settings(
        max_examples=BATCH,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs(seeds(target)))
    def run(data: bytes) -> None:
        last[0] = data
        TARGETS[target](data)

    try:
        run()
    except Exception as error:
        FOUND.mkdir(exist_ok=True)
        (FOUND / f"{target}-crash").write_bytes(last[0])
        print(f"{target}: {error!r}\nwith {last[0]!r}", flush=True)
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
