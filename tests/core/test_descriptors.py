"""How many files the process may open."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, resource, sys
from lambdadispatch.transports.descriptors import allow_descriptors
soft, hard, most = json.loads(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
told = allow_descriptors(most)
print(json.dumps([told, *resource.getrlimit(resource.RLIMIT_NOFILE)]))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "most", "expected"),
    [
        (64, 512, 1 << 20, [512, 512, 512]),
        (64, 512, 128, [128, 128, 512]),
        (512, 512, 1 << 20, [512, 512, 512]),
        (256, 512, 128, [256, 256, 512]),
    ],
)
def test_the_soft_limit_becomes_the_hard_one(
    soft: int, hard: int, most: int, expected: list[int]
) -> None:
    """In a process of its own: a hard limit cannot be raised again."""
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([soft, hard, most])],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert json.loads(told.stdout) == expected
