"""The Autobahn test suite against the WebSocket echo, directly and through the router.

``python -m tests.interop.autobahn --python2 PATH``. The suite (about 500 cases of RFC 6455 and
7692) is a client that breaks the rules in every way; it runs on Python 2.7 only. It is installed
from PyPI into ``.cache/autobahn``, not into this environment. The application is asked by itself
and through the router in one run; the router is transparent if every case ends in the same verdict,
with the same close code. The exit code is 1 if one does not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.interop.site import Site, running
from tests.process.router import ROOT

SUITE = "autobahntestsuite==25.10.1"
LIBRARY = ROOT / ".cache" / "autobahn"
START = "from autobahntestsuite.wstest import run; run()"
DIRECT, ROUTED = "direct", "router"
COMPARED = ("behavior", "behaviorClose", "remoteCloseCode")

GROUPS = (
    *("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"),
    *(f"12.{number}.*" for number in range(1, 6)),
    *(f"13.{number}.*" for number in range(1, 8)),
)
"""All cases. Each group has a router of its own, and each way: an instance serves for 15 minutes at
most, and WebSockets that are open then are told to end."""
NEVER_IDLE = ("--instance-idle", "900")
"""Asked past the router, the application is used by none of its instances, which could leave."""

Verdicts = dict[str, dict[str, Any]]


def install(python2: str) -> None:
    """Put the suite where only it is found."""
    if (LIBRARY / "autobahntestsuite").is_dir():
        return
    command = [python2, "-m", "pip", "install", "--quiet", "--target", str(LIBRARY), SUITE]
    subprocess.run(command, check=True)
    # A package of several distributions, which --target does not make one.
    (LIBRARY / "zope" / "__init__.py").touch()


def drive(python2: str, site: Site, cases: str, way: str, directory: Path) -> Verdicts:
    """Run the suite one way; the verdict of each case."""
    port = site.app_port if way == DIRECT else site.router.port
    spec = {
        "outdir": str(directory / "reports"),
        "servers": [{"agent": way, "url": f"ws://127.0.0.1:{port}/echo"}],
        "cases": [cases],
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    (directory / "spec.json").write_text(json.dumps(spec))
    subprocess.run(
        [python2, "-c", START, "-m", "fuzzingclient", "-s", str(directory / "spec.json")],
        env={**os.environ, "PYTHONPATH": str(LIBRARY)},
        cwd=directory,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    found: dict[str, Verdicts] = json.loads((directory / "reports" / "index.json").read_text())
    return found[way]


def counts(verdicts: Verdicts) -> str:
    """How often each verdict was given."""
    found = Counter(str(each["behavior"]) for each in verdicts.values())
    return ", ".join(f"{word} {count}" for word, count in sorted(found.items()))


def differences(ways: dict[str, Verdicts]) -> list[str]:
    """A line for each case that ended otherwise."""
    direct, routed = ways[DIRECT], ways[ROUTED]
    assert direct.keys() == routed.keys()
    return [
        f"{case}: directly {verdict(direct[case])}, through the router {verdict(routed[case])}"
        for case in direct
        if verdict(direct[case]) != verdict(routed[case])
    ]


def verdict(case: dict[str, Any]) -> list[Any]:
    return [case[name] for name in COMPARED]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.interop.autobahn", description=__doc__)
    parser.add_argument("--python2", default="python2.7", help="a Python 2.7 with pip")
    parser.add_argument("--cases", nargs="+", default=GROUPS, help="as in 1.* 7.*; default: all")
    chosen = parser.parse_args()
    install(chosen.python2)
    ways: dict[str, Verdicts] = {DIRECT: {}, ROUTED: {}}
    for cases in chosen.cases:
        found: dict[str, Verdicts] = {}
        for way in ways:
            with running(*NEVER_IDLE) as site, TemporaryDirectory() as directory:
                found[way] = drive(chosen.python2, site, cases, way, Path(directory))
            ways[way] |= found[way]
        print(f"{cases} {counts(found[ROUTED])}: {differences(found) or 'the same'}", flush=True)
    for way, verdicts in ways.items():
        print(f"{way}: {len(verdicts)} cases: {counts(verdicts)}")
    different = differences(ways)
    print("\n".join(different) or "the same verdicts")
    return 1 if different else 0


if __name__ == "__main__":
    raise SystemExit(main())
