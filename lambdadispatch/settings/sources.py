"""The three sources of values: flags, environment variables, and the keys of a file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from lambdadispatch.settings.setting import PREFIX, Setting
from lambdadispatch.settings.table import CONFIG, SETTINGS

_BY_NAME = {setting.name: setting for setting in (*SETTINGS, CONFIG)}
_FILE_NAMES = {setting.name: setting for setting in SETTINGS}
_VARIABLES = {variable: setting for setting in _BY_NAME.values() for variable in setting.variables}
_SERVICE_LINK = re.compile(r"(?:tcp|udp|sctp)://")


class Spelled(NamedTuple):
    """A value as found: ``label`` names it the way the user did."""

    setting: Setting
    label: str
    value: object


def plain(name: str) -> str:
    """Return ``name`` such that it cannot break out of its line."""
    return name if name.isprintable() else repr(name)


def shown(value: object) -> str:
    """Return a refused value for a message: quoted, on one line, cut when it is very long."""
    try:
        text = repr(value)
    except ValueError:  # an int of thousands of digits has no repr
        return "a very large number"
    return text if len(text) <= 200 else text[:200] + "..."


def spelled_flags(flags: Mapping[str, str], problems: list[str]) -> Iterator[Spelled]:
    """Read flags, keyed by their name without dashes in front (a_b and a-b are the same)."""
    for flag, value in flags.items():
        setting = _BY_NAME.get(flag.replace("-", "_"))
        if setting is None:
            hint = _hint(flag, [known.flag for known in _BY_NAME.values()], "--")
            problems.append(f"--{plain(flag)}: no such flag{hint}")
        else:
            yield Spelled(setting, f"--{setting.flag}", value)


def spelled_variables(environ: Mapping[str, str], warnings: list[str]) -> Iterator[Spelled]:
    """Read the environment; what only looks like a setting becomes a warning.

    Kubernetes puts variables for every service of the namespace into each pod. For a service
    named lambda-dispatch one of them is LAMBDA_DISPATCH_PORT=tcp://10.0.0.1:80.
    """
    for variable, value in environ.items():
        setting = _VARIABLES.get(variable)
        if setting is not None and variable.endswith("_PORT") and _SERVICE_LINK.match(value):
            warnings.append(f"{variable}: {shown(value)} is a Kubernetes service link: ignored")
        elif setting is not None:
            yield Spelled(setting, variable, value)
        elif variable.startswith(PREFIX):
            hint = _hint(variable.removeprefix(PREFIX), list(_BY_NAME), PREFIX)
            warnings.append(f"{plain(variable)}: no such setting: ignored{hint}")


def spelled_keys(file: Mapping[str, object], where: str, problems: list[str]) -> Iterator[Spelled]:
    """Read the top level of a TOML file, its keys spelled a_b or a-b."""
    for key, value in file.items():
        setting = _FILE_NAMES.get(key.replace("-", "_"))
        label = f"{plain(key)} in {where}"
        if setting is None:
            problems.append(f"{label}: no such setting{_hint(key, list(_FILE_NAMES), '')}")
        else:
            yield Spelled(setting, label, value)


def read_file(name: str, label: str, problems: list[str]) -> dict[str, object] | None:
    """Read the TOML file ``name``; when it cannot be read, report that and return None."""
    try:
        with Path(name).open("rb") as file:
            return tomllib.load(file)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        problems.append(f"{label}: {shown(name)} cannot be read: {why}; allowed: a TOML file")
        return None


def _hint(name: str, known: list[str], prefix: str) -> str:
    """Name the nearest known name, letter case and word separators aside; empty if none is near."""
    bare = {re.sub("[-_]", "", each).lower(): each for each in known}
    near = get_close_matches(re.sub("[-_]", "", name).lower(), bare, n=1)
    if not near:
        return ""
    found = bare[near[0]]
    return f"; nearest: {prefix}{found.upper() if prefix == PREFIX else found}"
