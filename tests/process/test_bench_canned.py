"""The canned instance is a real one: the router that has it serves, in clear text and over TLS."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.canned_answers import GIB, HOLD
from bench.children import Children
from bench.contenders import Stage
from bench.errors import BenchError, Unavailable
from bench.flame import py_spy_command
from bench.pinning import Cores
from bench.probing import free_port, get, wait_until_answers
from bench.procfs import forget_peak, peak_bytes, tree_usage, usage
from bench.routers import Fleet, in_all_pools, start_router
from bench.transfer import connect, download, upload
from bench.workers import has_workers, measure_workers

CORE = min(os.sched_getaffinity(0))
CORES = Cores(CORE, CORE)


def stage_in(directory: Path, children: Children) -> Stage:
    return Stage(CORES, directory, (), children)


@pytest.mark.parametrize("tls", [False, True])
def test_the_router_serves_by_canned_instances(tmp_path: Path, tls: bool) -> None:
    fleet = Fleet(instances=2, concurrent=2, channels=3, tls=tls)
    with Children(tmp_path, os.environ) as children:
        router, ports = start_router(stage_in(tmp_path, children), fleet)
        state = get(ports["admin-port"], "/state")[1]
        assert in_all_pools(state, "open_instances") == 2
        assert in_all_pools(state, "idle_channels") == 6
        assert ("control-tls-port" in ports) is tls
        assert ("over TLS" in (tmp_path / "lambdadispatch-1.log").read_text()) is tls
        assert get(ports["port"], "/small") == (200, b"pong")
        assert get(ports["port"], "/64k") == (200, bytes(range(256)) * 256)
        with connect(ports["port"]) as connection:
            assert upload(connection, 3_000_001) == (3_000_001, 3_000_001)
            assert upload(connection, 0) == (0, 0)
        # A channel that is lost while its request is held is opened anew.
        with connect(ports["port"]) as connection:
            connection.sendall(b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % HOLD)
        assert get(ports["port"], "/small") == (200, b"pong")
        router.check()
    # Told to end, the router drained: its instances obeyed and the invocations were answered.
    log = (tmp_path / "lambdadispatch-1.log").read_text()
    assert log.count("ended: exit status 0") == 2
    assert "stopped" in log


def test_a_router_that_cannot_start_is_told_with_its_words(tmp_path: Path) -> None:
    with Children(tmp_path, os.environ) as children:
        stage = Stage(CORES, tmp_path, ("--no-such-flag",), children)
        with pytest.raises(BenchError, match="no-such-flag"):
            start_router(stage, Fleet())


def test_the_canned_server_streams_all_of_it(tmp_path: Path) -> None:
    port = free_port()
    with Children(tmp_path, os.environ) as children:
        command = [sys.executable, "-m", "bench.canned_server", str(port)]
        child = children.start("canned", CORE, command)
        wait_until_answers(child, port, "/small", 4)
        forget_peak(child.pid)
        before = usage(child.pid, CORE).rss
        with connect(port) as connection:
            assert download(connection) == (GIB, GIB)
            assert upload(connection, 10) == (10, 10)
        # It holds no more of it than two pieces.
        assert peak_bytes(child.pid) - before < 64 * 2**20
        assert tree_usage(child.pid, "no such command").process > 0
        assert tree_usage(child.pid, "bench.canned_server").process == 0


def test_workers_are_known_by_the_routers_flags(tmp_path: Path) -> None:
    twistd = Path(sys.executable).with_name("twistd")
    shown = subprocess.run(
        [twistd, "lambdadispatch", "--help"], capture_output=True, text=True, check=True
    )
    assert has_workers() is ("--workers=" in shown.stdout)
    if not has_workers():
        with (
            Children(tmp_path, os.environ) as children,
            pytest.raises(Unavailable, match="has no --workers"),
        ):
            measure_workers(stage_in(tmp_path, children), 2, 1.0)


def test_the_command_for_py_spy() -> None:
    command = py_spy_command(77, 2.4, "raw", Path("out"))
    assert command[1:5] == ["record", "--pid", "77", "--duration"]
    assert command[5] == "2"
