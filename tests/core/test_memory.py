"""Keeping freed memory is a wish to the C library, which says whether it heard."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from lambdadispatch.transports.memory import KEPT

FAULTS = """
import resource, sys
from lambdadispatch.transports.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def work():
    for _ in range(200):
        pieces = [bytes(70_000) for _ in range(4)]
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    command = [sys.executable, "-c", FAULTS, how]
    return int(subprocess.run(command, check=True, capture_output=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_memory_that_was_kept_is_not_asked_for_again() -> None:
    assert page_faults("keep") < 100
    assert KEPT > 4 * 70_000
