"""A router without file descriptors: it turns clients away, goes on serving, and recovers."""

import http.client
import re
import resource
import socket
import sys
from pathlib import Path

import pytest

from lambdadispatch.transports.descriptors import MOST
from tests.process.router import (
    CLEAR,
    DEMO,
    FREE_PORTS,
    LIMIT,
    TWISTD,
    RunningRouter,
    launched,
    serving,
    until,
)
from tests.process.test_router_clients import TRANSPORTS, connected

RUN = "from twisted.scripts.twistd import run; run()"
SPARE, CLIENTS, SLEEPS = 20, 60, 20
CHANNELS = 20
"""Of an instance, by default."""


def numbers(pid: int) -> list[int]:
    return [int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()]


def descriptors(pid: int) -> int:
    return len(numbers(pid))


def sleeps(pid: int) -> int:
    """How often a process has gone to sleep by itself: one that spins never does."""
    found = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status(pid), re.MULTILINE)
    assert found is not None
    return int(found[1])


def status(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


def allow(router: RunningRouter, most: int) -> None:
    """Descriptors with numbers below ``most``, from now on."""
    _, hard = resource.prlimit(router.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(router.process.pid, resource.RLIMIT_NOFILE, (most, hard))


def is_closed(client: socket.socket) -> bool:
    """Whether the router has ended a connection."""
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_a_router_may_open_as_many_files_as_the_system_allows() -> None:
    soft = "import resource, os, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({0}, {1})); "
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(hard, MOST)
    limited = (sys.executable, "-c", soft.format(256, hard) + RUN, *TWISTD[1:])
    with launched("--local", DEMO, *FREE_PORTS, *CLEAR, command=limited) as router:
        router.ready()
        assert resource.prlimit(router.process.pid, resource.RLIMIT_NOFILE) == (most, hard)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_router_without_descriptors(transport: str) -> None:
    with serving("--transport", transport, "--instance-idle", "60") as router:
        pid = router.process.pid
        early = http.client.HTTPConnection("127.0.0.1", router.port, timeout=LIMIT)
        early.request("GET", "/fact")
        assert early.getresponse().read()
        # An instance that still opens channels would count as a leak.
        until(lambda: router.pool()["idle_channels"] == CHANNELS, "all channels open")
        kept = descriptors(pid)
        most = max(numbers(pid)) + 1 + SPARE
        allow(router, most)
        clients = [connected(router) for _ in range(CLIENTS)]
        # Those over the limit are closed: none is left waiting for an answer that cannot come.
        # The connection on which the state was asked for may have been counted, and be gone.
        over = CLIENTS - (most - kept) - 1
        assert over > 0, "a limit that nobody meets"
        until(lambda: sum(map(is_closed, clients)) >= over, "clients turned away")
        before = sleeps(pid)
        until(lambda: sleeps(pid) >= before + SLEEPS, "a router that sleeps")
        early.request("GET", "/fact")
        assert early.getresponse().status == 200
        assert len(router.find("EMFILE|Too many open files")) <= 4 * CLIENTS
        for client in clients:
            client.close()
        until(lambda: descriptors(pid) <= kept + 1, "the descriptors of those who left")
        assert router.get("/fact").status == 200
