"""The frame of whole-system tests: a system, its clients, and the books that must balance."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from lambdadispatch.invoker.outcomes import InvokeResult, Outcome
from lambdadispatch.wire.errors import RemoteProtocolError
from tests.adapters.hosts_rig import Answer, read_answers
from tests.memory.link import Link
from tests.memory.stage_host import Call, StageHost
from tests.memory.system import ADMIN, CONTROL, FRONT, Client, System, get


def refused(status: int = 403) -> InvokeResult:
    """What the invoker tells of a call that AWS did not accept."""
    outcome = Outcome.THROTTLED if status == 429 else Outcome.REFUSED
    return InvokeResult(outcome, status, "SomeException", f"AWS answered {status}")


class SystemCase(SynchronousTestCase):
    """Makes one system a test, and checks after it that everything that began has ended once.

    ``chunk`` is how many bytes arrive at a time (None: all that there are).
    """

    chunk: int | None = None
    answer_time = 0.01
    """Seconds after which the router hears the answer of an invocation."""

    def build(self, cold_start: float = 0.0, **settings: Any) -> System:
        """Begin. Instances are kept for a minute unless a setting says otherwise."""
        self.sent = 0
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        hosts: list[StageHost] = []

        def make_host(clock: Clock) -> StageHost:
            hosts.append(StageHost(clock))
            return hosts[0]

        settings = {"instance_idle": 60, "access_log": True} | settings
        self.system = System(make_host, chunk=self.chunk, **settings)
        self.system.aws.cold_start = cold_start
        self.system.aws.answer_time = self.answer_time
        self.host = hosts[0]
        self.clock = self.system.clock
        self.network = self.system.network
        return self.system

    def tearDown(self) -> None:
        if not hasattr(self, "system"):
            return
        if self.system.service.running:
            self.check_books()
            self.stop()
        self.advance(1)
        self.check_nothing_is_left()

    # -- clients

    def ask(self, raw: bytes, requests: int = 1, seconds: float = 0.0) -> Client:
        """A new client that sends ``raw``, in which so many heads are whole."""
        self.sent += requests
        return self.system.ask(raw, seconds)

    def send(self, client: Client, raw: bytes, requests: int = 0) -> None:
        """More from the same client."""
        self.sent += requests
        self.system.send(client, raw)

    def answers(self, client: Client, *methods: bytes) -> list[Answer]:
        """What a client has read."""
        try:
            return read_answers(client.received, *methods, eof=client.lost is not None)
        except RemoteProtocolError as error:
            self.assertEqual(error.reason, "cut_short")
            return read_answers(client.received, *methods)

    def answer(self, client: Client, method: bytes = b"GET") -> Answer:
        """The one answer a client has got."""
        answers = self.answers(client, method)
        self.assertEqual(len(answers), 1, client.received)
        return answers[0]

    def advance(self, seconds: float) -> None:
        self.system.advance(seconds)

    # -- the application

    @property
    def call(self) -> Call:
        """The exchange that the application was given last."""
        return self.host.calls[-1]

    @property
    def paths(self) -> list[str]:
        """What the application was asked for, in order."""
        return [call.path for call in self.host.calls]

    # -- the network

    def links_to(self, port: int) -> list[Link]:
        """The open connections to a port, oldest first."""
        return [
            link
            for link in tuple(self.network.links)
            if link.server is not None and link.server.getHost().port == port
        ]

    def kill_instances(self) -> None:
        """Every instance loses all its connections at once."""
        for link in self.links_to(CONTROL):
            link.reset()
        self.network.pump()

    # -- what is told

    def assert_refused(self, client: Client, status: int, reason: str) -> None:
        """The router itself answered, with this reason."""
        answer = self.answer(client)
        self.assertTrue(answer.whole)
        self.assertEqual(answer.status, status)
        self.assertEqual(json.loads(answer.body), {"component": "router", "reason": reason})

    def state(self) -> Any:
        """/state, as it is read on the admin port."""
        client = Client()
        self.network.connect(client, ADMIN)
        self.system.send(client, get("/state"))
        answer = self.answer(client)
        self.assertEqual(answer.status, 200)
        client.transport.loseConnection()
        self.network.pump()
        return json.loads(answer.body)

    @property
    def pool(self) -> Any:
        """What there is now of the pool, by /state."""
        return self.state()["pools"]["web"]

    def outcomes(self, kind: str = "requests") -> Any:
        """How requests (invocations, channels, sessions) have ended so far, by /state."""
        return self.state()["since_start"][kind]

    def assignments(self) -> list[tuple[int, int]]:
        """(arrival, assignment) of every request that was assigned and has ended."""
        return [
            (event["arrival"], event["assignment"])
            for event in self.events
            if event.get("assignment") is not None
        ]

    # -- the books

    def check_books(self) -> None:
        """All that began has ended in one outcome or is still there."""
        self.network.pump()
        state = self.state()
        pools, counts = state["pools"].values(), state["since_start"]
        instances = [instance for pool in pools for instance in pool["instances"]]

        def total(key: str) -> int:
            return sum(pool[key] for pool in pools)

        self.assertEqual(
            sum(counts["requests"].values()) + total("waiting") + total("running"), self.sent
        )
        self.assertEqual(counts["invocations_started"], len(self.system.aws.started))
        self.assertEqual(
            sum(counts["invocations"].values()) + len(instances), counts["invocations_started"]
        )
        channels = sum(instance["channels"] for instance in instances)
        self.assertEqual(sum(counts["channels"].values()) + channels, counts["channels_opened"])
        self.assertLessEqual(total("idle_channels"), channels)
        self.assertEqual(total("running"), len(self.open_calls()))

    def open_calls(self) -> list[Call]:
        """The exchanges that should be running."""
        return self.host.open

    def stop(self) -> None:
        """Stop the service, however long that takes, and end what AWS still runs."""
        stopped = self.system.service.stopService()
        self.advance(40)
        self.successResultOf(stopped)
        for running in self.system.aws.started:
            running.end(Outcome.RETURNED, b"{}")
        self.advance(20)

    def check_nothing_is_left(self) -> None:
        """No port, no connection and no timer outlives the service."""
        self.assertEqual(self.system.service.ports, {})
        for port in (FRONT, CONTROL, ADMIN):
            self.assertEqual([link for link in self.links_to(port) if not link.is_cut], [])
        for pool in self.system.parts.pools.all:
            counts = pool.router.state()
            self.assertEqual((counts["waiting"], counts["running"]), (0, 0))
        self.assertEqual([call for call in self.host.calls if not call.over], [])
        self.assertEqual(self.flushLoggedErrors(), [])
