"""docs/performance.md names only what is there, and has the table of targets as it is."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench import flame
from bench.cases import CASES
from bench.targets import TARGETS
from lambdadispatch.settings import SETTINGS

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "performance.md").read_text()
README = (ROOT / "bench" / "README.md").read_text()
COMMANDS = re.findall(r"^\$ (.+)$", PAGE, re.MULTILINE)


def test_every_target_is_in_the_table_with_a_verdict() -> None:
    rows = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    found = {row[0].removeprefix("| "): row for row in rows}
    for target in TARGETS:
        row = found[target.figure]
        assert row[1] == target.wanted
        assert re.match(r"met|not met|not available", row[3])
        assert ("not met" in row[3]) is (row[4].removesuffix(" |").strip() != "")


def test_nothing_is_left_to_be_filled_in() -> None:
    assert "<!--" not in PAGE


@pytest.mark.parametrize("text", [PAGE, README], ids=["performance", "README"])
def test_cases_that_are_named_exist(text: str) -> None:
    named = set(re.findall(r"CASE=([\w-]+)", text)) - {"CASE"}
    assert named
    assert named <= set(CASES)


def test_every_case_is_in_the_readme() -> None:
    assert [name for name in CASES if f"`{name}`" not in README] == []


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.startswith("make ")])
def test_make_commands_name_contenders_and_flags_that_exist(command: str) -> None:
    given = dict(word.split("=", 1) for word in shlex.split(command)[2:])
    if "CONTENDERS" in given:
        assert set(given["CONTENDERS"].split(",")) <= set(CASES[given["CASE"]].contenders)
    flags = {f"--{setting.flag}" for setting in SETTINGS}
    assert {word for word in given.get("ROUTER_FLAGS", "").split() if word[:2] == "--"} <= flags


@pytest.mark.parametrize("command", [each for each in COMMANDS if " -m bench" in each])
def test_bench_tools_take_the_flags_that_are_named(command: str) -> None:
    words = shlex.split(command)
    assert words[1:3] == ["-m", "bench.flame"]
    assert find_spec(words[2]) is not None
    flame.arguments_of(words[3:])


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
