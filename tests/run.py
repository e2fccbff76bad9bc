"""Runs every suite: pytest for all, and trial for what is written as trial test cases.

pytest-twisted and trial's asynchronous test cases do not mix in one run, so there are two pytest
runs. trial passes when it has found nothing to run, so its count is checked.
What is compiled is tested by itself: ``python -m tests.compiled``.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PURE = [
    "tests/wire",
    "tests/core",
    "tests/http11",
    "tests/memory",
    "tests/adapters",
    "tests/hostile",
    "tests/fuzz",
]
TRIAL = ["tests.memory", "tests.adapters"]
LEAST_TRIAL_TESTS = 200


def run(*command: str) -> str:
    """Run a module of this Python and show what it prints as it comes; its output."""
    print("$ python -m", *command, flush=True)
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        lines.append(line)
    if process.wait():
        raise SystemExit(process.returncode)
    return "".join(lines)


def main() -> None:
    """All suites, the quick ones first."""
    output = run("twisted.trial", "--reporter=summary", *TRIAL)
    found = re.search(r"Ran (\d+) tests", output)
    if found is None or int(found[1]) < LEAST_TRIAL_TESTS:
        raise SystemExit(
            f"trial ran {found and found[1]} tests, at least {LEAST_TRIAL_TESTS} are expected"
        )
    run("pytest", "-p", "no:twisted", *PURE)
    run("pytest", "tests/process")


if __name__ == "__main__":
    main()
