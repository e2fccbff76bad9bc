"""All environments of one function, without processes and on a clock."""

import itertools
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from lambdadispatch.local.fleet import AtCapacity, Fleet, Stopped, environment_numbers
from lambdadispatch.local.results import Result
from tests.adapters.local_fakes import (
    FUNCTION,
    FakeHost,
    TurnClock,
    end,
    invocation,
    serve,
    take_event,
)

KEEP = 300.0


class FleetCase(SynchronousTestCase):
    concurrency = 3

    def setUp(self) -> None:
        self.clock = TurnClock()
        self.host = FakeHost(self.clock)
        function = replace(FUNCTION, concurrency=self.concurrency)
        self.fleet = Fleet(function, self.host, self.clock, environment_numbers(), keep=KEEP)

    def invoke(self, count: int = 1) -> list[Result]:
        """Invoke so many times at once; results gather in the list."""
        gathered: list[Result] = []
        for _ in range(count):
            made, _ = invocation()
            made.done.addCallback(gathered.append)
            self.fleet.invoke(made)
        return gathered

    def queue(self, payload: str) -> list[Result]:
        made, found = invocation(payload)
        self.fleet.queue(made)
        return found

    def serve(self, number: int) -> None:
        serve(self.host.children[number].environment, self.clock)

    def identities(self) -> list[str]:
        return [child.environment.identity for child in self.host.children]

    def running(self) -> list[int]:
        children = enumerate(self.host.children)
        return [number for number, child in children if child.environment.invocation is not None]


class Choosing(FleetCase):
    def test_numbers(self) -> None:
        self.assertEqual(
            list(itertools.islice(environment_numbers(), 3)), ["env-1", "env-2", "env-3"]
        )

    def test_parallel_invocations_get_environments_of_their_own(self) -> None:
        self.invoke(3)
        self.assertEqual(self.identities(), ["env-1", "env-2", "env-3"])
        self.assertEqual(self.fleet.running, 3)

    def test_warm_before_new(self) -> None:
        for _ in range(4):
            self.invoke()
            self.serve(0)
        self.assertEqual(self.identities(), ["env-1"])

    def test_the_most_recently_used_first(self) -> None:
        self.invoke(3)
        for number in (1, 0, 2):
            self.serve(number)
        self.invoke()
        self.assertEqual(self.running(), [2])
        self.invoke()
        self.assertEqual(self.running(), [0, 2])
        self.serve(2)
        self.invoke()
        self.assertEqual(self.running(), [0, 2])

    def test_the_dead_are_replaced(self) -> None:
        found = self.invoke()
        end(self.host.children[0], code=1)
        self.assertEqual(found[0].outcome, "exit")
        self.assertEqual(self.fleet.running, 0)
        self.invoke()
        self.assertEqual(self.identities(), ["env-1", "env-2"])

    def test_one_that_died_idle_is_not_chosen(self) -> None:
        self.invoke()
        self.serve(0)
        end(self.host.children[0], signal=9)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.invoke()
        self.assertEqual(self.running(), [1])


class Limits(FleetCase):
    def test_concurrency_counts_running_invocations(self) -> None:
        self.invoke(3)
        error = self.assertRaises(AtCapacity, self.invoke)
        self.assertEqual(str(error), "f")
        self.serve(1)
        self.invoke()
        self.assertRaises(AtCapacity, self.invoke)
        self.assertEqual(len(self.host.children), 3)

    def test_a_place_is_free_when_the_answer_is_given(self) -> None:
        self.invoke(2)
        made, _ = invocation()
        made.done.addCallback(lambda _: self.invoke())
        self.fleet.invoke(made)
        self.serve(2)
        self.assertEqual(self.running(), [0, 1, 2])

    def test_a_timed_out_invocation_counts_until_its_process_is_gone(self) -> None:
        self.invoke(3)
        self.clock.advance(FUNCTION.timeout)
        self.assertRaises(AtCapacity, self.invoke)
        end(self.host.children[0], signal=9)
        self.invoke()
        self.assertEqual(self.fleet.running, 3)

    def test_idle_environments_end_after_their_keep_time(self) -> None:
        self.invoke(2)
        self.serve(0)
        self.clock.advance(100)
        # The other ran out of its own time meanwhile, which is not the matter here.
        self.clock.advance(KEEP - 100.25)
        self.assertNotIn("kill", self.host.children[0].sent)
        self.clock.advance(0.25)
        self.assertEqual(self.host.children[0].sent[-1], "kill")
        self.invoke()
        self.assertEqual(len(self.host.children), 3)

    def test_use_starts_the_keep_time_anew(self) -> None:
        self.invoke()
        self.serve(0)
        for _ in range(3):
            self.clock.advance(KEEP - 1)
            self.invoke()
            self.serve(0)
        self.assertNotIn("kill", self.host.children[0].sent)


class Events(FleetCase):
    concurrency = 1

    def test_run_at_once_when_there_is_room(self) -> None:
        found = self.queue("a")
        self.serve(0)
        self.assertEqual(found[0].payload, b"1")

    def test_wait_for_room_in_order(self) -> None:
        self.invoke()
        first, second = self.queue("a"), self.queue("b")
        take_event(self.host.children[0].environment)
        for done, wanted in [(None, "a"), (first, "b"), (second, None)]:
            self.assertEqual(done, done and [])
            self.serve(0)
            current = self.host.children[0].environment.invocation
            self.assertEqual(current and current.payload, wanted and f'"{wanted}"'.encode())
            self.assertEqual(len(done or ["-"]), 1)
        self.assertEqual(len(self.host.children), 1)

    def test_go_on_after_a_crash(self) -> None:
        first, second = self.queue("a"), self.queue("b")
        end(self.host.children[0], code=1)
        self.assertEqual(first[0].outcome, "exit")
        self.assertEqual(self.running(), [1])
        self.serve(1)
        self.assertEqual(second[0].outcome, "success")

    def test_many_fail_one_after_another_when_nothing_can_start(self) -> None:
        self.host.refuse = OSError(11, "none left")
        found = [self.queue(str(number)) for number in range(2000)]
        for _ in range(2000):
            self.clock.turn()
        self.assertEqual({results[0].outcome for results in found}, {"not_started"})


class Stopping(FleetCase):
    def test_fires_when_all_are_gone(self) -> None:
        found = self.invoke(2)
        self.serve(0)
        gone = self.fleet.stop(2.0)
        self.assertNoResult(gone)
        self.assertEqual(self.host.children[0].sent[-1], "terminate")
        self.assertEqual(self.host.children[1].sent[-1], "terminate")
        end(self.host.children[0], signal=15)
        self.assertNoResult(gone)
        self.clock.advance(2.0)
        self.assertEqual(self.host.children[1].sent[-1], "kill")
        end(self.host.children[1], signal=9)
        self.successResultOf(gone)
        self.assertEqual([result.outcome for result in found], ["success", "exit"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_without_environments(self) -> None:
        self.successResultOf(self.fleet.stop(2.0))

    def test_asked_twice(self) -> None:
        self.invoke()
        first, second = self.fleet.stop(2.0), self.fleet.stop(2.0)
        self.assertEqual(self.host.children[0].sent, ["terminate"])
        end(self.host.children[0], signal=15)
        self.successResultOf(first)
        self.successResultOf(second)
        self.successResultOf(self.fleet.stop(2.0))

    def test_takes_nothing_more(self) -> None:
        self.fleet.stop(2.0)
        self.assertRaises(Stopped, self.invoke)
        self.assertRaises(Stopped, self.queue, "a")

    def test_waiting_events_are_dropped(self) -> None:
        self.invoke(3)
        waiting = self.queue("a")
        gone = self.fleet.stop(2.0)
        for child in self.host.children:
            end(child, signal=15)
        self.successResultOf(gone)
        self.assertEqual(waiting, [])
        self.assertEqual(len(self.host.children), 3)
