"""A peer's text as it may stand in a log."""

from __future__ import annotations

from typing import Final

SHOWN: Final = 128
"""Characters of it that are shown."""


def printable(text: str) -> str:
    """The text, cut; escaped if it has a line end, a control character or any other that is not
    seen, for these write lines of their own or are orders to a terminal.
    """
    short = text[:SHOWN]
    return short if short.isprintable() else ascii(short)
