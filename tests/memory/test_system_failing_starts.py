"""Functions that never come to serve, for five minutes each, in the whole system."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

from tests.memory.system import Client, Running, get
from tests.memory.system_case import refused
from tests.memory.test_system_starts import StartCase

MINUTES = 5
PAUSE = 2.0
"""Seconds between requests."""


class FailingCase(StartCase):
    """Asks for five minutes, and looks at what was started and what clients were told."""

    def ask_for_minutes(self) -> list[Client]:
        clients: list[Client] = []
        self.brakes: Counter[str | None] = Counter()
        for _ in range(round(MINUTES * 60 / PAUSE)):
            clients.append(self.ask(get("/x"), seconds=PAUSE))
            self.brakes[self.pool["capacity"]["brake"]] += 1
        self.advance(31)
        return clients

    def heard(self, clients: list[Client]) -> Counter[tuple[int, str]]:
        """(status, reason) of every answer."""
        answers = [self.answer(client) for client in clients]
        return Counter((each.status, json.loads(each.body)["reason"]) for each in answers)

    def most_in_a_minute(self, since: float = 0.0) -> int:
        times = [when for when in self.times if when >= since]
        return max(len([t for t in times if begin <= t < begin + 60]) for begin in times)

    def end(self, running: Running, seconds: float) -> None:
        self.clock.callLater(seconds, self.crash, running)


class FailingStartTests(FailingCase):
    def setUp(self) -> None:
        self.build_noting()

    def test_a_callback_that_is_black_holed(self) -> None:
        self.system.aws.on_start = lambda running: self.end(running, 900)
        clients = self.ask_for_minutes()
        self.assertLessEqual(self.most_in_a_minute(), 2)
        self.assertEqual(self.heard(clients[30:]).keys(), {(503, "start_failed")})
        self.assertEqual(
            self.heard(clients).keys(), {(504, "queue_timeout"), (503, "start_failed")}
        )
        self.assertGreater(self.brakes["back_off"], 0)

    def test_an_invoke_that_always_fails(self) -> None:
        self.system.aws.refuse = refused(403)
        clients = self.ask_for_minutes()
        self.assertLessEqual(self.most_in_a_minute(), 10)
        self.assertLessEqual(self.most_in_a_minute(since=60), 6)
        heard = self.heard(clients)
        self.assertEqual(heard.keys(), {(503, "invoke_refused"), (503, "breaker_open")})
        self.assertGreater(heard[503, "breaker_open"], heard[503, "invoke_refused"])
        self.assertGreater(self.brakes["breaker_open"], 100)

    def test_a_function_that_crashes_at_start(self) -> None:
        self.system.aws.on_start = lambda running: self.end(running, 0.2)
        clients = self.ask_for_minutes()
        self.assertLessEqual(self.most_in_a_minute(), 10)
        self.assertLessEqual(self.most_in_a_minute(since=60), 6)
        heard = self.heard(clients)
        self.assertEqual(heard.keys(), {(503, "start_failed"), (503, "breaker_open")})

    def test_a_function_that_calls_back_and_crashes(self) -> None:
        def opens_no_channel(running: Running) -> None:
            running.payload = replace(running.payload, channels=0)
            self.system.aws.serve(running)
            self.end(running, 0.2)

        self.system.aws.on_start = opens_no_channel
        clients = self.ask_for_minutes()
        self.assertGreater(self.outcomes("sessions")["invocation_ended"], 5)
        self.assertLessEqual(self.most_in_a_minute(), 10)
        self.assertLessEqual(self.most_in_a_minute(since=60), 6)
        heard = self.heard(clients)
        self.assertEqual(heard.keys(), {(503, "start_failed"), (503, "breaker_open")})

    def test_a_function_that_crashes_at_its_first_requests(self) -> None:
        def serves_for_a_moment(running: Running) -> None:
            self.system.aws.serve(running)
            self.end(running, 0.2)

        self.system.aws.on_start = serves_for_a_moment
        clients = self.ask_for_minutes()
        self.assertLessEqual(self.most_in_a_minute(since=60), 6)
        heard = self.heard(clients)
        self.assertEqual(heard.keys(), {(502, "answer_lost"), (503, "breaker_open")})
        self.assertGreater(heard[503, "breaker_open"], heard[502, "answer_lost"])

    def test_an_application_that_ends_at_its_first_requests(self) -> None:
        """The Lambda side lives: it answers for the application, and says why it leaves."""

        def serves_for_a_moment(running: Running) -> None:
            self.system.aws.serve(running)
            self.clock.callLater(0.2, self.application_exits, running)

        self.system.aws.on_start = serves_for_a_moment
        clients = self.ask_for_minutes()
        self.assertLessEqual(self.most_in_a_minute(since=60), 6)
        heard = self.heard(clients)
        self.assertEqual(heard.keys(), {(502, "answer_lost"), (503, "breaker_open")})
        self.assertGreater(heard[503, "breaker_open"], heard[502, "answer_lost"])
        self.assertEqual(self.outcomes("invocations").keys(), {"returned"})

    def application_exits(self, running: Running) -> None:
        for call in self.host.open:
            call.respond(b'{"component":"instance","reason":"answer_lost"}', 502)
        assert running.instance is not None
        running.instance.leave("application_exited")

    def test_an_application_that_never_becomes_ready(self) -> None:
        self.system.aws.on_start = lambda running: self.end(running, 30)
        clients = self.ask_for_minutes()
        self.assertLessEqual(self.most_in_a_minute(), 4)
        self.assertEqual(self.heard(clients[30:]).keys(), {(503, "start_failed")})
        self.assertLessEqual(
            self.heard(clients).keys(), {(503, "start_failed"), (504, "queue_timeout")}
        )

    def test_it_is_made_good_as_soon_as_a_probe_serves(self) -> None:
        self.system.aws.refuse = refused(403)
        for _ in range(60):
            self.ask(get("/x"), seconds=0.5)
        self.assertEqual(self.system.parts.router.why_not_ready(), "breaker_open")
        self.system.aws.refuse = None
        clients = [self.ask(get("/now"), seconds=0.5) for _ in range(40)]
        statuses = [self.answer(client).status for client in clients]
        self.assertLessEqual(statuses.count(503), 20)
        self.assertEqual(statuses, sorted(statuses, reverse=True))
        capacity = self.pool["capacity"]
        self.assertEqual((capacity["brake"], capacity["breaker_open"]), (None, False))
        self.assertIs(self.system.parts.router.why_not_ready(), None)


class BudgetTests(FailingCase):
    def test_invocations_of_a_minute(self) -> None:
        self.build_noting(budget_invocations_per_minute=2)
        self.system.aws.on_start = lambda running: self.end(running, 0.2)
        clients = self.ask_for_minutes()
        self.assertEqual(self.most_in_a_minute(), 2)
        self.assertIn((503, "budget_spent"), self.heard(clients))
        self.assertEqual(self.brakes.most_common(1)[0][0], "budget_invocations")

    def test_gb_seconds_of_an_hour(self) -> None:
        self.build_noting(budget_gb_seconds_per_hour=60, function_memory_mb=512)
        self.system.aws.on_start = lambda running: self.end(running, 100)
        clients = self.ask_for_minutes()
        # Half a GB each: two of them for 60 s, or one for 120.
        self.assertEqual(self.heard(clients[90:]).keys(), {(503, "budget_spent")})
        capacity = self.pool["capacity"]
        self.assertEqual(capacity["brake"], "budget_gb_seconds")
        self.assertGreaterEqual(capacity["gb_seconds_last_hour"], 60)
        spent = len(self.times) * 100 * 0.5
        self.assertLessEqual(capacity["gb_seconds_last_hour"], spent)
        self.assertEqual(self.system.parts.router.why_not_ready(), "budget_spent")

    def test_what_runs_goes_on(self) -> None:
        self.build_noting(budget_invocations_per_minute=1)
        first = self.ask(get("/wait/5"))
        more = [self.ask(get("/wait/1")) for _ in range(30)]
        self.advance(10)
        self.assertEqual({self.answer(client).status for client in [first, *more]}, {200})
        self.assertEqual(len(self.times), 1)


class NoDemandTests(FailingCase):
    def test_a_minimum_that_cannot_be_started_costs_a_probe_now_and_then(self) -> None:
        self.build_noting(min_instances=2)
        self.system.aws.refuse = refused(429)
        self.advance(300)
        self.assertLessEqual(self.most_in_a_minute(since=60), 6)
        self.assertEqual(self.outcomes("invocations")["throttled"], len(self.times))
        self.assertEqual(self.pool["capacity"]["brake"], "breaker_open")
