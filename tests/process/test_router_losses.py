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
AGAIN = re.compile(r"request GET \S+: answered, .* attempts (\d+), .* instance (\S+), channel")
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


def check_all_were_served(router: RunningRouter, clients: Clients, victim: str) -> None:
    """End the load: 200 for everybody, and for those that the victim held by another instance."""
    answered = clients.statuses[200]
    until(lambda: clients.statuses[200] > answered + 40, "the service goes on")
    counts = clients.stop()
    assert set(counts) == {200}, router.log
    again = [match for match in AGAIN.findall(router.log) if match[0] != "1"]
    assert 1 <= len(again) <= 5
    assert victim not in {instance for _, instance in again}


def test_an_environment_that_is_killed_takes_no_request_along() -> None:
    with serving(*FOUR_OF_FIVE) as router:
        clients = all_busy(router)
        called = len(CALLED.findall(router.log))
        victim = router.environments()[0]
        os.kill(victim, signal.SIGKILL)
        lost = router.wait_for(r"of instance (\S+) ended: function_error \(Unhandled Runtime\.Exit")
        until(lambda: len(CALLED.findall(router.log)) > called, "a new instance calls back")
        until(lambda: full(router), "every place is taken again")
        check_all_were_served(router, clients, lost[1])
        environments = router.environments()
        assert victim not in environments
        assert len(environments) == 4


def test_an_environment_that_freezes_is_lost_and_replaced_and_leaves_when_it_thaws() -> None:
    """Told to send nothing again, the router tells those that it held."""
    with serving(*FOUR_OF_FIVE, "--ping-interval", "0.3", "--retry-limit", "0") as router:
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


def test_each_environment_is_replaced_before_its_timeout() -> None:
    """With a timeout of 6 s an instance leaves at 4.5 s: nobody waits for the next one's start."""
    settings = ("--access-log", "--local-function-timeout", "6", "--max-instances", "1")
    with serving(*settings) as router:
        assert router.get("/ping").status == 200
        clients = Clients(router.port, "/delay?ms=200", 4)
        seen: set[int] = set()

        def three_were_replaced() -> bool:
            seen.add(router.pool()["open_instances"])
            return len(router.find(r"is told to leave: replaced")) >= 3

        until(three_were_replaced, "three are replaced")
        assert set(clients.stop()) == {200}, router.log
        assert 0 not in seen
