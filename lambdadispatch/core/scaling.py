"""How many instances a pool should have: algorithms that are chosen by name.

``simple`` looks at what waits and runs now, ``windows`` at averages of it, ``ewma`` at how much
arrives and how long it takes. What they want is no more than a wish: minimum, maximum and the
start gate stand between it and an invocation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final, Protocol, TypeAlias

from lambdadispatch.core.ewma import Ewma
from lambdadispatch.core.windows import Windows

REMEMBERED: Final = 4096


class Scaling(Protocol):
    """What the dispatcher asks. Times are in seconds, and never decrease."""

    def desired(self, waiting: int, running: int, instances: int, now: float) -> int:
        """How many instances there should be, ``instances`` being open.

        Asked after each event that changes what waits or runs; at least 1 if anything does. Once
        it is 0 with nothing there, it stays so until something comes.
        """

    def observe(self, arrived: int, begun: int, now: float) -> None:
        """So many requests have arrived, and begun to run, since the pool was made.

        Told regularly, several times a second; not for any length of time while nothing comes.
        """


def simple(max_concurrent: int, multiplier: int, pending: int, running: int) -> int:
    """Enough for what runs, half of what waits, and a fifth to spare.

    ``max_concurrent`` is how many requests an instance may run at once, ``multiplier`` how many
    times fewer it should run on average. What waits counts half, because most of it will be taken
    by slots that free up before a new instance has started.
    """
    target = -(-max_concurrent // multiplier)
    # 6/5 of running / target + pending / max_concurrent / 2, rounded up, as one fraction: sums of
    # floats can come out above a whole number, and then an instance too many is started.
    slots = max_concurrent * target
    return -(-3 * (2 * max_concurrent * running + target * pending) // (5 * slots))


class Simple:
    """The formula `simple`, which knows no past."""

    def __init__(self, max_concurrent: int, multiplier: int) -> None:
        # The same few pairs of (waiting, running) come again and again.
        self._of: Callable[[int, int], int] = lru_cache(maxsize=REMEMBERED)(
            partial(simple, max_concurrent, multiplier)
        )

    def desired(self, waiting: int, running: int, instances: int, now: float) -> int:
        """How many instances there should be."""
        return self._of(waiting, running)

    def observe(self, arrived: int, begun: int, now: float) -> None:
        """Nothing of this is used."""


Algorithm: TypeAlias = Callable[[int, int], Scaling]
"""(max_concurrent, multiplier) -> what a dispatcher asks."""

ALGORITHMS: Final[dict[str, Algorithm]] = {"simple": Simple, "windows": Windows, "ewma": Ewma}
