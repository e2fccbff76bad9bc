"""For every suite under pytest."""

import unittest
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_directory(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Trial's mktemp makes its directories where the test runs: not in the repository."""
    if isinstance(request.instance, unittest.TestCase):
        monkeypatch.chdir(tmp_path)
    yield
