"""The commands in docs/simulator.md and what they print there.

``python -m tests.simulator.page`` runs each and writes what it prints below it, and the pictures.
"""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

from lambdadispatch.simulator.command import main

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "simulator.md"

_BLOCK = re.compile(
    r"```console\n\$ lambdadispatch simulate(?P<words>[^\n]*)\n(?P<text>.*?)```", re.S
)


def blocks(page: str) -> list[tuple[list[str], str]]:
    """Each command's arguments, and what the page says that it prints."""
    return [(match["words"].split(), match["text"]) for match in _BLOCK.finditer(page)]


def printed(arguments: list[str], folder: Path) -> str:
    """What the command prints; its picture goes into this folder."""
    if "--plot" in arguments:
        place = arguments.index("--plot") + 1
        arguments = [*arguments]
        arguments[place] = str(folder / arguments[place])
    out, err = StringIO(), StringIO()
    status = main(arguments, out, err)
    assert (status, err.getvalue()) == (0, ""), err.getvalue()
    return out.getvalue()


def written_again(page: str, folder: Path) -> str:
    """The page with what the commands print now."""

    def again(match: re.Match[str]) -> str:
        text = printed(match["words"].split(), folder)
        return f"```console\n$ lambdadispatch simulate{match['words']}\n{text}```"

    return _BLOCK.sub(again, page)


if __name__ == "__main__":
    PAGE.write_text(written_again(PAGE.read_text(), ROOT))
