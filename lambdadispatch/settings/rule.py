"""What a rule over several settings is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Value(NamedTuple):
    """A checked value with how its source called and wrote it, for messages."""

    label: str
    shown: str
    value: Any


class Rule(NamedTuple):
    """``problems`` takes the values ``needs`` names, in that order, and gives a line for each."""

    needs: tuple[str, ...]
    problems: Callable[..., Iterator[str]]
