"""The settings of a run: flags, each with an environment variable that ``make bench`` sets."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.errors import BenchError

CASE_SECONDS = "5"
TABLE_SECONDS = "3"
"""Of each measurement, when nothing is said."""


@dataclass(frozen=True)
class Options:
    """``seconds`` are per measurement; no ``contenders`` means all of the case; no ``case`` those
    that make up the table of targets.
    """

    case: str
    rounds: int
    seconds: float
    contenders: tuple[str, ...]
    router_flags: tuple[str, ...]


def parse(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Flags outrank variables; an empty variable counts as absent. Raises BenchError."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure the router beside nginx, haproxy and stock twisted.web.",
    )

    def add(name: str, default: str, text: str) -> None:
        variable = name.upper().replace("-", "_")
        parser.add_argument(
            f"--{name}",
            default=environ.get(variable) or default,
            help=f"{text}; variable {variable} (default {default or 'none'})",
        )

    add("case", "", "what is measured (see bench/README.md); without it, the table of targets")
    add("rounds", "5", "times each contender is measured, in turn")
    add(
        "seconds",
        "",
        f"length of one measurement; {CASE_SECONDS}, or {TABLE_SECONDS} without a case",
    )
    add("contenders", "", "only these of the case, with commas between")
    add("router-flags", "", "further flags of twistd lambdadispatch")
    chosen = parser.parse_args(arguments)
    return Options(
        chosen.case,
        _rounds(chosen.rounds),
        _seconds(chosen.seconds or (CASE_SECONDS if chosen.case else TABLE_SECONDS)),
        tuple(name for name in chosen.contenders.split(",") if name),
        tuple(shlex.split(chosen.router_flags)),
    )


def _rounds(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise BenchError(f"ROUNDS is {text!r}: a whole number from 1 to 1000 is needed")
    return int(text)


def _seconds(text: str) -> float:
    # wrk counts in whole seconds
    if not text.isdecimal() or not 1 <= int(text) <= 3600:
        raise BenchError(f"SECONDS is {text!r}: a whole number from 1 to 3600 is needed")
    return float(text)
