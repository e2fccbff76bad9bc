"""The hostile requests through nginx and HAProxy: every difference is explained."""

from __future__ import annotations

import pytest

from tests.hostile.differences import differences
from tests.hostile.differences_page import CASES, PROGRAMS
from tests.hostile.explained import why
from tests.hostile.proxies import installed, running


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_difference_is_explained(program: str) -> None:
    if installed(program) is None:
        pytest.skip(f"{program} is not installed")
    with running(program) as lanes:
        found = differences(CASES, lanes)
        # Once more and alone, should the machine have been too busy to answer in time.
        again = {each.case for each in found if not why(program, each)}
        unexplained = [
            each for each in differences(list(again), lanes[:1]) if not why(program, each)
        ]
    assert not unexplained, [(each.kind, each.case.name, each.detail) for each in unexplained]
    kinds = {each.kind for each in found}
    assert "accepted there" in kinds, "the router is stricter than both; nothing was compared?"
