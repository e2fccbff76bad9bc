"""Processes that the measurements start, and their end."""

import os
import sys
from pathlib import Path

import pytest

from bench.children import Children
from bench.errors import BenchError
from bench.open_loop import OpenLoop, report
from bench.probing import free_port, get, wait_until_answers

CORE = min(os.sched_getaffinity(0))
APP = [sys.executable, "-m", "bench.app"]


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_children_are_ended_when_the_run_fails(tmp_path: Path) -> None:
    sleep = [sys.executable, "-c", "import signal; signal.pause()"]

    def fail() -> None:
        with Children(tmp_path, {}) as children:
            started.extend(children.start("sleeper", CORE, sleep).pid for _ in range(2))
            raise KeyboardInterrupt

    started: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        fail()
    assert len(started) == 2
    assert not any(alive(pid) for pid in started)


def test_a_child_that_ended_is_told_with_its_last_words(tmp_path: Path) -> None:
    with Children(tmp_path, {}) as children:
        child = children.start("talker", CORE, [sys.executable, "-c", "print('no way'); exit(3)"])
        child.end(give_up=float("inf"))
        with pytest.raises(BenchError, match=r"talker ended with 3:\nno way"):
            child.check()


def test_free_ports_are_ports() -> None:
    assert 1024 <= free_port() <= 65535


def test_the_application_answers_and_its_wrong_size_is_noticed(tmp_path: Path) -> None:
    port = free_port()
    with Children(tmp_path, os.environ) as children:
        child = children.start("app", CORE, [*APP, str(port)])
        wait_until_answers(child, port, "/small", 4)
        assert get(port, "/64k")[1] == bytes(range(256)) * 256
        with pytest.raises(BenchError, match="last: status 200 with 4 bytes"):
            wait_until_answers(child, port, "/small", 5, limit=0.5)


def test_a_server_that_ends_before_it_answers(tmp_path: Path) -> None:
    with Children(tmp_path, os.environ) as children:
        child = children.start("app", CORE, [*APP, "not a port"])
        with pytest.raises(BenchError, match="ValueError: invalid literal"):
            wait_until_answers(child, free_port(), "/small", 4)


def test_the_open_loop_load_counts_answers_and_errors(tmp_path: Path) -> None:
    port = free_port()
    with Children(tmp_path, os.environ) as children:
        child = children.start("app", CORE, [*APP, str(port)])
        wait_until_answers(child, port, "/small", 4)
        good = OpenLoop(port, "/small", 2)
        good.run(rate=500.0, seconds=0.1)
        wrong = OpenLoop(port, "/missing", 2)
        wrong.run(rate=500.0, seconds=0.1)
    assert report(good)["requests"] == 50
    assert good.errors == {}
    assert wrong.errors == {"status": 50}
    assert wrong.latencies == []
