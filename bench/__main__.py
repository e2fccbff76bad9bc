"""``python -m bench``: measure one case, print the report and write it to bench/results."""

from __future__ import annotations

import os
import resource
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from bench import options, results, table
from bench.cases import Case, choose_case
from bench.children import Children
from bench.contenders import BASE, Stage
from bench.errors import BenchError
from bench.figures import Round, Sample, errors_of
from bench.install import programs_for, provide, with_sbin
from bench.machine import describe
from bench.pinning import Cores, choose_cores

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
FILES = 8192
"""Open files that a contender may need."""
FOREIGN = ("LAMBDA_DISPATCH_", "AWS_")
"""Variables that would change how the router is set up."""


def main(arguments: Sequence[str]) -> int:
    """The exit code: 1 when something is missing or failed, or a request was answered wrongly."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    os.environ["PATH"] = with_sbin(os.environ.get("PATH", os.defpath))
    os.chdir(ROOT)
    try:
        return _bench(options.parse(arguments, os.environ))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
    return 1


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _bench(chosen: options.Options) -> int:
    case, contenders = choose_case(chosen.case, chosen.contenders)
    cores = choose_cores(os.sched_getaffinity(0))
    programs = programs_for(chosen.case, contenders)
    provide(programs)
    _allow_files()
    machine = describe(cores, programs, ROOT, datetime.now(UTC))
    machine["setting"] = f"rounds: {chosen.rounds}, seconds a measurement: {chosen.seconds:g}"
    if chosen.router_flags:
        machine["router flags"] = " ".join(chosen.router_flags)
    rounds = _rounds(case, contenders, cores, chosen)
    return _report(chosen.case, case, contenders, machine, rounds)


def _rounds(
    case: Case, contenders: Sequence[str], cores: Cores, chosen: options.Options
) -> list[Round]:
    """Measure in turn, A B C A B C, so that a slow minute meets all of them."""
    rounds: list[Round] = []
    for number in range(1, chosen.rounds + 1):
        found: dict[str, Sample] = {}
        for contender in contenders:
            print(f"round {number}/{chosen.rounds} {contender}: ", end="", flush=True)
            found[contender] = _measure(case, contender, cores, chosen)
            print(_line(case, found[contender]), flush=True)
        rounds.append(found)
    return rounds


def _measure(case: Case, contender: str, cores: Cores, chosen: options.Options) -> Sample:
    """Start everything afresh in a directory of its own, measure, and end everything."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        with Children(directory, environ) as children:
            stage = Stage(cores, directory, chosen.router_flags, children)
            return case.run(stage, contender, chosen.seconds)


def _line(case: Case, sample: Sample) -> str:
    shown = [
        f"{sample.figures[column.key]:,.{column.decimals}f} {column.title}"
        for column in case.columns[:2]
    ]
    if sample.errors:
        shown.append(f"errors: {table.errors_text(sample.errors)}")
    return ", ".join(shown)


def _report(
    name: str,
    case: Case,
    contenders: Sequence[str],
    machine: Mapping[str, str],
    rounds: Sequence[Round],
) -> int:
    page = table.report(
        f"Bench: {name}", case.about, machine, case.columns, contenders, rounds, BASE
    )
    data = results.as_data(name, machine, case.columns, contenders, rounds, BASE)
    column = next(column for column in case.columns if column.key == case.chart)
    chart = results.chart_of(name, column, contenders, rounds)
    results.write(RESULTS, name, page, data, chart)
    print(f"\n{page}\nwritten to {RESULTS.relative_to(ROOT)}/{name}.md, .json and .svg")
    wrong = [contender for contender in contenders if errors_of(rounds, contender)]
    if wrong:
        print(f"bench: errors with {', '.join(wrong)}: see the table", file=sys.stderr)
    return 1 if wrong else 0


def _allow_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        raise BenchError(f"the limit of open files is {hard}; at least {FILES} are needed")
    if soft != resource.RLIM_INFINITY and soft < FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
