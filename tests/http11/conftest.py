"""No failure may be logged in any of these tests, and none is judged by the clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from twisted.python.failure import Failure

from tests.http11.stage import failures_logged

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def failures() -> Iterator[list[Failure]]:
    """What was logged; a test that causes failures takes them out."""
    with failures_logged() as failures:
        yield failures
    assert failures == []
