"""``python -m bench``: measure, print the report and write it to bench/results.

With a case that case alone; without one all that make up the table of targets, and the table.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from bench import options, results, table, target_table
from bench.cases import CASES, TABLE, choose_case
from bench.contenders import BASE
from bench.errors import BenchError
from bench.figures import errors_of
from bench.idle import MANY, SPARE_FILES
from bench.install import programs_for, provide, with_sbin
from bench.machine import describe
from bench.pinning import choose_cores
from bench.rounds import Measured, Plan, measure
from bench.targets import TARGETS, judge

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
FILES = 8192
"""Open files that a contender may need."""


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
    plans = plans_for(chosen)
    cores = choose_cores(os.sched_getaffinity(0))
    programs = programs_for(plans)
    provide(programs)
    _allow_files()
    machine = describe(cores, programs, ROOT, datetime.now(UTC))
    if chosen.router_flags:
        machine["router flags"] = " ".join(chosen.router_flags)
    begun = time.monotonic()
    found: dict[str, Measured] = {}
    for number, plan in enumerate(plans, 1):
        if not chosen.case:
            spent = time.monotonic() - begun
            print(
                f"-- case {number} of {len(plans)}: {plan.name} (after {spent:.0f} s)", flush=True
            )
        found[plan.name] = measured = measure(plan, cores)
        _write(measured, machine, show=bool(chosen.case))
    if not chosen.case:
        _write_targets(found, machine)
    return _exit_code(found)


def plans_for(chosen: options.Options) -> list[Plan]:
    """One plan, or those that make up the table of targets. Raises BenchError."""
    if chosen.case:
        case, contenders = choose_case(chosen.case, chosen.contenders)
        flags = chosen.router_flags
        return [Plan(chosen.case, case, contenders, chosen.rounds, chosen.seconds, flags)]
    if chosen.contenders:
        raise BenchError("CONTENDERS needs a CASE: the table of targets is of all of them")
    return [
        Plan(
            name,
            CASES[name],
            CASES[name].brief or CASES[name].contenders,
            min(chosen.rounds, CASES[name].rounds),
            chosen.seconds,
            chosen.router_flags,
        )
        for name in TABLE
    ]


def _write(measured: Measured, machine: Mapping[str, str], *, show: bool) -> None:
    """The files of one case."""
    plan, case = measured.plan, measured.plan.case
    about = dict(machine)
    about["setting"] = f"rounds: {plan.rounds}, seconds a measurement: {plan.seconds:g}"
    about |= {name: f"not available: {text}" for name, text in measured.unavailable.items()}
    page = table.report(
        f"Bench: {plan.name}",
        case.about,
        about,
        case.columns,
        measured.contenders,
        measured.rounds,
        BASE,
        case.appendix(),
    )
    data = results.as_data(
        plan.name, about, case.columns, measured.contenders, measured.rounds, BASE
    )
    column = next(column for column in case.columns if column.key == case.chart)
    chart = results.chart_of(plan.name, column, measured.contenders, measured.rounds)
    results.write(RESULTS, plan.name, page, data, chart)
    if show:
        print(f"\n{page}\nwritten to {RESULTS.relative_to(ROOT)}/{plan.name}.md, .json and .svg")


def _write_targets(found: Mapping[str, Measured], machine: Mapping[str, str]) -> None:
    verdicts = [judge(target, found) for target in TARGETS]
    notes = [
        text.strip().strip("*")
        for each in found.values()
        if (text := table.warning(each.contenders, each.rounds))
    ]
    rounds = {name: each.plan.rounds for name, each in found.items()}
    page = target_table.targets_page(verdicts, machine, notes[:1] + _shortage(found), rounds)
    data = target_table.targets_data(verdicts, machine)
    results.write(RESULTS, "targets", page, data, target_table.targets_chart(verdicts))
    print(f"\n{page}\nwritten to {RESULTS.relative_to(ROOT)}/targets.md, .json and .svg")


def _shortage(found: Mapping[str, Measured]) -> list[str]:
    """What could not be measured in full."""
    if "idle" not in found:
        return []
    there = max(
        sample.figures["channels"] for each in found["idle"].rounds for sample in each.values()
    )
    if there >= MANY:
        return []
    return [
        f"{there:,.0f} idle channels instead of {MANY:,}, because the hard limit of open files "
        f"cannot be raised to {MANY + SPARE_FILES:,} here; memory is reckoned up to {MANY:,}."
    ]


def _exit_code(found: Mapping[str, Measured]) -> int:
    wrong = [
        f"{contender} in {name}"
        for name, each in found.items()
        for contender in each.contenders
        if errors_of(each.rounds, contender)
    ]
    if wrong:
        print(f"bench: errors with {', '.join(wrong)}: see the table", file=sys.stderr)
    return 1 if wrong else 0


def _allow_files() -> None:
    """Raise the limit of open files as far as is needed, or as far as can be."""
    wanted = MANY + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, wanted))
            hard = wanted
    if hard != resource.RLIM_INFINITY and hard < FILES:
        raise BenchError(f"the limit of open files is {hard}; at least {FILES} are needed")
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
