"""From the three sources to `Settings`: precedence, defaults, and all problems at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lambdadispatch.settings.kinds import RefusedPart
from lambdadispatch.settings.model import Settings, SettingsError
from lambdadispatch.settings.rule import Value
from lambdadispatch.settings.rules import RULES
from lambdadispatch.settings.setting import Derived, Setting
from lambdadispatch.settings.sources import (
    Spelled,
    plain,
    read_file,
    shown,
    spelled_flags,
    spelled_keys,
    spelled_variables,
)
from lambdadispatch.settings.table import CONFIG, SETTINGS


class _Found:
    """What the sources gave so far; a source added earlier outranks the later ones."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        self.refused: set[str] = set()
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def add(self, source: Iterable[Spelled]) -> None:
        """Check and take the values of one source, those that will be outranked as well."""
        here: dict[str, Value] = {}
        for setting, label, raw in source:
            name = setting.name
            try:
                value = Value(label, shown(raw), setting.kind.read(raw))
            except ValueError as error:
                part = f" ({error})" if isinstance(error, RefusedPart) else ""
                self.refuse(name, f"{label}: {shown(raw)} is refused{part}", setting.kind.allowed)
                continue
            other = here.setdefault(name, value)
            if other.value != value.value:
                both = f"{other.label}: {other.shown} and {label}: {value.shown} disagree"
                self.refuse(name, both, "only one of them, or equal values")
        self.values = here | self.values

    def refuse(self, name: str, what: str, allowed: str) -> None:
        self.refused.add(name)
        self.problems.append(f"{what}; allowed: {allowed}")

    def settle(self) -> tuple[Settings, tuple[str, ...]]:
        """Fill in the defaults and check the settings against each other."""
        values = {name: each for name, each in self.values.items() if name not in self.refused}
        for setting in SETTINGS:
            if setting.name not in values and setting.name not in self.refused:
                self._fill(setting, values)
        for rule in RULES:
            if values.keys() >= set(rule.needs):
                self.problems.extend(rule.problems(*(values[name] for name in rule.needs)))
        self.check()
        fields: dict[str, Any] = {setting.name: values[setting.name].value for setting in SETTINGS}
        return Settings(**fields), tuple(self.warnings)

    def _fill(self, setting: Setting, values: dict[str, Value]) -> None:
        default = setting.default
        if isinstance(default, Derived):
            if not values.keys() >= set(default.needs):
                return  # what it follows from was refused
            default = default.of({name: values[name].value for name in default.needs})
        values[setting.name] = Value(f"{setting.name} (default)", shown(default), default)

    def check(self) -> None:
        if self.problems:
            raise SettingsError(self.problems)


def settings_from(
    flags: Mapping[str, str], environ: Mapping[str, str], file: Mapping[str, object] | None
) -> tuple[Settings, tuple[str, ...]]:
    """Give the settings and the warnings, a line each, from flags over environment over file.

    ``flags`` are keyed by their names without leading dashes, ``file`` is the top level of a TOML
    file. No file is opened here: `load` does that. Raises SettingsError with every problem.
    """
    found = _given(flags, environ)
    if file is not None:
        found.add(spelled_keys(file, "the file", found.problems))
    return found.settle()


def load(flags: Mapping[str, str], environ: Mapping[str, str]) -> tuple[Settings, tuple[str, ...]]:
    """Do what `settings_from` does, with the file that the setting ``config`` names, if any."""
    found = _given(flags, environ)
    named = found.values.get(CONFIG.name)
    if CONFIG.name in found.refused:
        found.check()
    elif named is not None:
        file = read_file(named.value, named.label, found.problems)
        if file is None:
            found.check()  # what the file would have given cannot be told from what is missing
        else:
            found.add(spelled_keys(file, plain(named.value), found.problems))
    return found.settle()


def _given(flags: Mapping[str, str], environ: Mapping[str, str]) -> _Found:
    found = _Found()
    found.add(spelled_flags(flags, found.problems))
    found.add(spelled_variables(environ, found.warnings))
    return found
