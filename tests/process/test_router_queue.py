"""Who is served when more ask than can be served."""

import re

from tests.process.clients import all_at_once, statuses
from tests.process.router import RunningRouter, serving, until

ORDER = re.compile(r"request GET \S+: (\w+), arrival (\d+), assignment (\d+|None),")
TEN = ("--access-log", "--max-concurrent-count", "10", "--instance-count-multiplier", "1")


def order(router: RunningRouter, count: int) -> list[tuple[str, str, str]]:
    """Outcome, arrival and assignment of each request, once so many have ended."""
    until(lambda: len(ORDER.findall(router.log)) >= count, f"{count} requests in the log")
    found: list[tuple[str, str, str]] = ORDER.findall(router.log)
    return found


def test_a_hundred_at_once_are_answered_in_their_order_by_no_more_than_is_needed() -> None:
    with serving(*TEN) as router:
        answers = all_at_once(router.port, ["/delay?ms=500"] * 100)
        assert statuses(answers) == {200: 100}
        assert router.started_invocations() <= 14
        seen = order(router, 100)
        assert {outcome for outcome, _, _ in seen} == {"answered"}
        by_arrival = sorted((int(arrival), int(assigned)) for _, arrival, assigned in seen)
        assert [arrival for arrival, _ in by_arrival] == list(range(1, 101))
        # Nobody was given a channel before somebody who had come earlier.
        assert [assigned for _, assigned in by_arrival] == list(range(1, 101))


def test_no_more_instances_than_allowed_and_nobody_is_turned_away() -> None:
    with serving(*TEN, "--max-instances", "2") as router:
        answers = all_at_once(router.port, ["/delay?ms=300"] * 60)
        assert statuses(answers) == {200: 60}
        assert len(router.environments()) <= 2
        seen = order(router, 60)
        assert [arrival for _, arrival, _ in sorted(seen, key=lambda s: int(s[1]))] == [
            assigned for _, _, assigned in sorted(seen, key=lambda s: int(s[1]))
        ]


def test_a_full_line_and_one_that_takes_too_long_are_told_so() -> None:
    one = ("--max-concurrent-count", "1", "--max-instances", "1")
    line = ("--queue-limit", "1", "--queue-timeout", "0.5", "--access-log")
    with serving(*one, *line) as router:
        [running] = all_at_once(router.port, ["/delay?ms=3000"])
        until(lambda: router.pool()["running"] == 1, "one runs")
        [waiting] = all_at_once(router.port, ["/ping"])
        until(lambda: router.pool()["waiting"] == 1, "one waits")
        full = router.get("/ping")
        assert (full.status, full.value["reason"]) == (503, "queue_full")
        late = waiting.result()
        assert (late.status, late.value["reason"]) == (504, "queue_timeout")
        assert running.result().status == 200
        seen = order(router, 3)
        assert sorted(seen) == [
            ("answered", "1", "1"),
            ("queue_full", "3", "None"),
            ("queue_timeout", "2", "None"),
        ]
