"""Runs the suites of the compiled layers against a compiled copy: ``python -m tests.compiled``.

A compiler may take for unreachable what is not, and so drop a check without a word: what is
compiled has to pass the same tests as what is interpreted. The copy is made in a temporary
directory, because a compiled module in place hides every later change to its source.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPIED = ["lambdadispatch", "lambda_side", "tests", "bench", "docs"]
SUITES = ["tests/wire", "tests/core", "tests/http11", "tests/adapters/test_hosts_port.py"]
PROOF = "import lambdadispatch.wire.fields as m; assert m.__file__.endswith('.so'), m.__file__"


def main() -> None:
    """Copy, compile, test; skips with a reason where there is no C compiler."""
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang")):
        print("skipped: there is no C compiler on this machine")
        return
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for folder in COPIED:
            shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("*.so"))
        for file in ("setup.py", "pyproject.toml", "README.md"):
            shutil.copy(ROOT / file, copy)
        environ = os.environ | {"PYTHONPATH": str(copy), "LAMBDADISPATCH_COMPILE": "1"}

        def run(*command: str) -> None:
            subprocess.run([sys.executable, *command], cwd=copy, env=environ, check=True)

        print("compiling the hot modules, about a minute", flush=True)
        run("setup.py", "--quiet", "build_ext", "--inplace")
        run("-c", PROOF)
        run("-m", "pytest", "-p", "no:twisted", "-p", "no:cacheprovider", *SUITES)


if __name__ == "__main__":
    main()
