"""The process stands still for a while: a suspended machine, a stopped process, a moved one.

All that was due meanwhile is due at once when it goes on, before anything that has arrived is read.
"""

from __future__ import annotations

from tests.memory.system import CONTROL, get
from tests.memory.system_case import SystemCase

STALL = 300.0


class StallTests(SystemCase):
    def stall(self) -> None:
        """Everybody stands still; what was sent is there when they go on."""
        self.clock.advance(STALL)
        self.advance(2)

    def test_an_answer_that_had_begun_in_time(self) -> None:
        self.build(first_byte_timeout=30)
        client = self.ask(get("/x"))
        self.call.respond(b"in time")
        self.stall()
        self.assertEqual(self.answer(client).body, b"in time")
        self.assertEqual(self.outcomes(), {"answered": 1})

    def test_an_answer_that_went_on_in_time(self) -> None:
        self.build(idle_timeout=30)
        client = self.ask(get("/x"))
        self.call.begin()
        self.call.write(b"first ")
        self.advance(3)
        self.call.write(b"second")
        self.stall()
        self.assertFalse(self.call.over)
        self.call.end()
        self.network.pump()
        self.assertEqual(self.answer(client).body, b"first second")

    def test_a_slot_that_was_free_in_time(self) -> None:
        self.build(max_instances=1, max_concurrent_count=1, queue_timeout=30, first_byte_timeout=0)
        self.ask(get("/x"))
        waiting = self.ask(get("/now"))
        self.call.respond()
        self.stall()
        self.assertEqual(self.answer(waiting).body, b"now")

    def test_a_start_that_was_in_time(self) -> None:
        self.build(cold_start=5, start_timeout=30, queue_timeout=600)
        client = self.ask(get("/now"), seconds=1)
        self.stall()
        self.assertEqual(self.answer(client).body, b"now")
        self.assertEqual(len(self.system.aws.started), 1)

    def test_nobody_is_taken_for_dead(self) -> None:
        self.build(instance_idle=900)
        self.ask(get("/now"))
        for _ in range(2):
            self.stall()
            self.advance(30)
        self.assertEqual(self.outcomes("sessions"), {})
        self.assertEqual(self.outcomes("channels"), {})
        self.ask(get("/now"))
        self.assertEqual(len(self.system.aws.started), 1)

    def test_what_is_late_all_the_same_is_told(self) -> None:
        self.build(first_byte_timeout=30)
        client = self.ask(get("/x"))
        self.stall()
        self.assert_refused(client, 504, "first_byte_timeout")

    def test_a_process_that_is_always_late_still_keeps_to_its_limits(self) -> None:
        """As one that has more to do than it can."""
        self.build(first_byte_timeout=30)
        client = self.ask(get("/x"))
        self.be_late_for(40)
        self.assert_refused(client, 504, "first_byte_timeout")

    def be_late_for(self, seconds: int) -> None:
        """Each turn takes two seconds."""
        for _ in range(seconds // 2):
            self.clock.advance(2)
            self.network.pump()

    def test_one_that_is_always_late_tells_who_waits_and_gives_up_starts(self) -> None:
        self.build(600.0, queue_timeout=20, start_timeout=30, backoff_first=900, backoff_most=900)
        client = self.ask(get("/x"))
        self.be_late_for(18)
        self.assertEqual(client.received, b"")
        self.be_late_for(8)
        self.assert_refused(client, 504, "queue_timeout")
        self.be_late_for(10)
        capacity = self.pool["capacity"]
        self.assertEqual((self.pool["starting"], capacity["failed_starts"]), (0, 1))

    def test_one_that_is_always_late_finds_out_who_is_dead_and_no_other(self) -> None:
        self.build(max_concurrent_count=1, instance_idle=900)
        for _ in range(2):
            self.ask(get("/wait/3"))
        self.advance(5)
        started = len(self.system.aws.started)
        self.links_to(CONTROL)[0].freeze("client")
        self.be_late_for(60)
        self.assertEqual(self.outcomes("sessions"), {"silent": 1})
        self.assertEqual(len(self.system.aws.started), started)
