"""What things cost, as of a date, and from where the figures are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lambdadispatch.simulator.record import Record

MILLION = 1_000_000
HOUR = 3600.0


@dataclass(frozen=True)
class ListPrice:
    """On-demand prices of one architecture in us-east-1, in dollars, without free tier.

    ``gb_second`` of AWS Lambda in the first tier, ``router_hour`` of a Fargate task with 1 vCPU and
    2 GB.
    """

    gb_second: float
    router_hour: float


REGION: Final = "us-east-1"
AS_OF: Final = "2026-05-11 (Lambda), 2026-04-01 (Fargate)"
SOURCES: Final = (
    "https://aws.amazon.com/lambda/pricing/",
    "https://aws.amazon.com/fargate/pricing/",
)
LIST: Final = {
    "x86": ListPrice(0.0000166667, 0.04048 + 2 * 0.004445),
    "arm": ListPrice(0.0000133334, 0.03238 + 2 * 0.00356),
}
MILLION_REQUESTS: Final = 0.20
"""Dollars for a million invocations, on either architecture."""


@dataclass(frozen=True)
class Prices:
    """Dollars for a GB-second, a million invocations and an hour of the router; memory in GB."""

    gb_second: float
    million_requests: float
    router_hour: float
    memory: float

    def of(self, record: Record) -> float:
        """What this run cost, in dollars."""
        compute = record.billed_ms / 1000 * self.memory * self.gb_second
        requests = record.invocations * self.million_requests / MILLION
        router = record.until / HOUR * self.router_hour if record.router else 0.0
        return compute + requests + router
