"""Runs every suite: pytest for all, and trial for what is written as trial test cases.

Two lanes run side by side, for two cores: what runs in memory, and real processes, whose output is
shown when they have ended. pytest-twisted and trial's asynchronous test cases do not mix in one
run, so pytest runs more than once. trial passes when it has found nothing to run, so its count is
checked. What is compiled is tested by itself: ``python -m tests.compiled``.
"""

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PURE = [
    "tests/wire",
    "tests/core",
    "tests/simulator",
    "tests/http11",
    "tests/memory",
    "tests/adapters",
    "tests/hostile",
    "tests/fuzz",
]
TRIAL = ["tests.memory", "tests.adapters"]
LEAST_TRIAL_TESTS = 200

Show = Callable[[str], None]


def run(show: Show, *command: str) -> str:
    """Run a module of this Python, passing on each line it prints; its output, if it succeeds."""
    show(f"$ python -m {' '.join(command)}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        show(line)
        lines.append(line)
    if process.wait():
        raise SystemExit(f"failed: python -m {' '.join(command)}")
    return "".join(lines)


def in_memory(show: Show) -> None:
    """Everything that needs no process of its own."""
    output = run(show, "twisted.trial", "--reporter=summary", *TRIAL)
    found = re.search(r"Ran (\d+) tests", output)
    if found is None or int(found[1]) < LEAST_TRIAL_TESTS:
        raise SystemExit(
            f"trial ran {found and found[1]} tests, at least {LEAST_TRIAL_TESTS} are expected"
        )
    run(show, "pytest", "-p", "no:twisted", *PURE)


def processes(show: Show) -> None:
    """Real processes on free ports."""
    run(show, "pytest", "tests/process")
    run(show, "pytest", "-p", "no:twisted", "tests/interop")


def show_now(line: str) -> None:
    """Show a line as it comes."""
    sys.stdout.write(line)
    sys.stdout.flush()


def main() -> None:
    """Both lanes; fails if either does, after both have ended."""
    held: list[str] = []
    failures: list[str] = []

    def lane(suites: Callable[[Show], None], show: Show) -> None:
        try:
            suites(show)
        except SystemExit as error:
            failures.append(str(error))

    beside = threading.Thread(target=lane, args=(processes, held.append))
    beside.start()
    print("real processes run beside this; their results follow", flush=True)
    lane(in_memory, show_now)
    beside.join()
    show_now("".join(held))
    if failures:
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    main()
