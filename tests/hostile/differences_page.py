"""Writes docs/http-differences.md: ``python -m tests.hostile.differences_page``."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from tests.hostile.case import Cut
from tests.hostile.differences import Difference, differences
from tests.hostile.explained import why
from tests.hostile.proxies import installed, running, version
from tests.hostile.table import REQUESTS

PAGE = Path(__file__).parents[2] / "docs" / "http-differences.md"
PROGRAMS = ("nginx", "haproxy")
CASES = [case for case in REQUESTS if not isinstance(case.expected, Cut)]

HEAD = """# How other proxies treat the same bytes

Made by `python -m tests.hostile.differences_page` on {date}; not edited by hand.

The {cases} requests of the table in `tests/hostile` were sent to {programs}, each in front of a
backend that recorded what arrived. Left out are cases in which a client leaves. What a proxy does
as the router does is not shown. Field order, letter case of names, the framing of the body and the
proxy's own `Connection` are not compared.

*accepted there*: the router refuses it. *refused there*: the router passes it on. *seen otherwise*:
both pass it on, and the backend sees something else.
"""


def section(program: str, found: list[Difference]) -> str:
    """One proxy's part of the page."""
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for each in found:
        groups[each.kind, each.case.section, why(program, each)].append(each.case.name)
    lines = [f"## {program}: {len(found)} of {len(CASES)}", ""]
    lines += ["| what | rule | cases | why |", "|---|---|---|---|"]
    for (kind, rule, reason), names in sorted(groups.items()):
        shown = "; ".join(name.replace("|", "\\|") for name in names)
        lines.append(f"| {kind} | {rule} | {shown} | {reason or '**not explained**'} |")
    return "\n".join([*lines, ""])


def main() -> None:
    there = [program for program in PROGRAMS if installed(program)]
    parts = []
    for program in there:
        with running(program) as lanes:
            parts.append(section(program, differences(CASES, lanes)))
    head = HEAD.format(
        date=datetime.now(UTC).date(),
        cases=len(CASES),
        programs=" and ".join(version(installed(program) or program) for program in there),
    )
    PAGE.write_text("\n".join([head, *parts]))


if __name__ == "__main__":
    main()
