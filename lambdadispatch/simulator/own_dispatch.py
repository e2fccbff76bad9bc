"""What AWS Lambda does without a router: one request, one environment.

Theory of operation. A request that meets a warm environment runs there at once. One that does not
starts an environment and is bound to it: it waits for that cold start even if a warm environment
frees up a moment later. There is no queue. What the account's concurrency or the scaling rate does
not allow is throttled (429) and ends; the caller's own retries are not part of the model, except
for clients of a closed workload.

Each request is an invocation. It is billed for its cold start (`Billing`) and its duration. An idle
warm environment costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from lambdadispatch.core.outcomes import RequestOutcome
from lambdadispatch.simulator.environments import Environments
from lambdadispatch.simulator.events import Events
from lambdadispatch.simulator.record import ANSWERED, THROTTLED, Record
from lambdadispatch.simulator.workloads import PAUSE_AFTER_REFUSAL, Trace


@dataclass(frozen=True)
class Billing:
    """How an invocation ends and what of it is billed.

    ``timeout`` is the function's, in seconds. ``start_share`` of a cold start is billed: since
    August 2025 AWS bills the INIT phase of all functions as part of the billed duration; what comes
    before it (finding a machine, fetching the code) is not billed, and is not told apart here.
    https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/
    """

    timeout: float
    start_share: float


class OwnDispatch:
    """AWS Lambda as it is when each request is one invocation."""

    def __init__(self, environments: Environments, billing: Billing, record: Record) -> None:
        self._environments = environments
        self._billing = billing
        self._record = record
        self._events = Events()

    def run(self, trace: Trace) -> None:
        """Let all requests of the trace come and end."""
        self._follow = trace.follow
        self._events.run(trace.arrivals, self._arrive)
        self._record.cold_starts = self._record.starts = self._environments.cold

    def _arrive(self, now: float, duration: float) -> None:
        start = self._environments.take(now)
        if start is None:
            self._record.ended(THROTTLED, now)
            self._next(now + PAUSE_AFTER_REFUSAL)
            return
        record, billing = self._record, self._billing
        record.began(now, start)
        record.invocations += 1
        record.instances.change(now, 1)
        served = min(duration, billing.timeout)
        record.bill(start * billing.start_share + served)
        outcome = ANSWERED if duration <= billing.timeout else RequestOutcome.ANSWER_LOST.value
        self._events.at(now + start + served, self._end, outcome)

    def _end(self, now: float, outcome: str) -> None:
        self._record.ended(outcome, now)
        self._record.instances.change(now, -1)
        self._environments.give_back(now)
        self._next(now)

    def _next(self, now: float) -> None:
        if self._follow is not None and (arrival := self._follow(now)) is not None:
            self._events.at(arrival[0], self._arrive, arrival[1])
