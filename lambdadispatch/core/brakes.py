"""What can hold a start back, and what those who wait are told of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from lambdadispatch.core.outcomes import RequestOutcome


class Brake(StrEnum):
    """Why fewer instances are being started than are wanted."""

    MAX_INSTANCES = "max_instances"
    """As many as are allowed are open or starting."""
    START_RATE = "start_rate"
    """Starts are spread over time."""
    BACK_OFF = "back_off"
    """The last start failed; the next one has to wait, and comes alone."""
    BREAKER_OPEN = "breaker_open"
    """Instances kept ending badly; there is a probe now and then, and nothing else."""
    BUDGET_INVOCATIONS = "budget_invocations"
    """The invocations of this minute are used up."""
    BUDGET_GB_SECONDS = "budget_gb_seconds"
    """The GB-seconds of this hour are used up."""


TOLD: Final = {
    Brake.BREAKER_OPEN: RequestOutcome.BREAKER_OPEN,
    Brake.BUDGET_INVOCATIONS: RequestOutcome.BUDGET_SPENT,
    Brake.BUDGET_GB_SECONDS: RequestOutcome.BUDGET_SPENT,
}
"""Who waits for an instance is refused with this outcome when nothing is open or starting.

The other brakes let go in moments, or mean that instances are there: then waiting is worth it.
"""
