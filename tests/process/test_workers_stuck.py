"""A worker whose loop is stuck is ended by its parent, and replaced."""

import os
import signal
import sys

from tests.process.router import CLEAR, DEMO, FREE_PORTS, ask, launched, until
from tests.process.test_workers import TWO, all_up, pids

QUICKLY = (
    "from lambdadispatch.workers import liveness\n"
    "liveness.BEAT = 0.5\n"
    "from twisted.scripts.twistd import run\n"
    "run()\n"
)
"""twistd, with a tenth of the time from one look to the next."""
COMMAND = (sys.executable, "-c", QUICKLY, "--nodaemon", "--pidfile=")


def test_a_stuck_worker_is_replaced() -> None:
    with launched("--local", DEMO, *FREE_PORTS, *CLEAR, *TWO, command=COMMAND) as router:
        router.ready()
        stuck, other = pids(router)
        os.kill(stuck, signal.SIGSTOP)
        router.wait_for("worker 0 has shown no sign of life for 3 s: it is killed")
        router.wait_for("worker 0 was ended by SIGKILL: the next one starts in 0 s")
        until(lambda: all_up(router) and pids(router)[0] not in {None, stuck}, "it is replaced")
        assert pids(router)[1] == other
        assert ask(router.ports["admin-port"], "/ready").status == 200
        assert len(router.find("no sign of life")) == 1
        # Those that do nothing but wait are no less alive.
        assert {router.get("/ping").status for _ in range(20)} == {200}
