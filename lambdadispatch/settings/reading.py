"""From the three sources to `Settings`: precedence, defaults, and all problems at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from lambdadispatch.settings.completing import completed, settings_of
from lambdadispatch.settings.kinds import RefusedPart
from lambdadispatch.settings.model import Settings, SettingsError
from lambdadispatch.settings.pool_tables import (
    PoolTable,
    PoolTables,
    pool_settings,
    spelled_pools,
)
from lambdadispatch.settings.rule import Value
from lambdadispatch.settings.setting import MOST_CONNECTIONS
from lambdadispatch.settings.sources import (
    Spelled,
    plain,
    read_file,
    shown,
    spelled_flags,
    spelled_keys,
    spelled_variables,
)
from lambdadispatch.settings.table import CONFIG

POOLS = "pools"
"""The key of the file below which the tables of pools stand."""


class _Found:
    """What the sources gave so far; a source added earlier outranks the later ones."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        self.refused: set[str] = set()
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self._pools = PoolTables()

    def add(self, source: Iterable[Spelled]) -> None:
        """Check and take the values of one source, those that will be outranked as well."""
        here, refused = self._read(source)
        self.refused |= refused
        self.values = here | self.values

    def add_file(self, file: Mapping[str, object], where: str) -> None:
        """Check and take what a file holds, the tables of pools included."""
        keys = dict(file)
        tables = keys.pop(POOLS, {})
        self.add(spelled_keys(keys, where, self.problems))
        for name, label, spelled in spelled_pools(tables, where, self.problems):
            self._pools.add(name, PoolTable(label, *self._read(spelled)))

    def _read(self, source: Iterable[Spelled]) -> tuple[dict[str, Value], set[str]]:
        here: dict[str, Value] = {}
        refused: set[str] = set()

        def refuse(name: str, what: str, allowed: str) -> None:
            refused.add(name)
            self.problems.append(f"{what}; allowed: {allowed}")

        for setting, label, raw in source:
            name = setting.name
            try:
                value = Value(label, shown(raw), setting.kind.read(raw))
            except ValueError as error:
                part = f" ({error})" if isinstance(error, RefusedPart) else ""
                refuse(name, f"{label}: {shown(raw)} is refused{part}", setting.kind.allowed)
                continue
            other = here.setdefault(name, value)
            if other.value != value.value:
                both = f"{other.label}: {other.shown} and {label}: {value.shown} disagree"
                refuse(name, both, "only one of them, or equal values")
        return here, refused

    def settle(self) -> tuple[Settings, tuple[str, ...]]:
        """Fill in the defaults and check the settings against each other."""
        given = {name: each for name, each in self.values.items() if name not in self.refused}
        if "local" not in self.values.keys() | self.refused:
            given |= self._pools.local(given, self.problems)
        values = completed(given, self.refused, self.problems)
        pools = self._pools.completed(given, values, self.refused, self.problems)
        self.check()
        settings = settings_of(values, pools=pool_settings(pools))
        if pools and "control_connection_limit" not in given:
            settings = replace(settings, control_connection_limit=_room_for_all(settings))
        return settings, tuple(self.warnings)

    def check(self) -> None:
        if self.problems:
            raise SettingsError(self.problems)


def _room_for_all(settings: Settings) -> int:
    """All pools call back to one port, so what each may need is added up."""
    return min(
        MOST_CONNECTIONS, sum(pool.settings.control_connection_limit for pool in settings.pools)
    )


def settings_from(
    flags: Mapping[str, str], environ: Mapping[str, str], file: Mapping[str, object] | None
) -> tuple[Settings, tuple[str, ...]]:
    """Give the settings and the warnings, a line each, from flags over environment over file.

    ``flags`` are keyed by their names without leading dashes, ``file`` is the top level of a TOML
    file. No file is opened here: `load` does that. Raises SettingsError with every problem.
    """
    found = _given(flags, environ)
    if file is not None:
        found.add_file(file, "the file")
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
            found.add_file(file, plain(named.value))
    return found.settle()


def _given(flags: Mapping[str, str], environ: Mapping[str, str]) -> _Found:
    found = _Found()
    found.add(spelled_flags(flags, found.problems))
    found.add(spelled_variables(environ, found.warnings))
    return found
