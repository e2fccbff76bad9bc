"""One environment of the local Lambda, without a process and on a clock."""

import json

from twisted.trial.unittest import SynchronousTestCase

from lambdadispatch.local import results
from lambdadispatch.local.environment import (
    Environment,
    ResponseTooLarge,
    State,
    UnknownRequest,
    WrongState,
)
from lambdadispatch.local.results import Result
from tests.adapters.local_fakes import (
    EPOCH,
    FUNCTION,
    FakeChild,
    FakeHost,
    TurnClock,
    end,
    invocation,
    serve,
    settle,
    take_event,
)


class EnvironmentCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = TurnClock()
        self.host = FakeHost(self.clock)
        self.told: list[str] = []
        self.environment = Environment(
            "env-1",
            FUNCTION,
            self.host,
            self.clock,
            idle=lambda environment: self.told.append("idle"),
            dead=lambda environment: self.told.append("dead"),
        )
        self.invocation, self.results = invocation({"a": 1})

    @property
    def child(self) -> FakeChild:
        return self.host.children[0]

    def start(self) -> None:
        self.environment.start(self.invocation)

    def run_first(self) -> None:
        self.start()
        take_event(self.environment)

    def one_result(self) -> Result:
        self.assertEqual(len(self.results), 1)
        return self.results[0]


class Serving(EnvironmentCase):
    def test_the_first_event(self) -> None:
        self.start()
        self.assertIs(self.environment.state, State.STARTING)
        self.clock.advance(0.5)
        [event] = take_event(self.environment)
        self.assertEqual(event.payload, b'{"a": 1}')
        headers = dict(event.headers)
        self.assertEqual(headers["Lambda-Runtime-Aws-Request-Id"], self.invocation.request_id)
        # The time to start is not taken off the function's own.
        deadline = int((EPOCH + 0.5 + FUNCTION.timeout) * 1000)
        self.assertEqual(headers["Lambda-Runtime-Deadline-Ms"], str(deadline))
        self.assertIs(self.environment.state, State.RUNNING)

    def test_answered_frozen_then_told(self) -> None:
        self.run_first()
        self.environment.respond(self.invocation.request_id, b"[1]")
        self.assertIs(self.environment.state, State.ANSWERED)
        self.assertEqual((self.results, self.child.sent), ([], []))
        self.assertEqual(take_event(self.environment), [])
        self.assertEqual(self.child.sent, ["freeze"])
        settle(self.clock)
        self.assertEqual(self.one_result(), results.responded(b"[1]"))
        self.assertEqual(self.told, ["idle"])
        self.assertIs(self.environment.state, State.IDLE)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_fleet_is_told_before_the_invoker(self) -> None:
        self.invocation.done.addCallback(lambda _: self.told.append("invoker"))
        self.run_first()
        serve(self.environment, self.clock)
        self.assertEqual(self.told, ["idle", "invoker"])

    def test_the_next_event_is_delivered_after_the_thaw(self) -> None:
        self.run_first()
        self.environment.respond(self.invocation.request_id, b"1")
        waiting = take_event(self.environment)
        settle(self.clock)
        second, second_results = invocation("two")
        self.environment.take(second)
        self.assertEqual(self.child.sent, ["freeze", "thaw"])
        self.assertEqual([event.payload for event in waiting], [b'"two"'])
        self.environment.fail(second.request_id, b'{"errorType":"X"}')
        take_event(self.environment)
        settle(self.clock)
        self.assertEqual(second_results, [results.raised(b'{"errorType":"X"}')])
        self.assertEqual(len(self.results), 1)

    def test_no_freeze(self) -> None:
        self.host.freeze = False
        self.start()
        serve(self.environment, self.clock)
        self.environment.take(invocation()[0])
        self.assertEqual(self.child.sent, [])

    def test_asking_again_gets_the_same_event(self) -> None:
        self.start()
        first, again = take_event(self.environment), take_event(self.environment)
        self.assertEqual(first, again)
        self.assertEqual(len(first), 1)

    def test_a_runtime_that_asks_again_while_idle_is_answered_on_its_last_call(self) -> None:
        self.start()
        serve(self.environment, self.clock)
        later = take_event(self.environment)
        self.environment.take(invocation("two")[0])
        self.assertEqual([event.payload for event in later], [b'"two"'])

    def test_log_lines(self) -> None:
        self.start()
        self.environment.line_received("starting")
        self.clock.advance(0.25)
        take_event(self.environment)
        self.environment.line_received("working")
        self.clock.advance(1.0)
        self.environment.respond(self.invocation.request_id, b"1")
        take_event(self.environment)
        # What was written before is read after: it still belongs to this invocation.
        self.clock.turn()
        self.environment.line_received("late")
        self.clock.turn()
        self.assertEqual(self.results, [])
        settle(self.clock)
        request_id = self.invocation.request_id
        self.assertEqual(
            self.host.texts(),
            [
                "starting",
                f"START RequestId: {request_id} Version: $LATEST",
                "working",
                "late",
                f"END RequestId: {request_id}",
                f"REPORT RequestId: {request_id}\tDuration: 1000.00 ms\t"
                "Billed Duration: 1250 ms\tMemory Size: 128 MB\tInit Duration: 250.00 ms",
            ],
        )
        tail = self.invocation.log_tail.value().decode()
        self.assertEqual(tail.splitlines(), self.host.texts())
        self.assertEqual({identity for identity, _ in self.host.lines}, {"env-1"})
        self.environment.line_received("between invocations")
        self.assertNotIn("between", self.invocation.log_tail.value().decode())

    def test_output_without_end_does_not_hold_the_answer_for_ever(self) -> None:
        self.run_first()
        self.environment.respond(self.invocation.request_id, b"1")
        take_event(self.environment)
        for _ in range(100):
            self.environment.line_received("more")
            self.assertIs(self.environment.state, State.SETTLING)
            self.clock.turn()
            if self.results:
                break
        self.assertEqual(self.one_result().payload, b"1")


class Misuse(EnvironmentCase):
    def test_another_request_id(self) -> None:
        self.run_first()
        self.assertRaises(UnknownRequest, self.environment.respond, "other", b"1")
        self.assertRaises(UnknownRequest, self.environment.fail, "other", b"1")
        self.assertIs(self.environment.state, State.RUNNING)

    def test_before_the_event_was_taken(self) -> None:
        self.start()
        request_id = self.invocation.request_id
        error = self.assertRaises(WrongState, self.environment.respond, request_id, b"1")
        self.assertEqual((error.state, error.wanted), (State.STARTING, "response"))

    def test_two_answers(self) -> None:
        self.run_first()
        request_id = self.invocation.request_id
        self.environment.respond(request_id, b"first")
        self.assertRaises(WrongState, self.environment.respond, request_id, b"second")
        self.assertRaises(WrongState, self.environment.fail, request_id, b"third")
        take_event(self.environment)
        settle(self.clock)
        self.assertEqual(self.one_result().payload, b"first")
        self.assertRaises(UnknownRequest, self.environment.respond, request_id, b"late")

    def test_init_error_after_the_start(self) -> None:
        self.run_first()
        self.assertRaises(WrongState, self.environment.init_fail, b"", "", 2.0)

    def test_too_large(self) -> None:
        self.run_first()
        payload = b"x" * (results.MAX_RESPONSE + 1)
        request_id = self.invocation.request_id
        self.assertRaises(ResponseTooLarge, self.environment.respond, request_id, payload)
        take_event(self.environment)
        settle(self.clock)
        self.assertEqual(self.one_result().outcome, "too_large")
        self.assertIs(self.environment.state, State.IDLE)

    def test_the_largest_response_there_is(self) -> None:
        self.run_first()
        payload = b"x" * results.MAX_RESPONSE
        self.environment.respond(self.invocation.request_id, payload)
        self.assertIs(self.environment.state, State.ANSWERED)


class Ends(EnvironmentCase):
    def test_exit_in_any_state_before_the_answer(self) -> None:
        for asked in (False, True):
            self.setUp()
            self.start()
            if asked:
                take_event(self.environment)
            end(self.child, code=3)
            self.assertEqual(self.one_result().outcome, "exit")
            self.assertIs(self.environment.state, State.DEAD)
            self.assertEqual(self.told, ["dead"])
            self.assertFalse(self.host.ports[0].open)
            self.assertEqual(self.clock.getDelayedCalls(), [])
            self.assertIn("Runtime.ExitError", self.host.texts())
            self.assertTrue(self.host.texts()[-1].endswith("\tStatus: error"))

    def test_exit_after_the_answer(self) -> None:
        self.run_first()
        self.environment.respond(self.invocation.request_id, b"[1]")
        end(self.child, code=1)
        self.assertEqual(self.one_result(), results.responded(b"[1]"))

    def test_exit_while_output_is_read(self) -> None:
        self.run_first()
        self.environment.respond(self.invocation.request_id, b"[1]")
        take_event(self.environment)
        end(self.child, signal=9)
        settle(self.clock)
        self.assertEqual(self.one_result(), results.responded(b"[1]"))
        self.assertEqual(self.told, ["dead"])

    def test_exit_while_idle(self) -> None:
        self.start()
        serve(self.environment, self.clock)
        end(self.child, signal=9)
        self.assertEqual(self.told, ["idle", "dead"])
        self.assertEqual(len(self.results), 1)

    def test_timeout(self) -> None:
        self.run_first()
        self.clock.advance(FUNCTION.timeout - 0.25)
        self.assertEqual(self.child.sent, [])
        self.clock.advance(0.25)
        self.assertEqual(self.child.sent, ["kill"])
        # The answer waits for the process to be gone.
        self.assertEqual(self.results, [])
        end(self.child, signal=9)
        self.assertEqual(self.one_result().outcome, "timeout")
        self.assertIn("Task timed out after 60.00 seconds", self.one_result().payload.decode())
        self.assertTrue(self.host.texts()[-1].endswith("\tStatus: timeout"))

    def test_timeout_of_the_start(self) -> None:
        self.start()
        self.clock.advance(FUNCTION.timeout)
        end(self.child, signal=9)
        self.assertEqual(self.one_result().outcome, "timeout")

    def test_timeout_between_answer_and_next(self) -> None:
        self.run_first()
        self.environment.respond(self.invocation.request_id, b"[1]")
        self.clock.advance(FUNCTION.timeout)
        self.assertEqual(self.child.sent, ["kill"])
        end(self.child, signal=9)
        self.assertEqual(self.one_result(), results.responded(b"[1]"))

    def test_each_invocation_has_the_whole_time(self) -> None:
        self.run_first()
        self.clock.advance(FUNCTION.timeout - 1)
        serve(self.environment, self.clock)
        self.clock.advance(1000)
        self.environment.take(invocation()[0])
        self.clock.advance(FUNCTION.timeout - 1)
        self.assertIs(self.environment.state, State.RUNNING)
        self.clock.advance(1)
        self.assertEqual(self.child.sent[-1], "kill")

    def test_init_error(self) -> None:
        self.start()
        body = json.dumps({"errorType": "X", "errorMessage": "y"}).encode()
        self.environment.init_fail(body, "Runtime.X", 2.0)
        self.assertRaises(WrongState, self.environment.next_event)
        end(self.child, code=1)
        self.assertEqual(self.one_result(), results.init_failed(body, "Runtime.X"))

    def test_init_error_of_a_process_that_stays(self) -> None:
        self.start()
        self.environment.init_fail(b"", "Runtime.X", 2.0)
        self.clock.advance(2.0)
        self.assertEqual(self.child.sent, ["kill"])
        end(self.child, signal=9)
        self.assertEqual(self.one_result().outcome, "init_error")

    def test_command_that_cannot_run(self) -> None:
        self.start()
        self.environment.start_failed("no such file or directory")
        end(self.child, code=127)
        self.assertEqual(self.one_result().outcome, "not_started")
        self.assertIn("fork/exec run: no such file or directory", self.host.texts()[1])

    def test_no_process_to_be_had(self) -> None:
        self.host.refuse = OSError(11, "Resource temporarily unavailable")
        self.start()
        self.assertEqual(self.told, [])
        self.clock.turn()
        self.assertEqual(self.told, ["dead"])
        self.assertIn("temporarily unavailable", self.one_result().payload.decode())
        self.assertFalse(self.host.ports[0].open)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Stopping(EnvironmentCase):
    def test_idle(self) -> None:
        self.start()
        serve(self.environment, self.clock)
        self.environment.stop(2.0)
        self.assertEqual(self.child.sent, ["freeze", "terminate"])
        end(self.child, signal=15)
        self.assertEqual(self.told, ["idle", "dead"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_running_and_deaf(self) -> None:
        self.run_first()
        self.environment.stop(2.0)
        self.environment.stop(2.0)
        self.clock.advance(1.9)
        self.assertEqual(self.child.sent, ["terminate"])
        self.clock.advance(0.25)
        self.assertEqual(self.child.sent, ["terminate", "kill"])
        end(self.child, signal=9)
        self.assertIn("signal: killed", self.one_result().payload.decode())

    def test_what_is_under_way_may_still_be_handed_in(self) -> None:
        self.run_first()
        self.environment.stop(2.0)
        self.environment.respond(self.invocation.request_id, b"[1]")
        self.assertRaises(WrongState, self.environment.next_event)
        end(self.child, code=0)
        self.assertEqual(self.one_result(), results.responded(b"[1]"))

    def test_before_a_failed_start_is_known(self) -> None:
        self.host.refuse = OSError(11, "none left")
        self.start()
        self.environment.stop(2.0)
        self.clock.turn()
        self.assertEqual(self.told, ["dead"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_dead_are_left_alone(self) -> None:
        self.run_first()
        end(self.child, code=0)
        self.environment.stop(2.0)
        self.environment.kill()
        self.assertEqual(self.child.sent, [])
        self.assertRaises(WrongState, self.environment.next_event)
