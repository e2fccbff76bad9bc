"""Environments that die or freeze while they serve."""

import os
import re
import signal

from tests.process.clients import Clients
from tests.process.router import RunningRouter, serving, until

FOUR_OF_FIVE = (
    *("--access-log", "--max-concurrent-count", "5", "--instance-count-multiplier", "1"),
    *("--max-instances", "4", "--queue-timeout", "60"),
)
LOST = re.compile(r"request GET \S+: answer_lost, .* instance (\S+), channel")
CALLED = re.compile(r"instance (\S+) of invocation \S+ called back")


def all_busy(router: RunningRouter) -> Clients:
    """Twenty clients, whose requests fill four instances to the last place."""
    clients = Clients(router.port, "/delay?ms=200", 20)
    until(lambda: full(router), "every place of every instance is taken")
    return clients


def full(router: RunningRouter) -> bool:
    pool = router.pool()
    return (pool["open_instances"], pool["starting"], pool["running"]) == (4, 0, 20)


def check_only_one_lost(router: RunningRouter, clients: Clients) -> None:
    """End the load: 502 went to what one instance held, 200 to all others."""
    answered = clients.statuses[200]
    until(lambda: clients.statuses[200] > answered + 40, "the service goes on")
    counts = clients.stop()
    assert set(counts) == {200, 502}
    assert 1 <= counts[502] <= 5
    lost = [match[1] for match in LOST.finditer(router.log)]
    assert len(lost) == counts[502]
    assert len(set(lost)) == 1


def test_an_environment_that_is_killed_takes_only_its_own_requests_along() -> None:
    with serving(*FOUR_OF_FIVE) as router:
        clients = all_busy(router)
        called = len(CALLED.findall(router.log))
        victim = router.environments()[0]
        os.kill(victim, signal.SIGKILL)
        router.wait_for(r"ended: function_error \(Unhandled Runtime\.ExitError")
        until(lambda: len(CALLED.findall(router.log)) > called, "a new instance calls back")
        until(lambda: full(router), "every place is taken again")
        check_only_one_lost(router, clients)
        environments = router.environments()
        assert victim not in environments
        assert len(environments) == 4


def test_an_environment_that_freezes_is_lost_and_replaced_and_leaves_when_it_thaws() -> None:
    with serving(*FOUR_OF_FIVE, "--ping-interval", "0.3") as router:
        clients = all_busy(router)
        called = len(CALLED.findall(router.log))
        victim = router.environments()[0]
        os.kill(victim, signal.SIGSTOP)
        lost = router.wait_for(r"session of instance (\S+) ended: silent")[1]
        until(lambda: len(CALLED.findall(router.log)) > called, "a new instance calls back")
        until(lambda: full(router), "every place is taken again")
        check_only_one_lost(router, clients)
        assert LOST.findall(router.log)[0] == lost
        assert not router.find(rf"invocation \S+ of instance {lost} ended: ")
        os.kill(victim, signal.SIGCONT)
        router.wait_for(rf"invocation \S+ of instance {lost} ended: returned \(router_lost\)")
        assert router.get("/ping").status == 200
