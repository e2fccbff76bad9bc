"""Runs the suites of what can be compiled against a compiled build: ``python -m tests.compiled``.

A compiler may take for unreachable what is not, and so drop a check without a word: what is
compiled has to pass the same tests as what is interpreted. The build is made in a temporary
directory, because a compiled module in place hides every later change to its source.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BESIDE = ["tests", "bench", "docs"]
FILES = ["setup.py", "pyproject.toml", "README.md"]
FUNCTIONS = ["tests/wire", "tests/core", "tests/http11", "tests/hostile"]
CASES = ["tests.memory", "tests.adapters"]
ABOUT_THE_CHECKOUT = "tests/core/test_documents.py"
PROOF = """
import importlib, setup
for path in setup.COMPILED:
    file = importlib.import_module(path[:-3].replace("/", ".").removesuffix(".__init__")).__file__
    assert file.startswith({build!r}) and file.endswith(".so"), file
"""


def main() -> None:
    """Build, test; skips with a reason where there is no C compiler."""
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang")):
        print("skipped: there is no C compiler on this machine")
        return
    with tempfile.TemporaryDirectory() as name:
        _run_in(Path(name).resolve())


def _run_in(build: Path) -> None:
    environ = os.environ | {"PYTHONPATH": str(build), "LAMBDADISPATCH_COMPILE": "1"}

    def run(directory: Path, *command: str) -> None:
        subprocess.run([sys.executable, *command], cwd=directory, env=environ, check=True)

    print("compiling the path of a request, about a minute", flush=True)
    made = ["--build-base", str(build / "made"), "--build-lib", str(build)]
    run(ROOT, "setup.py", "--quiet", "build", *made)
    for folder in BESIDE:
        shutil.copytree(ROOT / folder, build / folder)
    for file in FILES:
        shutil.copy(ROOT / file, build)
    run(build, "-c", PROOF.format(build=str(build)))
    pytest = ["pytest", "-p", "no:twisted", "-p", "no:cacheprovider"]
    run(build, "-m", *pytest, "--ignore", ABOUT_THE_CHECKOUT, *FUNCTIONS)
    run(build, "-m", "twisted.trial", *CASES)
    run(build, "-m", "tests.libuv", "tests.libuv")


if __name__ == "__main__":
    main()
