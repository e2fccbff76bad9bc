"""Many workers' ``/state`` as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def merged(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One state of the same shape: numbers are summed, lists joined, ``seconds`` the longest.

    ``states`` may be none, which gives an empty one. Counts are those of the workers that run now:
    what a worker counted before it died is gone with it.
    """
    if not states:
        return {}
    whole = _sum(states)
    if "seconds" in whole:
        whole["seconds"] = max(state.get("seconds", 0) for state in states)
    return whole


def _sum(mappings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    keys = dict.fromkeys(key for mapping in mappings for key in mapping)
    return {
        key: _together([mapping[key] for mapping in mappings if key in mapping]) for key in keys
    }


def _together(values: Sequence[Any]) -> Any:
    first = values[0]
    if isinstance(first, Mapping):
        return _sum(values)
    if isinstance(first, list):
        return [each for value in values for each in value]
    if isinstance(first, int | float) and not isinstance(first, bool):
        return sum(values)
    return first
