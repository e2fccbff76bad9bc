"""From what was given to all settings: defaults, and what must fit together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambdadispatch.settings.model import Settings
from lambdadispatch.settings.rule import Value
from lambdadispatch.settings.rules import RULES
from lambdadispatch.settings.setting import Derived, Setting
from lambdadispatch.settings.sources import shown
from lambdadispatch.settings.table import SETTINGS


def completed(
    given: Mapping[str, Value], refused: set[str], problems: list[str]
) -> dict[str, Value]:
    """All values by name, with what follows from those ``given``; what was ``refused``, and what
    would follow from it, is left out. What breaks a rule is added to ``problems``, once.
    """
    values = {name: each for name, each in given.items() if name not in refused}
    for setting in SETTINGS:
        if setting.name not in values and setting.name not in refused:
            _fill(setting, values)
    for rule in RULES:
        if values.keys() >= set(rule.needs):
            found = rule.problems(*(values[name] for name in rule.needs))
            problems.extend([each for each in found if each not in problems])
    return values


def _fill(setting: Setting, values: dict[str, Value]) -> None:
    default = setting.default
    if isinstance(default, Derived):
        if not values.keys() >= set(default.needs):
            return  # what it follows from was refused
        default = default.of({name: values[name].value for name in default.needs})
    values[setting.name] = Value(f"{setting.name} (default)", shown(default), default)


def settings_of(values: Mapping[str, Value], **others: Any) -> Settings:
    """The settings of these values, which must be all."""
    fields = {setting.name: values[setting.name].value for setting in SETTINGS}
    return Settings(**fields | others)
