"""slowhttptest in its four modes, for a short time, with a good client beside it."""

import shutil

import pytest

from tests.interop.slow import MODES, PROGRAM, Mode, attack, resident
from tests.process.router import serving

pytestmark = pytest.mark.skipif(shutil.which(PROGRAM) is None, reason=f"{PROGRAM} is not installed")

CONNECTIONS = 150
SECONDS = 5
MOST_GROWTH = 8 * 1024
"""KiB by which a second round may leave the router larger than the first."""
HASTY = ("--head-timeout", "2s", "--client-stall-timeout", "2s", "--idle-timeout", "4s")
SLOTS = ("--max-concurrent-count", "300", "--max-instances", "1", "--instance-idle", "600")


@pytest.mark.parametrize("mode", MODES, ids=[mode.options[0][1:] for mode in MODES])
def test_a_good_client_is_served_meanwhile(mode: Mode) -> None:
    with serving(*SLOTS, *HASTY) as router:
        rounds = [attack(router, mode, number, CONNECTIONS, SECONDS) for number in (1, 2)]
        assert resident(router.process.pid) - rounds[0].after < MOST_GROWTH
    for each in rounds:
        assert set(each.good) == {"200"}, each
        assert each.most_connected or each.closed, each
        asked = sum(count for end, count in each.ends.items() if end != "client_gone")
        assert asked >= each.good["200"]
    if mode.options[0] == "-H":
        assert rounds[0].ends["head_timeout"] >= CONNECTIONS
