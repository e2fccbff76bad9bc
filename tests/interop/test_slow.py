"""slowhttptest in its four modes, for a short time, with a good client beside it."""

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from tests.interop.slow import MODES, PROGRAM, Mode, Target, attack, attacked

pytestmark = pytest.mark.skipif(shutil.which(PROGRAM) is None, reason=f"{PROGRAM} is not installed")

CONNECTIONS = 150
SECONDS = 4
MOST_GROWTH = 8 * 1024
"""KiB by which a second round may leave the router larger than the first."""
HASTY = ("--head-timeout", "1s", "--client-stall-timeout", "1s")
SLOTS = ("--max-concurrent-count", "300", "--max-instances", "1", "--instance-idle", "600")
END = {"-H": "head_timeout", "-R": "answered", "-X": "client_stalled"}
"""How what the attacker asks for ends, where that is sooner than he gives up."""
OVER_TLS = [mode for mode in MODES if mode.options[0] in {"-H", "-X"}]


def names(modes: Sequence[Mode]) -> list[str]:
    return [mode.options[0][1:] for mode in modes]


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with attacked(*SLOTS, *HASTY) as found:
        yield found


@pytest.fixture(scope="module")
def secure_target() -> Iterator[Target]:
    with attacked(*SLOTS, *HASTY, https=True) as found:
        yield found


@pytest.mark.parametrize("mode", MODES, ids=names(MODES))
def test_a_good_client_is_served_meanwhile(target: Target, mode: Mode) -> None:
    withstands(target, mode)


@pytest.mark.parametrize("mode", OVER_TLS, ids=names(OVER_TLS))
def test_the_same_over_https(secure_target: Target, mode: Mode) -> None:
    withstands(secure_target, mode)


def withstands(target: Target, mode: Mode) -> None:
    rounds = [attack(target, mode, number, CONNECTIONS, SECONDS) for number in (1, 2)]
    assert rounds[1].after - rounds[0].after < MOST_GROWTH
    for each in rounds:
        assert set(each.good) == {"200"}, each
        attacked = Counter(each.ends) - Counter(answered=each.good["200"])
        # How many come to that before the attacker gives up depends on how busy the machine is.
        assert attacked[END.get(mode.options[0], "client_gone")] > 0, each
