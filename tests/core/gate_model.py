"""The start gate as plain lists: what may start, reckoned anew from the whole past each time.

It shares no code with the core. ``started`` fails if a start breaks a rule; ``free`` says how many
starts no rule forbids.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

BACKOFF_FIRST, BACKOFF_MOST = 2.0, 10.0
EXITS, WINDOW, PAUSE = 5, 10.0, 10.0
NOISE = 1e-6


@dataclass(frozen=True)
class GateRules:
    """Starts a second and at once, starts a minute, seconds of invocations an hour."""

    rate: int = 1_000_000
    burst: int = 1_000_000
    invocations: int = 1_000_000
    seconds: float = 1e12


@dataclass
class NaiveInvocation:
    start: int
    began: float
    ended: float | None = None


class GateModel:
    """What has happened, and what may."""

    def __init__(self, rules: GateRules) -> None:
        self.rules = rules
        self.invocations: list[NaiveInvocation] = []
        self.exits: list[float] = []
        """Bad exits since the last served request."""
        self.opened_at: float | None = None
        self.probes: list[float] = []
        self.failures = 0
        self.not_before = 0.0

    # -- what happens

    def started(self, start: int, starting: int, now: float) -> None:
        """One start, while so many are under way."""
        assert self.free(starting, now, lenient=True) >= 1, "a start that the rules forbid"
        if self.opened_at is not None:
            self.probes.append(now)
        self.invocations.append(NaiveInvocation(start, now))

    def ended(self, start: int, now: float) -> None:
        for each in self.invocations:
            if each.start == start and each.ended is None:
                each.ended = now

    def failed(self, chance: float, now: float) -> None:
        self.failures += 1
        window = min(BACKOFF_FIRST * 2 ** (self.failures - 1), BACKOFF_MOST)
        self.not_before = now + window * chance
        self.exited(now)

    def exited(self, now: float) -> None:
        self.exits.append(now)
        lately = [when for when in self.exits[-EXITS:] if now - when <= WINDOW]
        if len(lately) == EXITS and self.opened_at is None:
            self.opened_at = now

    def succeeded(self) -> None:
        self.failures, self.not_before = 0, 0.0

    def served(self) -> None:
        self.exits, self.probes, self.opened_at = [], [], None

    # -- what may

    def free(self, starting: int, now: float, lenient: bool = False) -> int:
        """How many starts are allowed; the most that could be said if ``lenient``."""
        return min(self.after_failures(starting, now), self.tokens(now), self.budget(now, lenient))

    def after_failures(self, starting: int, now: float) -> int:
        if self.opened_at is not None:
            may_probe = now - max([self.opened_at, *self.probes]) >= PAUSE
            return int(may_probe and not starting)
        if self.failures:
            return int(now >= self.not_before and not starting)
        return 1_000_000

    def tokens(self, now: float) -> int:
        """In no time since any start more than burst and rate allow."""
        times = [each.began for each in self.invocations]
        rate, burst = self.rules.rate, self.rules.burst
        left = [
            burst + rate * (now - begin) - len([when for when in times if when >= begin])
            for begin in set(times)
        ]
        return floor(min([burst, *left]) + NOISE)

    def budget(self, now: float, lenient: bool = False) -> int:
        """The minute is exact, the hour may be up to a minute longer."""
        if self.seconds(now, 3600.0 if lenient else 3660.0) >= self.rules.seconds - NOISE * (
            -1 if lenient else 1
        ):
            return 0
        lately = [each for each in self.invocations if now - each.began < 60.0]
        return max(0, self.rules.invocations - len(lately))

    def seconds(self, now: float, hour: float) -> float:
        """How long invocations ran within the last ``hour``, all together."""
        return sum(
            max(0.0, (now if each.ended is None else each.ended) - max(each.began, now - hour))
            for each in self.invocations
        )
