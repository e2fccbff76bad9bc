"""The gate that every start of an invocation passes.

Theory of operation. Several brakes can hold a start back; the gate asks each and lets through what
the strictest allows, and remembers which one that was and since when.

After a failed start the next comes after a random part of a growing window, alone. Once the
breaker has opened there is one probe at a time, each a fixed pause after the last: the probes take
the place of the back-off, whose windows would be shorter at first and longer in the end. Budget
and start rate bound whatever is left, probes included.

Good is a start whose instance has offered a channel: only then can it serve. To call back is not
enough, for an application can crash right after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from lambdadispatch.core.backoff import Backoff
from lambdadispatch.core.brakes import TOLD, Brake
from lambdadispatch.core.breaker import Breaker
from lambdadispatch.core.bucket import TokenBucket
from lambdadispatch.core.budget import Budget


class StartGate:
    """Says how many starts may happen now.

    ``first``, ``most`` and ``random`` are those of `Backoff`. What is not given does not brake.
    """

    def __init__(
        self,
        first: float,
        most: float,
        random: Callable[[], float],
        *,
        bucket: TokenBucket | None = None,
        breaker: Breaker | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._backoff = Backoff(first, most, random)
        self._bucket = bucket
        self._breaker = breaker
        self._budget = budget
        self.brake: Brake | None = None
        """What holds starts back, or would; None if nothing does, or nothing more is wanted."""
        self.since = float("-inf")
        """When it began to."""
        self.suspicious = False
        """Whether a served request would be news."""

    @property
    def failures(self) -> int:
        """Failed starts in a row."""
        return self._backoff.failures

    @property
    def breaker_open(self) -> bool:
        """Whether there are only probes."""
        return self._breaker is not None and self._breaker.open

    # -- starts

    def admit(self, wanted: int, starting: int, now: float) -> int:
        """How many of ``wanted`` starts are to be made now, ``starting`` being under way."""
        count, brake = self._ask(wanted, starting, now)
        self.hold(Brake.BREAKER_OPEN if brake is None and self.breaker_open else brake, now)
        if count and self._bucket is not None:
            self._bucket.take(count, now)
        if count and self._breaker is not None and self._breaker.open:
            self._breaker.probed(now)
        return count

    def admits(self, now: float) -> bool:
        """Whether a start would pass now, none being under way."""
        return self._ask(1, 0, now)[0] > 0

    def hold(self, brake: Brake | None, now: float) -> None:
        """This holds starts back, or nothing does."""
        if brake is not self.brake:
            self.brake, self.since = brake, now

    def rest(self, brake: Brake | None, now: float) -> None:
        """Nothing is missing, but for what ``brake`` holds back.

        Those who are told of a breaker or budget do not wait, so that nothing is missing then;
        it holds until a start would pass.
        """
        if brake is None and self.brake in TOLD and self._is_shut(now):
            return
        self.hold(brake, now)

    def _is_shut(self, now: float) -> bool:
        return self.breaker_open or self._ask(1, 0, now)[1] is self.brake

    def _ask(self, wanted: int, starting: int, now: float) -> tuple[int, Brake | None]:
        # The budget first: where several hold, it will hold the longest, and is told.
        count, brake = wanted, None
        if self._budget is not None:
            count, brake = self._budget.left(wanted, now)
        if count and self._may_fail:
            single, reason = self._after_failures(starting, now)
            if single < count:
                count, brake = single, reason
        if count and self._bucket is not None:
            left = self._bucket.available(now)
            if left < count:
                count, brake = left, Brake.START_RATE
        return count, brake

    @property
    def _may_fail(self) -> bool:
        """Whether the next start has reason to be tried alone."""
        return self._backoff.failures > 0 or self.breaker_open

    def _after_failures(self, starting: int, now: float) -> tuple[int, Brake]:
        if self._breaker is not None and self._breaker.open:
            may, brake = self._breaker.may_probe(now), Brake.BREAKER_OPEN
        else:
            may, brake = now >= self._backoff.not_before, Brake.BACK_OFF
        return int(may and not starting), brake

    # -- what became of them

    def began(self, starts: Iterable[int], now: float) -> None:
        """These starts were made."""
        if self._budget is not None:
            for start in starts:
                self._budget.began(start, now)

    def ended(self, start: int, now: float) -> None:
        """The Invoke call of this start has come back."""
        if self._budget is not None:
            self._budget.ended(start, now)

    def failed(self, now: float) -> None:
        """A start did not become an instance that can serve."""
        self._backoff.failed(now)
        self.exited(now)

    def succeeded(self) -> None:
        """An instance has offered its first channel."""
        self._backoff.succeeded()

    def exited(self, now: float) -> None:
        """An instance ended without having been told to."""
        if self._breaker is not None:
            self._breaker.bad_exit(now)
            self.suspicious = True

    def served(self) -> None:
        """An instance has served a request."""
        if self._breaker is not None:
            self._breaker.served()
        self.suspicious = False

    def state(self, now: float) -> Mapping[str, object]:
        """What there is to see of it, for ``/state``; times in seconds."""
        state: dict[str, object] = {
            "brake": None if self.brake is None else self.brake.value,
            "brake_seconds": 0.0 if self.brake is None else round(now - self.since, 1),
            "failed_starts": self.failures,
            "breaker_open": self.breaker_open,
        }
        if self._bucket is not None:
            state["starts_left"] = self._bucket.available(now)
        if self._budget is not None:
            state["invocations_last_minute"] = self._budget.invocations(now)
            state["gb_seconds_last_hour"] = round(self._budget.gb_seconds(now), 1)
        return state
