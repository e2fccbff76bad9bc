"""What one setting is: its names, its kind, its default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lambdadispatch.settings.kinds import Kind

PREFIX = "LAMBDA_DISPATCH_"
MOST_CONNECTIONS = 10_000_000
"""To a port: no setting allows more."""


@dataclass(frozen=True)
class Derived:
    """A default that follows from other settings.

    ``text`` says how, ``needs`` names the settings ``of`` reads; they stand above in the table.
    """

    text: str
    needs: tuple[str, ...]
    of: Callable[[Mapping[str, Any]], object]


@dataclass(frozen=True)
class Setting:
    """One row: ``default`` is the value itself or a `Derived`.

    ``aliases`` are whole names of further environment variables. Beside them each setting has
    two: the prefix with the name in capitals, and with the name in CamelCase, which is what users
    of the .NET router have.
    """

    name: str
    kind: Kind
    default: object
    help: str
    aliases: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """The name of the command line option, without its two dashes."""
        return self.name.replace("_", "-")

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that give this setting, the preferred one first."""
        camel = "".join(part.capitalize() for part in self.name.split("_"))
        return (PREFIX + self.name.upper(), PREFIX + camel, *self.aliases)
