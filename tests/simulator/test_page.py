"""docs/simulator.md: its commands run, and say what the page says that they say.

Figures are not compared: they change with each better decision of the dispatcher. What the page
claims about them is tested in test_command.py. ``python -m tests.simulator.page`` brings them up to
date.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdadispatch.simulator import prices
from lambdadispatch.simulator.arguments import DEFAULT_CALL_BACK, DEFAULT_COLD_START, SHAPE, parser
from lambdadispatch.simulator.workloads import BUILTIN
from tests.simulator.page import PAGE, ROOT, blocks, printed, written_again

TEXT = PAGE.read_text()


def names(text: str) -> list[str]:
    """The columns and the names of the rows."""
    heads, _, *rows = [line.split("|") for line in text.splitlines() if line.startswith("|")]
    return [cell.strip() for cell in heads] + [row[1].strip() for row in rows]


@pytest.mark.parametrize(
    ("arguments", "shown"), blocks(TEXT), ids=[" ".join(each) for each, _ in blocks(TEXT)]
)
def test_the_commands_run_and_give_these_rows(
    arguments: list[str], shown: str, tmp_path: Path
) -> None:
    (tmp_path / "docs").mkdir()
    found = printed(arguments, tmp_path)
    assert found.splitlines()[1] == shown.splitlines()[1]
    assert names(found) == names(shown), "bring it up to date: python -m tests.simulator.page"
    for picture in (tmp_path / "docs").iterdir():
        assert (ROOT / "docs" / picture.name).is_file()
        assert f"({picture.name})" in TEXT


def test_there_are_some_commands_and_they_can_be_written_again(tmp_path: Path) -> None:
    assert len(blocks(TEXT)) >= 3
    command = "```console\n$ lambdadispatch simulate --workload bursts --requests 3\nstale\n```\n"
    again = written_again(f"before\n{command}after\n", tmp_path)
    assert "stale" not in again
    assert "\nbursts --requests 3: 3 requests, seed 0\n" in again
    assert again.startswith("before\n")
    assert again.endswith("```\nafter\n")


def test_workloads_options_and_prices_are_on_the_page() -> None:
    for name, row in BUILTIN.items():
        assert f"| `{name}` | {row.help}" in TEXT
    for name in SHAPE:
        assert f"`--{name}`" in TEXT
    options = [option for action in parser()._actions for option in action.option_strings]
    ours = options[: options.index("--config")]
    assert all(option in TEXT for option in ours if option.startswith("--"))
    for source in (*prices.SOURCES, DEFAULT_COLD_START, DEFAULT_CALL_BACK):
        assert source in TEXT
    for price in prices.LIST.values():
        assert f"{price.gb_second:.10f}" in TEXT
        assert f"{price.router_hour:.5f}" in TEXT
