"""A short run of every fuzzer, the same each time: the seeds, the corpus, some damaged ones."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.mutation import inputs
from tests.fuzz.seeds import TARGETS, kept, seeds

EXAMPLES = {
    "requests": 300,
    "responses": 300,
    "session": 200,
    "frames": 300,
    "payload": 200,
    "channel": 200,
    "proxy": 300,
    "values": 300,
}
FEW = 60
"""For those that run a whole system each time."""
LARGEST_KEPT = 4096


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_and_corpus(target: str) -> None:
    assert kept(target), "the corpus is kept"
    for data in seeds(target):
        TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
def test_damaged_seeds(target: str) -> None:
    @settings(
        max_examples=EXAMPLES.get(target, FEW),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs(seeds(target)))
    def run(data: bytes) -> None:
        TARGETS[target](data)

    run()


def test_files_of_the_corpus_are_small() -> None:
    for target in TARGETS:
        assert all(path.stat().st_size <= LARGEST_KEPT for path in kept(target))
