"""One target under atheris: ``python -m tests.fuzz.coverage TARGET DIRECTORY... [-option=value]``.

The options are libFuzzer's, and those that it is given here can be overridden by them.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["lambdadispatch"]):
    from tests.fuzz.seeds import LARGEST, TARGETS

OPTIONS = (f"-max_len={LARGEST}", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1")


def main() -> None:
    target, *rest = sys.argv[1:]
    atheris.Setup([sys.argv[0], *OPTIONS, *rest], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
