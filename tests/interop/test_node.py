"""Trailers, which few clients and applications know: node on both sides of the router."""

import json
import shlex
import shutil

import pytest

from tests.interop.programs import PROGRAMS, output
from tests.interop.site import ONE
from tests.process.router import LAMBDA_SIDE, free_port, serving

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def test_trailers_in_both_directions() -> None:
    port = free_port()
    command = ("node", str(PROGRAMS / "trailing.mjs"), str(port))
    app = shlex.join([*LAMBDA_SIDE, "--app-port", str(port), "--", *command])
    with serving(*ONE, app=app) as router:
        script = str(PROGRAMS / "trailers.mjs")
        got = json.loads(output("node", script, f"http://127.0.0.1:{router.port}/any"))
    assert got["status"] == 200
    assert got["trailers"] == {"x-sum": "sum of the answer"}
    assert got["told"]["body"] == "in two pieces"
    assert got["told"]["trailers"] == {"x-sum": "sum of the request"}
