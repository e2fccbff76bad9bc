"""The command line of ``lambdadispatch simulate``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeAlias

from lambdadispatch.settings import SETTINGS, Settings, SettingsError, load
from lambdadispatch.settings.kinds import Kind, seconds, whole
from lambdadispatch.settings.page import default_text
from lambdadispatch.simulator import prices
from lambdadispatch.simulator.access_log import UNITS
from lambdadispatch.simulator.distributions import ALLOWED, distribution
from lambdadispatch.simulator.scenario import PARTS
from lambdadispatch.simulator.shipping import SIMULATED
from lambdadispatch.simulator.workloads import BUILTIN

DEFAULT_COLD_START = "lognormal:500ms,2s"
DEFAULT_CALL_BACK = "50ms"
WHAT_IF = "values of --max-concurrent-count for rows of their own, or none (1, half and double)"

Value: TypeAlias = tuple[str, Callable[[str], object], object, str, str]
"""An argument that has a value: flag, how it is read, default, what help calls the value, help."""


class ArgumentError(ValueError):
    """An argument was refused: the message names it, its value and what is allowed."""


class Parser(argparse.ArgumentParser):
    """A parser whose problems are raised, so that there is one place that reports them."""

    def error(self, message: str) -> NoReturn:
        """Raise ArgumentError."""
        raise ArgumentError(message)


def number(least: float, most: float, what: str = "a number") -> Kind:
    """Give the kind for a float from ``least`` to ``most``."""

    def read(value: object) -> float:
        found = float(str(value))
        if not least <= found <= most:  # false for nan, too
            raise ValueError
        return found

    return Kind(float, f"{what} from {least:g} to {most:g}", read)


def _reads(kind: Kind) -> Callable[[str], object]:
    def read(text: str) -> object:
        try:
            return kind.read(text)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{text[:200]!r} is refused; allowed: {kind.allowed}"
            ) from None

    return read


def _distribution(text: str) -> object:
    try:
        return distribution(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _several(kind: Kind) -> Callable[[str], object]:
    one = _reads(kind)

    def read(text: str) -> object:
        return () if text == "none" else tuple(one(part) for part in text.split(","))

    return read


def _parts(text: str) -> object:
    parts = tuple(text.split(","))
    if not set(parts) <= set(PARTS):
        raise argparse.ArgumentTypeError(
            f"{text[:200]!r} is refused; allowed: some of {','.join(PARTS)}"
        )
    return parts


_COUNT = whole(1, 100_000_000)
_RATE = number(0.001, 1_000_000, "requests a second,")
_TIME = seconds(0, 31_536_000)
_SOME_TIME = seconds(0.001, 31_536_000)

SHAPE = {
    "seconds": (_SOME_TIME, "length of the workload (60s)"),
    "requests": (_COUNT, "end it after so many requests"),
    "rate": (_RATE, "requests a second (100)"),
    "low": (number(0, 1_000_000, "requests a second,"), "rate at the start of a ramp (0)"),
    "burst": (whole(1, 1_000_000), "requests of a burst (100)"),
    "every": (_SOME_TIME, "time between bursts (10s)"),
    "on": (_SOME_TIME, "time with load (10s)"),
    "off": (_TIME, "time without (10s)"),
    "load": (number(0.001, 1_000_000), "requests that run at once on average (20)"),
    "clients": (whole(1, 100_000), "clients that wait for their answers (20)"),
    "think": (_TIME, "time between an answer and the client's next request (0)"),
    "warm": (whole(0, 10_000), "instances that are open and idle at the start (0; step: 2)"),
}
"""The numbers of a workload: kind and help."""

COMMON = ("seconds", "requests", "warm")


def parser() -> Parser:
    """Give the parser of all arguments; what is not given is None."""
    found = Parser(
        prog="lambdadispatch simulate",
        description="Work out what this dispatcher, AWS Lambda's own and an ideal one do with a "
        "workload. docs/simulator.md explains the models.",
        epilog=f"DISTRIBUTION: {ALLOWED}.".replace("%", "%%"),
        allow_abbrev=False,
    )
    _workload(found)
    _service(found)
    _money(found)
    group = found.add_argument_group("settings of the router (docs/settings.md)")
    group.add_argument("--config", metavar="FILE", help="TOML file with settings by name")
    for setting in SETTINGS:
        if setting.name in SIMULATED:
            group.add_argument(
                f"--{setting.flag}",
                type=_checks(setting.kind),
                metavar="VALUE",
                help=f"{setting.help} ({default_text(setting)})".replace("%", "%%"),
            )
    return found


def _checks(kind: Kind) -> Callable[[str], str]:
    """Refuse what is wrong, but keep the text: the settings read it once more."""
    read = _reads(kind)

    def check(text: str) -> str:
        read(text)
        return text

    return check


def _workload(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("workload")
    group.add_argument(
        "--workload",
        choices=BUILTIN,
        help="; ".join(f"{name}: {each.help}" for name, each in BUILTIN.items()),
    )
    for name, (kind, text) in SHAPE.items():
        group.add_argument(f"--{name}", type=_reads(kind), metavar="N", help=text)
    group.add_argument(
        "--duration", type=_distribution, metavar="DISTRIBUTION", help="of the requests (100ms)"
    )
    group.add_argument("--access-log", metavar="FILE", help="take recorded requests; - reads stdin")
    group.add_argument(
        "--log-duration",
        choices=(*UNITS, "none"),
        help="unit of the number at the end of a line of the log",
    )
    group.add_argument(
        "--seed", type=_reads(whole(0, 2**63)), default=0, metavar="N", help="of all chance (0)"
    )


def _add(group: argparse._ArgumentGroup, values: Iterable[Value]) -> None:
    for flag, read, default, metavar, text in values:
        group.add_argument(f"--{flag}", type=read, default=default, metavar=metavar, help=text)


def _service(parser: argparse.ArgumentParser) -> None:
    call_back = distribution(DEFAULT_CALL_BACK)
    concurrency, timeout = _reads(whole(1, 1_000_000)), _reads(seconds(1, 900))
    started = f"of a new environment ({DEFAULT_COLD_START}; step: 8s)"
    called = f"from a ready environment to open channels ({DEFAULT_CALL_BACK})"
    kept = "how long AWS keeps an unused environment (5m)"
    values: tuple[Value, ...] = (
        ("cold-start", _distribution, None, "DISTRIBUTION", started),
        ("call-back", _distribution, call_back, "DISTRIBUTION", called),
        ("keep-warm", _reads(_TIME), 300.0, "TIME", kept),
        ("account-concurrency", concurrency, 1000, "N", "most environments in use (1000)"),
        ("function-timeout", timeout, 900.0, "TIME", "of an invocation (900s)"),
    )
    _add(parser.add_argument_group("AWS Lambda"), values)


def _money(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(f"prices ({prices.REGION}, as of {prices.AS_OF}) and output")
    group.add_argument("--architecture", choices=prices.LIST, default="x86", help="(x86)")
    dollars, share = _reads(number(0, 1_000_000, "dollars,")), _reads(number(0, 1))
    router = "of the router (a Fargate task with 1 vCPU and 2 GB)"
    memory = "of the function (1769, which is one vCPU)"
    billed = "part of a cold start that AWS bills, 0 to 1 (1)"
    rows = f"of the table ({','.join(PARTS)})"
    values: tuple[Value, ...] = (
        ("memory", _reads(whole(128, 10_240)), 1769, "MB", memory),
        ("price-gb-second", dollars, None, "DOLLARS", "of AWS Lambda"),
        ("price-million-requests", dollars, None, "DOLLARS", "of invocations"),
        ("price-router-hour", dollars, None, "DOLLARS", router),
        ("billed-start-share", share, 1.0, "SHARE", billed),
        ("rows", _parts, PARTS, "PARTS", rows),
        ("what-if-concurrency", _several(whole(1, 1000)), None, "N,N,...", WHAT_IF),
    )
    _add(group, values)
    group.add_argument("--json", action="store_true", help="JSON in place of the table")
    group.add_argument("--plot", metavar="FILE", help="write the charts there, as SVG")


def settings_of(found: argparse.Namespace) -> Settings:
    """Give the router's settings: flags over the file over defaults. The environment is not read.

    Raises ArgumentError with every problem.
    """
    flags = {"function-name": "simulated"}
    for setting in SETTINGS:
        value: Any = getattr(found, setting.name, None)
        if setting.name in SIMULATED and value is not None:
            flags[setting.flag] = value
    if found.config is not None:
        flags["config"] = found.config
    try:
        return load(flags, {})[0]
    except SettingsError as error:
        raise ArgumentError("; ".join(error.problems)) from None


def refuse_unused(found: argparse.Namespace, used: Iterable[str], what: str) -> None:
    """Raise ArgumentError if a number of a workload was given that this one does not take."""
    used = set(used)
    for name in SHAPE:
        if getattr(found, name) is not None and name not in used:
            takers = [each for each, row in BUILTIN.items() if name in row.takes]
            raise ArgumentError(
                f"argument --{name}: not taken by {what}; allowed with: "
                f"{', '.join(takers) or 'every built-in workload'}"
            )
