"""No failure may be logged in any of these tests, and none is judged by the clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from twisted.logger import LogEvent, globalLogPublisher

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def failures() -> Iterator[list[LogEvent]]:
    """What was logged with a failure; a test that means to cause one clears it."""
    logged: list[LogEvent] = []

    def observe(event: LogEvent) -> None:
        if "log_failure" in event:
            logged.append(event)

    globalLogPublisher.addObserver(observe)
    try:
        yield logged
    finally:
        globalLogPublisher.removeObserver(observe)
    assert [event["log_failure"] for event in logged] == []
