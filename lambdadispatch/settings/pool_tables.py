"""Settings of single pools: the tables ``[pools.NAME]`` of the file.

A pool has what is set for all, by whatever source, and in place of it what its own table says;
defaults that follow from other settings follow from the pool's own. So each pool is checked by the
same rules as the router as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lambdadispatch.settings.completing import completed, settings_of
from lambdadispatch.settings.model import PoolSettings
from lambdadispatch.settings.rule import Value
from lambdadispatch.settings.sources import Spelled, plain, shown, spelled_keys

POOLED: Final = (
    *("local", "function_name", "max_concurrent_count", "channel_count"),
    *("instance_count_multiplier", "scaling_algorithm", "max_instances", "min_instances"),
    *("min_instances_schedule", "time_zone", "scale_in_delay", "start_rate", "start_burst"),
    *("budget_invocations_per_minute", "budget_gb_seconds_per_hour", "function_memory_mb"),
    *("queue_timeout", "queue_limit", "queue_bytes_limit", "first_byte_timeout", "idle_timeout"),
    *("total_timeout", "tunnel_idle_timeout", "instance_idle", "deadline_margin"),
    *("start_timeout", "backoff_first", "backoff_most"),
    *("local_function_timeout", "local_concurrency"),
)
"""What a pool can have for itself. All else is about ports, clients or the process."""


@dataclass
class PoolTable:
    """What the table of one pool says: checked values by name, and the names of refused ones.

    ``label`` is what the user calls it.
    """

    label: str
    values: dict[str, Value]
    refused: set[str]


def spelled_pools(
    tables: object, where: str, problems: list[str]
) -> Iterator[tuple[str, str, list[Spelled]]]:
    """Read what stands under ``pools`` in the file: (pool, label, what its table spells)."""
    if not isinstance(tables, Mapping):
        problems.append(f"pools in {where}: {shown(tables)} is refused; allowed: [pools.NAME]")
        return
    for name, table in tables.items():
        label = f"[pools.{plain(name)}] of {where}"
        if not isinstance(table, Mapping):
            problems.append(f"{label}: {shown(table)} is refused; allowed: a table of settings")
            continue
        spelled = []
        for each in spelled_keys(table, label, problems):
            if each.setting.name in POOLED:
                spelled.append(each)
            else:
                problems.append(
                    f"{each.label}: it is set for all pools; allowed in this table: "
                    f"{', '.join(POOLED)}"
                )
        yield name, label, spelled


class PoolTables:
    """All of them, by the name of their pool."""

    def __init__(self) -> None:
        self._tables: dict[str, PoolTable] = {}

    def add(self, name: str, table: PoolTable) -> None:
        """One more."""
        self._tables[name] = table

    def local(self, given: Mapping[str, Value], problems: list[str]) -> dict[str, Value]:
        """``local``, which is not given for all, where it is given for each: the first."""
        found = {
            name: table.values["local"]
            for name, table in self._tables.items()
            if "local" in table.values
        }
        if not found:
            return {}
        first = next(iter(found.values()))
        missing = [plain(name) for name in _names(given) if name not in found]
        if missing:
            problems.append(
                f"{first.label}: {first.shown} needs a command for every pool; allowed: local for "
                f"{', '.join(missing)} too, or for all"
            )
        return {"local": first}

    def completed(
        self,
        given: Mapping[str, Value],
        values: Mapping[str, Value],
        refused: set[str],
        problems: list[str],
    ) -> list[tuple[str, dict[str, Value]]]:
        """(pool, all its values) for each; nothing if there is but one, without a table. ``given``
        and ``values`` are those for all pools, the second with defaults.
        """
        if not {"routes", "function_name"} <= values.keys():
            return []
        names = _names(values)
        for name, table in self._tables.items():
            if name not in names:
                allowed = ", ".join(map(plain, names)) or "none"
                problems.append(f"{table.label}: no such pool; allowed: {allowed}")
        if not values["routes"].value and not self._tables:
            return []
        pools = [(name, self._of(name, given, refused, problems)) for name in names]
        problems.extend(_shared_functions(pools))
        return pools

    def _of(
        self, name: str, given: Mapping[str, Value], refused: set[str], problems: list[str]
    ) -> dict[str, Value]:
        table = self._tables.get(name) or PoolTable("", {}, set())
        own = {"function_name": Value(f"pool {plain(name)}", shown(name), name), **table.values}
        return completed({**given, **own}, (refused - own.keys()) | table.refused, problems)


def _names(values: Mapping[str, Value]) -> list[str]:
    """The pools there are: those that routes lead to, and that of ``function_name``."""
    routes, function = values.get("routes"), values.get("function_name")
    names = [route.pool for route in routes.value] if routes is not None else []
    if function is not None and function.value is not None:
        names.append(function.value)
    return list(dict.fromkeys(names))


def _shared_functions(pools: list[tuple[str, dict[str, Value]]]) -> Iterator[str]:
    pool_of: dict[Any, str] = {}
    for name, values in pools:
        function = values.get("function_name")
        if function is None:
            continue
        other = pool_of.setdefault(function.value, name)
        if other != name:
            yield (
                f"{function.label}: {function.shown} is refused; allowed: a function that no other "
                f"pool has (pool {plain(other)} has it)"
            )


def pool_settings(pools: list[tuple[str, dict[str, Value]]]) -> tuple[PoolSettings, ...]:
    """The pools of such values, in which nothing was refused."""
    return tuple(
        PoolSettings(name, values["function_name"].value, settings_of(values))
        for name, values in pools
    )
