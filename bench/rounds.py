"""Measuring in turn, A B C A B C, so that a slow minute meets all contenders."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import table
from bench.cases import Case
from bench.children import Children
from bench.contenders import Stage
from bench.errors import BenchError, Unavailable
from bench.figures import Round, Sample
from bench.pinning import Cores

FOREIGN = ("LAMBDA_DISPATCH_", "AWS_")
"""Variables that would change how the router is set up."""


@dataclass(frozen=True)
class Plan:
    """How one case is measured."""

    name: str
    case: Case
    contenders: tuple[str, ...]
    rounds: int
    seconds: float
    router_flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """What came of a plan: ``contenders`` that were measured, and why the others were not."""

    plan: Plan
    contenders: tuple[str, ...]
    rounds: Sequence[Round]
    unavailable: dict[str, str] = field(default_factory=dict)


def measure(plan: Plan, cores: Cores) -> Measured:
    """Measure all rounds, telling of each sample. Who is unavailable once is left out."""
    rounds: list[Round] = []
    unavailable: dict[str, str] = {}
    for number in range(1, plan.rounds + 1):
        found: dict[str, Sample] = {}
        for contender in plan.contenders:
            if contender in unavailable:
                continue
            print(f"{plan.name} {number}/{plan.rounds} {contender}: ", end="", flush=True)
            try:
                found[contender] = _measure_or_again(plan, contender, cores)
            except Unavailable as reason:
                unavailable[contender] = str(reason)
                print(f"not available: {reason}", flush=True)
            else:
                print(line(plan.case, found[contender]), flush=True)
        rounds.append(found)
    there = tuple(name for name in plan.contenders if name not in unavailable)
    kept = [{name: each[name] for name in there} for each in rounds]
    return Measured(plan, there, kept, unavailable)


def _measure_or_again(plan: Plan, contender: str, cores: Cores) -> Sample:
    """What fails is tried once more, so that a long run is not lost; it stays in the errors."""
    try:
        return _measure(plan, contender, cores)
    except Unavailable:
        raise
    except BenchError as error:
        print(f"failed: {error}\nonce more: ", end="", flush=True)
    sample = _measure(plan, contender, cores)
    return Sample(sample.figures, {**sample.errors, "failed before": 1})


def _measure(plan: Plan, contender: str, cores: Cores) -> Sample:
    """Start everything afresh in a directory of its own, measure, and end everything."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        with Children(directory, environ) as children:
            stage = Stage(cores, directory, plan.router_flags, children)
            return plan.case.run(stage, contender, plan.seconds)


def line(case: Case, sample: Sample) -> str:
    """The first figures of a sample, and its errors."""
    shown = [
        f"{sample.figures[column.key]:,.{column.decimals}f} {column.title}"
        for column in case.columns[:2]
    ]
    if sample.errors:
        shown.append(f"errors: {table.errors_text(sample.errors)}")
    return ", ".join(shown)
