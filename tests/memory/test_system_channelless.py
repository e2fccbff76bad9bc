"""An instance whose session lives and whose channels do not: nothing can run there."""

from __future__ import annotations

from lambdadispatch.control.channel import Channel
from lambdadispatch.core.channelless import TIME
from lambdadispatch.wire.exchange_state import IDLE
from tests.memory.system import CONTROL, get
from tests.memory.system_case import SystemCase


class ChannellessTests(SystemCase):
    def setUp(self) -> None:
        self.build(max_concurrent_count=1, max_instances=2, instance_idle=900)
        self.ask(get("/now"))
        self.advance(5)
        self.started = len(self.system.aws.started)

    def lose_channels(self, *, for_good: bool, busy: bool = True) -> None:
        """Of all instances; they open no other ones if it is for good."""
        for running in self.system.aws.started:
            assert running.instance is not None
            if for_good:
                running.instance._channels.stop()
        for link in self.links_to(CONTROL):
            channel = link.server.protocol._successor  # type: ignore[union-attr]
            if isinstance(channel, Channel) and (busy or channel.state is IDLE):
                link.reset()
        self.network.pump()

    def test_it_is_replaced(self) -> None:
        self.lose_channels(for_good=True)
        self.assertEqual(self.pool["idle_channels"], 0)
        client = self.ask(get("/now"), seconds=TIME + 1)
        self.assertEqual(self.answer(client).body, b"now")
        self.assertGreater(len(self.system.aws.started), self.started)
        self.assertEqual(self.outcomes("sessions"), {"closed": self.started})

    def test_one_that_opens_others_stays(self) -> None:
        self.lose_channels(for_good=False)
        self.advance(TIME + 5)
        self.assertEqual(len(self.system.aws.started), self.started)
        self.assertEqual(self.outcomes("sessions"), {})

    def test_one_whose_last_channel_is_busy_stays(self) -> None:
        busy = [self.ask(get("/x")) for _ in range(self.started)]
        self.assertEqual(self.pool["waiting"], 0)
        self.lose_channels(for_good=True, busy=False)
        self.assertEqual(self.pool["idle_channels"], 0)
        self.advance(TIME + 5)
        self.assertEqual(self.outcomes("sessions"), {})
        for call in self.host.open:
            call.respond(b"done")
        self.network.pump()
        self.assertEqual([self.answer(client).body for client in busy], [b"done"] * len(busy))
        self.advance(TIME + 5)
        self.assertEqual(self.outcomes("sessions"), {})

    def test_one_whose_last_channel_was_lost_with_its_request(self) -> None:
        self.stop()
        self.build(max_concurrent_count=1, instance_idle=900, channel_count=1, max_instances=1)
        client = self.ask(get("/x"))
        self.lose_channels(for_good=True)
        self.advance(TIME + 1)
        self.assertEqual(len(self.system.aws.started), 2)
        self.call.respond(b"once more")
        self.network.pump()
        self.assertEqual(self.answer(client).body, b"once more")

    def test_one_that_is_lost_is_not_told_to_leave(self) -> None:
        self.kill_instances()
        self.ask(get("/now"))
        self.advance(TIME + 5)
        self.assertEqual(self.pool["draining_instances"], 0)
        self.assertEqual(self.pool["open_instances"], len(self.pool["instances"]))
