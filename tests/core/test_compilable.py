"""What mypyc is known to get wrong, or to refuse, does not stand in what is compiled.

The compiled build is tested as a whole by ``python -m tests.compiled``; this is the quick part.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import setup

ROOT = Path(setup.__file__).parent
PURE = frozenset(["len", "find", "end", "start"])
"""Calls that may be made twice."""


def calls_in_slices(tree: ast.AST) -> Iterator[str]:
    """mypyc evaluates what stands in a slice twice."""
    for part in ast.walk(tree):
        if isinstance(part, ast.Slice):
            for call in ast.walk(part):
                if isinstance(call, ast.Call):
                    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
                    name = call.func.id if isinstance(call.func, ast.Name) else name
                    if name not in PURE:
                        yield f"line {call.lineno}: {ast.unparse(part)}"


def names(tree: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(tree) if isinstance(part, ast.Name)}


@pytest.mark.parametrize("path", setup.COMPILED)
def test_it_can_be_compiled(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    assert list(calls_in_slices(tree)) == []
    # A compiled class has no place for what it keeps, so it would be computed every time.
    assert "cached_property" not in names(tree)
    for part in ast.walk(tree):
        if isinstance(part, ast.ClassDef):
            # A decorated class is not compiled, and then its subclasses cannot be.
            decorators = {ast.unparse(each) for each in part.decorator_list}
            assert not any(each.startswith("implementer") for each in decorators)


def test_a_call_in_a_slice_is_found() -> None:
    assert list(calls_in_slices(ast.parse("rest = rest[sock.send(rest):]")))
    assert not list(calls_in_slices(ast.parse("rest = rest[len(head):rest.find(b'x')]")))
