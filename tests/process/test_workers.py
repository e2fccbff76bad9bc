"""Several workers on one client port, with real processes, sockets and signals."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.process.clients import Clients, all_at_once, statuses
from tests.process.local_rig import alive
from tests.process.router import (
    DEMO,
    FREE_PORTS,
    LIMIT,
    ROOT,
    RunningRouter,
    ask,
    command_line,
    launched,
    serving,
    until,
)
from tests.process.test_router_ends import refuses, running
from tests.process.test_router_refuses import FUNCTION, LOCAL, NO_AWS, errors_of
from tests.process.test_router_rie import ACCESS
from tests.process.test_router_serves import load

TWO = (
    *("--workers", "2", "--instance-idle", "60"),
    # One instance each is enough for all that the tests ask for.
    *("--max-concurrent-count", "40", "--instance-count-multiplier", "1"),
)


def workers(router: RunningRouter) -> list[Any]:
    found: list[Any] = router.state()["workers"]
    return found


def pids(router: RunningRouter) -> list[int]:
    return [each["pid"] for each in workers(router)]


def answered(router: RunningRouter) -> list[int]:
    """How many requests each worker has answered since it was started."""
    return [each["state"]["since_start"]["requests"].get("answered", 0) for each in workers(router)]


def all_up(router: RunningRouter) -> bool:
    return all(each["state"] for each in workers(router))


def samples(router: RunningRouter, name: str) -> dict[tuple[str, ...], float]:
    """The values of one metric by the values of its labels, worker first."""
    text = ask(router.ports["admin-port"], "/metrics").body.decode()
    return {
        (sample.labels["worker"], *(v for k, v in sample.labels.items() if k != "worker")): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


@pytest.mark.parametrize(
    ("transport", "control"),
    [
        ("auto", ("--control-port", "0")),
        ("auto", ("--control-port", "off", "--control-tls-port", "0")),
        ("twisted", ("--control-port", "0", "--control-tls-port", "0")),
    ],
)
def test_every_worker_serves_its_part(transport: str, control: tuple[str, ...]) -> None:
    with serving(*TWO, "--transport", transport, control=control) as router:
        said = load(router, "/ping", 50, 2000)
        assert said == {"statuses": {"200": 2000}, "connections": 50, "errors": []}
        parts = answered(router)
        assert sum(parts) == 2000
        assert min(parts) > 0
        assert router.state()["since_start"]["requests"] == {"answered": 2000}
        instances = {each["instance"] for each in router.pool()["instances"]}
        assert {name.split("-")[1] for name in instances} == {"w0", "w1"}
        assert router.log.count("ready, try: curl") == 1
        assert router.find(r"worker 0: instance i\S+ is ready") != []
        assert router.find(r"worker 1: instance i\S+ is ready") != []


def test_the_admin_port_speaks_for_all_workers() -> None:
    with serving(*TWO) as router:
        admin = router.ports["admin-port"]
        for path in ("/health", "/ready"):
            assert ask(admin, path)[:2] == (200, b"ok\n")
        load(router, "/ping", 50, 500)
        counts = samples(router, "lambdadispatch_requests_total")
        assert counts["0", "answered", "local"] + counts["1", "answered", "local"] == 500
        assert min(counts["0", "answered", "local"], counts["1", "answered", "local"]) > 0
        assert samples(router, "lambdadispatch_open_instances") == {
            ("0", "local"): 1,
            ("1", "local"): 1,
        }
        assert samples(router, "lambdadispatch_worker_up") == {("0",): 1, ("1",): 1}
        for name in ("cpu_seconds_total", "resident_memory_bytes", "open_fds"):
            figures = samples(router, f"process_{name}")
            assert set(figures) == {("parent",), ("0",), ("1",)}
            assert min(figures.values()) > 0


def test_the_metrics_of_a_single_process() -> None:
    with serving("--instance-idle", "60") as router:
        assert router.get("/ping").status == 200
        counts = samples(router, "lambdadispatch_requests_total")
        assert counts["0", "answered", "local"] == 1
        assert samples(router, "process_resident_memory_bytes")["0",] > 1_000_000
        assert "workers" not in router.state()


def test_a_killed_worker_is_replaced_and_its_accept_queue_is_served() -> None:
    with serving(*TWO) as router, ExitStack() as opened:
        victim, other = pids(router)
        # It takes no connection any more, but the kernel does for it.
        os.kill(victim, signal.SIGSTOP)
        clients = [opened.enter_context(asking(router.port, "/ping")) for _ in range(40)]
        until(lambda: answered_by(router, 1) > 0, "the other serves its part")
        os.kill(victim, signal.SIGKILL)
        # All connections were made before, so those that the new one serves were in the queue.
        assert [whole(client).split(b"\r\n")[0] for client in clients] == [b"HTTP/1.1 200 OK"] * 40
        until(lambda: all_up(router), "it is replaced")
        assert answered_by(router, 0) == 40 - answered_by(router, 1) > 0
        assert router.find("worker 0 was ended by SIGKILL: the next one starts in 0 s")
        assert pids(router)[0] != victim
        assert pids(router)[1] == other
        assert samples(router, "lambdadispatch_worker_starts_total") == {("0",): 2, ("1",): 1}


def asking(port: int, path: str) -> socket.socket:
    """A connection on which one request was sent."""
    client = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    return client


def whole(client: socket.socket) -> bytes:
    """All that comes until the connection ends."""
    return b"".join(iter(lambda: client.recv(65536), b""))


def answered_by(router: RunningRouter, worker: int) -> int:
    state = workers(router)[worker]["state"]
    return -1 if state is None else int(state["since_start"]["requests"].get("answered", 0))


def test_a_worker_killed_under_load_takes_only_what_it_held_along() -> None:
    with serving(*TWO) as router:
        clients = Clients(router.port, "/delay?ms=100", 20)
        until(lambda: min(answered(router)) > 20, "both serve")
        victim = pids(router)[0]
        os.kill(victim, signal.SIGKILL)
        until(lambda: not alive(victim), "it is dead")
        until(lambda: all_up(router) and min(answered(router)) > 20, "both serve again")
        counts = clients.stop()
        assert set(counts) <= {0, 200}
        # Each client can have had one request there.
        assert counts[0] <= 20
        assert router.find("worker 0 was ended by SIGKILL")


def test_a_worker_that_is_told_to_end_is_replaced_and_loses_nothing() -> None:
    with serving(*TWO) as router:
        answers = all_at_once(router.port, ["/delay?ms=2000"] * 20)
        until(lambda: running(router) == 20, "all run")
        os.kill(pids(router)[0], signal.SIGTERM)
        assert statuses(answers) == {200: 20}
        router.wait_for("worker 0 exited with code 0: the next one starts in 0 s")
        until(lambda: all_up(router), "it is replaced")
        assert statuses(all_at_once(router.port, ["/ping"] * 40)) == {200: 40}
        assert min(answered(router)) > 0


@pytest.mark.parametrize("transport", ["auto", "twisted"])
def test_a_worker_that_keeps_dying_is_passed_over_until_it_serves_again(transport: str) -> None:
    with serving(*TWO, "--transport", transport) as router:
        for end in range(1, 4):
            until(lambda: bool(pids(router)[0]), "there is one to kill")
            os.kill(pids(router)[0], signal.SIGKILL)
            until(lambda: ends(router) == end, "it is dead")  # noqa: B023
        assert router.find("worker 0 was ended by SIGKILL: the next one starts in 1 s")
        began = answered_by(router, 1)
        assert statuses(all_at_once(router.port, ["/ping"] * 40)) == {200: 40}
        assert answered_by(router, 1) == began + 40
        assert ask(router.ports["admin-port"], "/ready")[:2] == (503, b"worker 0: not up\n")
        until(lambda: all_up(router), "it serves again")
        assert statuses(all_at_once(router.port, ["/ping"] * 40)) == {200: 40}
        assert answered_by(router, 0) > 0


def ends(router: RunningRouter) -> int:
    return len(router.find("worker 0 was ended by SIGKILL"))


def test_a_stuck_worker_holds_up_no_page() -> None:
    with serving(*TWO) as router:
        victim = pids(router)[1]
        os.kill(victim, signal.SIGSTOP)
        try:
            assert samples(router, "lambdadispatch_worker_up") == {("0",): 1, ("1",): 0}
            assert set(samples(router, "process_open_fds")) == {("parent",), ("0",), ("1",)}
            assert [each["state"] is None for each in workers(router)] == [False, True]
            answer = ask(router.ports["admin-port"], "/ready")
            assert (answer.status, answer.body) == (503, b"worker 1: no answer\n")
        finally:
            os.kill(victim, signal.SIGCONT)
        until(lambda: all_up(router), "it goes on")


# -- the end


@pytest.mark.parametrize(
    ("number", "whole_group"),
    [(signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGINT, False)],
)
def test_all_drain_and_nothing_is_lost(number: int, whole_group: bool) -> None:
    with serving(*TWO) as router:
        answers = all_at_once(router.port, ["/delay?ms=3000"] * 40)
        until(lambda: running(router) == 40, "all run")
        assert all(each["state"]["pools"]["local"]["running"] for each in workers(router))
        # systemd sends its signal to every process of a service.
        for pid in pids(router) if whole_group else []:
            os.kill(pid, number)
        router.send(number)
        until(lambda: refuses(router.port), "no new connections")
        assert running(router) == 40
        answer = ask(router.ports["admin-port"], "/ready")
        assert (answer.status, answer.body) == (503, b"draining\n")
        assert statuses(answers) == {200: 40}
        assert router.wait() == 0
        router.check_nothing_left()
        assert len(router.find(r"worker \d: stopped")) == 2


def test_a_signal_to_workers_that_drain_by_order_is_not_the_second() -> None:
    with serving(*TWO) as router:
        answers = all_at_once(router.port, ["/delay?ms=3000"] * 40)
        until(lambda: running(router) == 40, "all run")
        processes = pids(router)
        router.send(signal.SIGTERM)
        until(lambda: len(router.find(r"worker \d: draining")) == 2, "both drain")
        for pid in processes:
            os.kill(pid, signal.SIGTERM)
        assert statuses(answers) == {200: 40}
        assert router.wait() == 0
        assert len(router.find(r"worker \d: received SIGTERM")) == 2


def test_a_second_signal_cuts_what_runs_in_every_worker() -> None:
    with serving(*TWO, "--drain-timeout", "600") as router:
        answers = all_at_once(router.port, ["/delay?ms=60000"] * 40)
        until(lambda: running(router) == 40, "all run")
        router.send(signal.SIGTERM)
        until(lambda: len(router.find(r"worker \d: draining")) == 2, "both drain")
        assert router.stop(signal.SIGTERM) == 0
        assert statuses(answers) == {0: 40}


def test_a_worker_that_does_not_end_is_ended_by_the_second_signal() -> None:
    with launched(*LOCAL, *FREE_PORTS, "--control-port", "0", *TWO) as router:
        router.ready()
        os.kill(pids(router)[0], signal.SIGSTOP)
        router.send(signal.SIGTERM)
        router.wait_for("worker 1: stopped")
        assert router.stop(signal.SIGTERM) == 1
        assert router.errors.splitlines() == [
            "lambdadispatch: worker 0 was ended by SIGKILL while draining"
        ]
        router.check_nothing_left()


@pytest.mark.parametrize("busy", [False, True])
def test_a_parent_that_is_killed_leaves_no_process(busy: bool) -> None:
    with serving(*TWO) as router:
        answers = all_at_once(router.port, ["/delay?ms=60000"] * (20 * busy) or ["/ping"])
        until(lambda: running(router) == 20 * busy, "they run")
        assert len(pids(router)) == 2
        assert router.stop(signal.SIGKILL) == -signal.SIGKILL
        router.check_nothing_left()
        # Those whose instance died first are to be sent again, but no other can start now: 503.
        assert set(statuses(answers)) <= {0, 200, 502, 503}
        assert refuses(router.port)


def test_without_their_parent_workers_finish_what_they_have_accepted() -> None:
    """As with AWS: the functions run elsewhere, and so outlive the parent."""
    with ExitStack() as opened:
        url = opened.enter_context(lambda_service())
        where = ("--function-name", "web", "--lambda-service-url", url, *FREE_PORTS)
        ports = ("--control-port", "0", "--control-tls-port", "0", "--interface", "127.0.0.1")
        router = opened.enter_context(
            launched(
                *(*where, *ports, "--callback-host", "127.0.0.1", *TWO),
                variables={**os.environ, **ACCESS, "PYTHONUNBUFFERED": "1"},
            )
        )
        router.wait_for("ready: 2 workers")
        router.listening()
        answers = all_at_once(router.port, ["/delay?ms=3000"] * 40)
        until(lambda: router.state()["pools"]["web"]["running"] == 40, "all run")
        assert router.stop(signal.SIGKILL) == -signal.SIGKILL
        until(lambda: refuses(router.port), "no new connections")
        assert statuses(answers) == {200: 40}
        router.check_nothing_left()


@contextmanager
def lambda_service() -> Iterator[str]:
    """A local Lambda as a process of its own, with the demo; its URL."""
    name = ("--function-name", "web", "--port", "0", "--", DEMO)
    with subprocess.Popen(
        [sys.executable, "-m", "lambdadispatch.local", *name],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"at (http://\S+)", process.stdout.readline())
            assert found
            yield found[1]
        finally:
            process.terminate()
            process.communicate(timeout=LIMIT)


@pytest.mark.parametrize("line", ["listening: ", "worker 1: listening: ", r"worker 0: invocation"])
def test_stopping_during_the_start_leaves_nothing(line: str) -> None:
    with launched("--local", DEMO, *FREE_PORTS, "--control-port", "0", *TWO) as router:
        router.wait_for(line)
        assert router.stop() == 0
        router.check_nothing_left()


# -- what cannot start


@pytest.fixture(params=[False, True], ids=["alone", "shared"])
def taken(request: pytest.FixtureRequest) -> Iterator[int]:
    """A port that somebody listens on, who may be ready to share it; the one below is free."""
    with socket.socket() as server:
        if request.param:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Not of those that the kernel hands out: someone would have the one below.
        for port in random.sample(range(20_000, 30_000), 100):
            with suppress(OSError):
                socket.create_server(("127.0.0.1", port - 1)).close()
                server.bind(("127.0.0.1", port))
                break
        server.listen()
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("flag", "worker"),
    [("port", 0), ("admin-port", 0), ("control-port", 0), ("control-tls-port", 1)],
)
def test_a_port_that_is_taken(flag: str, worker: int, taken: int) -> None:
    ports = {"port": "0", "admin-port": "0", "control-port": "0", flag: str(taken - worker)}
    given = [word for name, number in ports.items() for word in (f"--{name}", number)]
    [line] = errors_of(*LOCAL, *TWO, *given)
    assert line.startswith(f"lambdadispatch: --{flag} {taken}: cannot listen: ")
    assert "in use" in line


def test_what_no_worker_can_start_with_is_told_once() -> None:
    ports = (*FREE_PORTS, "--control-port", "0")
    [line] = errors_of(*LOCAL, *TWO, *ports, K8S_POD_IP="no address")
    assert "K8S_POD_IP" in line
    [line] = errors_of(*FUNCTION, *TWO, **NO_AWS, AWS_REGION="us-east-1")
    assert line.startswith("lambdadispatch: ")
    assert "credentials" in line


def test_a_worker_that_dies_before_it_serves_ends_the_router() -> None:
    with launched("--local", DEMO, *FREE_PORTS, "--control-port", "0", *TWO) as router:
        router.wait_for("local Lambda at ")
        until(lambda: len(starting(router)) == 2, "both workers were started")
        os.kill(starting(router)[0], signal.SIGKILL)
        assert router.wait() == 1
        [line] = router.errors.splitlines()
        assert line.startswith("lambdadispatch: worker ")
        assert line.endswith(" was ended by SIGKILL before it could serve")
        router.check_nothing_left()


def starting(router: RunningRouter) -> list[int]:
    """The processes of workers, as the kernel names them."""
    return [pid for pid in router.others() if command_line(pid)[1:3] == ["-m", WORKER]]


WORKER = "lambdadispatch.worker"


def test_more_workers_than_instances_are_refused() -> None:
    [line] = errors_of(*LOCAL, "--workers", "3", "--max-instances", "2")
    assert line == "--max-instances: '2' is refused; allowed: at least that of --workers ('3')"
