"""Tools of the bench that are run to their end."""

from __future__ import annotations

import sys

import pytest

from bench.errors import BenchError
from bench.running import PATIENCE, output_of


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def test_what_it_wrote() -> None:
    assert output_of("tool", python("print('figures')"), 1) == "figures\n"


def test_one_that_fails_tells_why() -> None:
    program = "import sys; print('half'); sys.exit('no such host')"
    with pytest.raises(BenchError, match=r"tool ended with 1:\nhalf\nno such host$"):
        output_of("tool", python(program), 1)


def test_one_that_does_not_end() -> None:
    with pytest.raises(BenchError, match="tool did not end 30 s after its time"):
        output_of("tool", python("import time; time.sleep(60)"), 0.2 - PATIENCE)
