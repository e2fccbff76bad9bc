"""The documents: links lead somewhere; files, flags, commands and words that they name exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from lambda_side import options as lambda_side_options
from lambdadispatch.core.brakes import Brake
from lambdadispatch.core.outcomes import STATUS, RequestOutcome
from lambdadispatch.core.scaling import ALGORITHMS
from lambdadispatch.options import Options
from lambdadispatch.settings import CONFIG, SETTINGS, load
from lambdadispatch.simulator.arguments import parser as simulate_parser

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "bench" / "README.md"])
NO_FILES = {
    *("build/compiled", ".cache/autobahn"),  # made
    *("results/CASE.md", "results/CASE.json", "results/CASE.svg"),  # made, under other names
    "lambdadispatch/1",  # the protocol's name
}
FLAGS_OF_OTHERS = {
    *("--uid", "--pidfile"),  # twistd
    *(
        "--https",
        "--limit",
        "--low",
        "--native",
        "--python2",
        "--seconds",
        "--rows",
    ),  # tests and bench
}

each_page = pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])


class Block(NamedTuple):
    kind: str
    text: str


def blocks(page: Path) -> list[Block]:
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [Block(*each) for each in found]


def prose(page: Path) -> str:
    return re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Those of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def quoted(page: Path) -> Iterator[str]:
    yield from re.findall(r"`([^`\n]+)`", prose(page))


def commands() -> Iterator[tuple[str, list[str]]]:
    """(page, words) of each command line that a page shows."""
    for page in PAGES:
        for block in blocks(page):
            if block.kind == "console":
                joined = block.text.replace("\\\n", " ")
                for line in re.findall(r"^ *\$ (.+)$", joined, re.MULTILINE):
                    if not line.endswith("..."):
                        yield str(page.relative_to(ROOT)), shlex.split(line, comments=True)


COMMANDS = list(commands())


def those_of(*program: str) -> list[list[str]]:
    """The arguments of each command that runs this program, whatever stands before it."""
    found = []
    for _, words in COMMANDS:
        for at in range(len(words)):
            if tuple(words[at : at + len(program)]) == program:
                found.append(words[at + len(program) :])
    return found


def rows(page: str, heading: str) -> dict[str, list[str]]:
    """The rows of the first table below a heading, by the quoted word that begins them."""
    text = (ROOT / page).read_text()
    below = text[text.index(f"{heading}\n") :]
    table = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    assert table is not None, heading
    lines = [line.strip("|").split("|") for line in table.group().splitlines()[2:]]
    return {cells[0].strip(" `"): [cell.strip() for cell in cells] for cells in lines}


def test_there_are_pages_and_commands() -> None:
    assert len(PAGES) >= 14
    assert len(COMMANDS) >= 30


@each_page
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.is_file(), link
        if anchor:
            assert anchor in anchors(target), link


@each_page
def test_every_page_of_docs_is_in_the_readme(page: Path) -> None:
    name = str(page.relative_to(ROOT))
    if name.startswith("docs/"):
        assert f"]({name})" in (ROOT / "README.md").read_text()


@each_page
def test_files_that_are_named_exist(page: Path) -> None:
    below = (ROOT, ROOT / "lambdadispatch", page.parent)
    for name in quoted(page):
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)+/?|[\w-]+/", name) or name in NO_FILES:
            continue
        first = name.split("/")[0]
        if any((place / first).is_dir() for place in below):
            assert any((place / name).exists() for place in below), name


@each_page
def test_flags_that_are_named_exist(page: Path) -> None:
    known = {f"--{setting.flag}" for setting in (CONFIG, *SETTINGS)} | FLAGS_OF_OTHERS
    for found in (simulate_parser(), lambda_side_options.parser({})):
        known.update(flag for action in found._actions for flag in action.option_strings)
    for text in quoted(page):
        for flag in re.findall(r"(?<![\w.-])--[a-z][a-z0-9-]*", text):
            if not flag.endswith("-"):  # stands for several
                assert flag in known, text


@each_page
def test_modules_that_are_run_exist(page: Path) -> None:
    for module in re.findall(r"python -m ([\w.]+)", page.read_text()):
        assert find_spec(module.rstrip(".")) is not None, module


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        word
        for words in those_of("make")
        for word in words
        if "=" not in word and not word.startswith("-")
    }
    assert named >= {"run", "bench"}
    assert named <= targets


ROUTERS = those_of("twistd", "-n", "lambdadispatch") + those_of(
    ".venv/bin/twistd", "-n", "lambdadispatch"
)


@pytest.mark.parametrize("arguments", ROUTERS, ids=" ".join)
def test_the_router_takes_the_arguments_that_are_shown(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "--config" in arguments:  # the file that is shown just before
        monkeypatch.chdir(tmp_path)
        shown = [each.text for each in blocks(ROOT / "docs" / "running.md") if each.kind == "toml"]
        Path(arguments[arguments.index("--config") + 1]).write_text(shown[-1])
    Options(environ={}).parseOptions(arguments)


def test_the_router_and_what_it_is_given_locally_were_found() -> None:
    assert len(ROUTERS) >= 6
    local = [arguments for arguments in ROUTERS if "--local" in arguments]
    assert len(local) >= 3
    for arguments in local:
        words = shlex.split(arguments[arguments.index("--local") + 1])
        assert words[:3] == [".venv/bin/python", "-m", "lambda_side"]
        read_lambda_side(words[3:])


def read_lambda_side(arguments: list[str]) -> None:
    """As the Lambda side does, but that files of certificates need not be there."""
    lambda_side_options.parse(
        [__file__ if each.endswith((".pem", ".key")) else each for each in arguments], {}
    )


def test_the_lambda_side_takes_the_arguments_that_are_shown() -> None:
    shown = those_of("python", "-m", "lambda_side")
    assert len(shown) >= 3
    for arguments in shown:
        read_lambda_side(arguments)


def test_the_simulator_takes_the_arguments_that_are_shown() -> None:
    shown = those_of("lambdadispatch", "simulate")
    assert len(shown) >= 3
    for arguments in shown:
        simulate_parser().parse_args(arguments)


@each_page
def test_settings_files_that_are_shown_are_taken(page: Path, tmp_path: Path) -> None:
    for block in blocks(page):
        if block.kind == "toml":
            file = tmp_path / "settings.toml"
            file.write_text(block.text)
            _, warnings = load({"config": str(file)}, {})
            assert not warnings


def test_every_outcome_is_told_with_its_status() -> None:
    table = rows("docs/requests.md", "## Outcomes")
    assert set(table) == {outcome.value for outcome in RequestOutcome}
    for outcome, status in STATUS.items():
        assert str(status) in table[outcome.value][1], outcome


def test_every_brake_and_every_algorithm_is_told() -> None:
    assert set(rows("docs/scaling.md", "## What holds starts back")) == set(Brake)
    assert set(rows("docs/scaling.md", "# How many instances there are")) == set(ALGORITHMS)


def test_pages_name_no_path_of_a_machine() -> None:
    for page in PAGES:
        assert not re.search(r"(?<![\w.])/(?:home|root|work|Users)/", page.read_text()), page
