"""Two local functions behind one router, as real processes."""

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.process.router import (
    CLEAR,
    FREE_PORTS,
    LAMBDA_SIDE,
    RunningRouter,
    ask,
    launched,
)

SAYS_ITS_NAME = """
import os

def app(environ, start_response):
    body = f"{os.environ['AWS_LAMBDA_FUNCTION_NAME']} {environ['PATH_INFO']}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


IDLE = ("--instance-idle", "60")


@contextmanager
def two_functions(
    directory: Path, *options: str, more: Sequence[str] = ()
) -> Iterator[RunningRouter]:
    """A router whose file has a route and a command of its own for each of two functions."""
    (directory / "names.py").write_text(SAYS_ITS_NAME)
    wsgi = [*LAMBDA_SIDE, "--app", "names:app"]
    command = shlex.join(["env", f"PYTHONPATH={directory}:.", *wsgi])
    demo = shlex.join([*LAMBDA_SIDE, "--app", "lambda_side.demo:resource"])
    lines = [
        "[routes]",
        '"*/names" = "names"',
        '"*/" = "demo"',
        "[pools.names]",
        f"local = {json.dumps(command)}",
        "max-concurrent-count = 5",
        "[pools.demo]",
        f"local = {json.dumps(demo)}",
        *more,
    ]
    file = directory / "router.toml"
    file.write_text("\n".join(lines))
    with launched("--config", str(file), *FREE_PORTS, *CLEAR, *IDLE, *options) as router:
        router.listening()
        router.wait_for(r"ready at http://localhost:\d+ with functions: \d")
        yield router


def test_each_function_serves_its_own_routes(tmp_path: Path) -> None:
    with two_functions(tmp_path, "--access-log") as router:
        assert router.started_invocations() == 0
        assert router.environments() == []
        assert router.get("/names/x").body == b"names /names/x"
        assert router.get("/ping").status == 200
        assert router.get("/names").body == b"names /names"
        assert router.get("/namesake").status == 404  # the demo's own
        state = router.state()
        assert {name: pool["since_start"]["requests"] for name, pool in state["pools"].items()} == {
            "names": {"answered": 2},
            "demo": {"answered": 2},
        }
        assert state["since_start"]["invocations_started"] == 2
        router.wait_for(r"request GET /names: answered, .* host 127\.0\.0\.1:\d+, pool names")
        router.wait_for(r"instance i1-p1-\w+ of pool names is ready")
        router.wait_for(r"instance i1-p2-\w+ of pool demo is ready")


def test_a_function_that_cannot_start_leaves_the_other_alone(tmp_path: Path) -> None:
    broken = shlex.join([sys.executable, "-c", "raise SystemExit(1)"])
    more = ["[pools.broken]", f"local = {json.dumps(broken)}"]
    routes = ("--routes", "*/names=names, */broken=broken, */=demo")
    with two_functions(tmp_path, *routes, more=more) as router:
        answer = router.get("/broken")
        assert answer.status == 503
        assert answer.value["component"] == "router"
        assert router.get("/names/x").body == b"names /names/x"
        assert ask(router.ports["admin-port"], "/ready").status == 200


def test_what_no_route_takes_starts_nothing(tmp_path: Path) -> None:
    routes = "names.example.com=names, demo.example.com/=demo"
    with two_functions(tmp_path, "--routes", routes) as router:
        answer = router.get("/names")
        assert (answer.status, answer.value) == (
            404,
            {"component": "router", "reason": "unknown_route"},
        )
        assert router.started_invocations() == 0
        assert router.environments() == []


def test_workers_share_all_functions(tmp_path: Path) -> None:
    with two_functions(tmp_path, "--workers", "2", "--max-instances", "2") as router:
        for _ in range(6):
            assert router.get("/names/x").body == b"names /names/x"
            assert router.get("/ping").status == 200
        pools = router.state()["pools"]
        assert {name: pool["since_start"]["requests"] for name, pool in pools.items()} == {
            "names": {"answered": 6},
            "demo": {"answered": 6},
        }
        limits = [each["state"]["pools"] for each in router.state()["workers"]]
        for name in ("names", "demo"):
            assert [each[name]["capacity"]["max_instances"] for each in limits] == [1, 1]
