"""No failure may be logged in any of these tests, and none is judged by the clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.http11.stage import failures_logged

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def no_failure_is_logged() -> Iterator[None]:
    with failures_logged() as failures:
        yield
    assert failures == []
