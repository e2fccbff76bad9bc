"""Invocations that do not become instances."""

from __future__ import annotations

from lambdadispatch.invoker.outcomes import Outcome
from lambdadispatch.wire.payload import InvokeAnswer
from tests.memory.system import Running, get
from tests.memory.system_case import SystemCase, refused


class StartCase(SystemCase):
    """Notes when each invocation was started."""

    def build_noting(self, **settings: object) -> None:
        self.build(**settings)
        self.times: list[float] = []
        invoke = self.system.aws.invoke

        def noting(payload: bytes, *, invocation: str) -> object:
            self.times.append(round(self.clock.seconds(), 1))
            return invoke(payload, invocation=invocation)

        self.system.aws.invoke = noting

    def crash(self, running: Running) -> None:
        """The function fails before it calls back."""
        running.end(Outcome.FUNCTION_ERROR, message="Unhandled Runtime.ExitError: exit status 1")


class RefusedInvokeTests(StartCase):
    def setUp(self) -> None:
        self.build_noting(backoff_first=3, backoff_most=24)

    def test_who_waits_is_told_at_once(self) -> None:
        for status in (403, 404, 429):
            self.system.aws.refuse = refused(status)
            client = self.ask(get("/x"))
            self.assert_refused(client, 503, "invoke_refused")
            self.assertEqual(self.answer(client).field("retry-after"), "1")
            self.advance(60)
        self.assertEqual(self.outcomes(), {"invoke_refused": 3})
        self.assertEqual(self.outcomes("invocations"), {"refused": 2, "throttled": 1})

    def test_starts_back_off_with_jitter(self) -> None:
        self.system.aws.refuse = refused()
        for _ in range(700):
            self.ask(get("/x"))
            self.advance(0.1)
        gaps = [
            round(after - before, 1)
            for before, after in zip(self.times, self.times[1:], strict=False)
        ]
        # Half of windows of 3, 6, 12 and then 24 seconds, seen at the next tick or arrival: too
        # slow for the breaker.
        for gap, least in zip(gaps, [1.5, 3.0, 6.0, 12.0, 12.0, 12.0, 12.0], strict=False):
            self.assertLessEqual(abs(gap - least - 0.05), 0.06, gaps)
        self.assertGreaterEqual(len(gaps), 7)

    def test_chance_decides_how_long(self) -> None:
        self.system.aws.refuse = refused()
        self.system.chance = 0.0
        for _ in range(3):
            self.ask(get("/x"))
        self.assertEqual(len(self.times), 3)
        self.system.chance = 0.99
        self.ask(get("/x"))
        self.ask(get("/x"))
        self.assertEqual(len(self.times), 4)
        self.advance(24)

    def test_a_start_that_succeeds_ends_the_back_off(self) -> None:
        self.system.aws.refuse = refused()
        self.ask(get("/x"))
        self.system.aws.refuse = None
        client = self.ask(get("/wait/1"))
        self.assertEqual(len(self.times), 1)
        self.advance(3)
        self.assertEqual(self.answer(client).status, 200)
        self.assertEqual(self.times[1], 1.5)
        for _ in range(10):
            self.ask(get("/hold"))
        self.assertEqual(len(self.times), 4)
        for call in self.host.open:
            call.respond()

    def test_who_waits_goes_on_waiting_while_an_instance_runs(self) -> None:
        for _ in range(10):
            self.ask(get("/wait/1"))
        self.system.aws.refuse = refused(429)
        waiting = [self.ask(get("/wait/1")) for _ in range(60)]
        self.assertEqual([client.received for client in waiting], [b""] * 60)
        self.advance(12)
        self.assertEqual({self.answer(client).status for client in waiting}, {200})

    def test_readiness_says_so(self) -> None:
        self.assertIs(self.system.parts.router.why_not_ready(), None)
        self.system.aws.refuse = refused()
        self.ask(get("/x"))
        self.assertEqual(self.system.parts.router.why_not_ready(), "start_failed")


class CrashTests(StartCase):
    def test_those_who_wait_are_told_after_three_crashes(self) -> None:
        self.build_noting()
        self.system.aws.on_start = self.crash
        client = self.ask(get("/x"))
        self.advance(0.4)
        self.assertEqual(client.received, b"")
        self.advance(2)
        self.assert_refused(client, 503, "start_failed")
        self.assertEqual(self.times, [0.0, 0.5, 1.5])
        self.assertEqual(self.outcomes("invocations"), {"function_error": 3})
        self.assertEqual(self.host.calls, [])

    def test_an_answer_without_calling_back_is_a_failure_too(self) -> None:
        self.build_noting()
        answer = InvokeAnswer("unknown_instance", 0).encode()
        self.system.aws.on_start = lambda running: running.end(Outcome.RETURNED, answer)
        client = self.ask(get("/x"))
        self.advance(3)
        self.assert_refused(client, 503, "start_failed")

    def test_a_lost_call_to_aws_is_a_failure_too(self) -> None:
        self.build_noting()
        self.system.aws.on_start = lambda running: running.end(Outcome.INVOKE_LOST)
        client = self.ask(get("/x"))
        self.advance(3)
        self.assert_refused(client, 503, "start_failed")

    def test_one_crash_is_made_good(self) -> None:
        self.build_noting()
        self.system.aws.on_start = self.crash
        client = self.ask(get("/now"))
        self.system.aws.on_start = None
        self.advance(1)
        self.assertEqual(self.answer(client).status, 200)

    def test_a_crash_while_it_serves(self) -> None:
        self.build_noting(retry_limit=0)
        client = self.ask(get("/x"))
        self.crash(self.system.aws.started[0])
        self.network.pump()
        self.assert_refused(client, 502, "answer_lost")
        self.assertEqual(self.outcomes("sessions"), {"invocation_ended": 1})
        self.assertEqual(self.pool["instances"], [])
        self.assertEqual(self.times, [0.0])


class SilentStartTests(StartCase):
    def setUp(self) -> None:
        self.build_noting(start_timeout=5, queue_timeout=60)
        self.held: list[Running] = []
        self.system.aws.on_start = self.held.append

    def test_a_start_that_does_not_call_back_is_given_up(self) -> None:
        client = self.ask(get("/now"))
        self.advance(4.9)
        self.assertEqual(self.pool["starting"], 1)
        self.system.aws.on_start = None
        self.advance(1)
        self.assertEqual(self.answer(client).status, 200)
        self.assertEqual(self.pool["starting"], 0)
        self.assertEqual(len(self.times), 2)

    def test_those_who_wait_are_told_after_three(self) -> None:
        client = self.ask(get("/x"))
        self.advance(20)
        self.assert_refused(client, 503, "start_failed")
        self.assertEqual(len(self.times), 3)

    def test_it_is_told_to_go_when_it_calls_back_after_all(self) -> None:
        self.ask(get("/now"))
        self.advance(4.9)
        self.system.aws.on_start = None
        self.advance(2)
        late = self.held[0]
        self.assertFalse(late.result.called)
        self.system.aws.serve(late)
        self.advance(2)
        result = late.result.result
        self.assertTrue(late.result.called, result)
        self.assertEqual(self.pool["open_instances"], 1)
        self.assertEqual(len(self.pool["instances"]), 1)
        self.assertEqual(self.outcomes("invocations"), {"returned": 1})
        ended = [event for event in self.events if event.get("reason") == "given_up"]
        self.assertTrue(ended)
