"""Whatever happens, in any order: each request has one outcome, and nothing is left over.

A history is made of its seed, so one that fails can be had again.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from lambdadispatch.wire.heads import response
from tests.memory.stage_host import Call
from tests.memory.system import CONTROL, Client, get
from tests.memory.system_case import SystemCase

STEPS = 60


class Storm:
    """One history, made of a seed."""

    steps = STEPS

    def __init__(self, case: SystemCase, seed: int) -> None:
        self.case = case
        self.chance = Random(seed)
        self.clients: list[tuple[Client, list[bytes]]] = []
        """And what each of them has still to send."""
        self.everybody: list[Client] = []

    def run(self) -> None:
        self.go_on(self.some_steps(), self.steps)
        self.end()

    def some_steps(self) -> list[Callable[[], None]]:
        """What may happen, the more often the more likely."""
        return [
            *[self.a_request] * 6,
            *[self.more_of_a_request] * 4,
            *[self.an_answer] * 6,
            *[self.part_of_an_answer] * 3,
            *[self.time_passes] * 3,
            self.a_client_leaves,
            self.a_client_stops_reading,
            self.a_client_reads_on,
            self.a_call_is_declined,
            self.an_answer_is_cut,
            self.a_channel_breaks,
            self.an_instance_dies,
            self.the_process_stands_still,
        ]

    def go_on(self, steps: list[Callable[[], None]], count: int) -> None:
        """So many of these, one after another; the books balance after each."""
        for _ in range(count):
            self.chance.choice(steps)()
            self.case.network.pump()
            self.check_counts()

    def check_counts(self) -> None:
        """What began has ended in one outcome, or is in one of the live sets."""
        case = self.case
        for pool in case.system.parts.pools.all:
            state, counts = pool.router.state(), pool.counts
            ended = sum(counts.requests.values())
            there = state["waiting"] + state["running"]
            case.assertEqual(ended + there, pool.router._arrivals)
            case.assertEqual(state["running"], len(pool.router._assigned))
            case.assertLessEqual(state["tunnels"], state["running"])
            instances, channels = state["instances"], 0
            for instance in instances:
                channels += instance["channels"]
            case.assertEqual(
                sum(counts.invocations.values()) + len(instances), counts.invocations_started
            )
            case.assertEqual(sum(counts.channels.values()) + channels, counts.channels_opened)
            case.assertLessEqual(state["idle_channels"] + state["tunnels"], channels)
            alive = state["starting"] + state["open_instances"] + state["draining_instances"]
            case.assertLessEqual(alive, len(instances))

    # -- clients

    def a_request(self) -> None:
        client = self.case.system.client()
        self.everybody.append(client)
        pieces = [piece for _ in range(self.chance.choice([1, 1, 1, 3])) for piece in self.pieces()]
        self.clients.append((client, pieces))
        self.say(client, pieces)

    def pieces(self) -> list[bytes]:
        """A request, in the pieces in which it is sent."""
        path = self.chance.choice(["/now", "/wait/0.3", "/wait/3", "/x", "/x", "/echo"])
        kind = self.chance.randrange(6)
        if kind <= 2:
            return [get(path, *self.chance.choice([(), (), ("Connection: close",)]))]
        method = self.chance.choice(["POST", "PUT"])
        expect = self.chance.choice(["", "", "Expect: 100-continue\r\n"])
        head = f"{method} {path} HTTP/1.1\r\nHost: test\r\n{expect}"
        size = self.chance.choice([1, 10, 16384, 16385, 70_000])
        if kind == 3:
            body = [b"%x\r\n%b\r\n" % (size, b"b" * size), b"0\r\n", b"X-T: t\r\n\r\n"]
            return [f"{head}Transfer-Encoding: chunked\r\n\r\n".encode(), *body]
        length = f"{head}Content-Length: {2 * size}\r\n\r\n".encode()
        return [length, b"b" * size, b"b" * size]

    def more_of_a_request(self) -> None:
        client, pieces = self.some_client()
        if pieces:
            self.say(client, pieces)

    def say(self, client: Client, pieces: list[bytes]) -> None:
        """The next pieces, some of them together."""
        count = self.chance.choice([1, 1, 2, len(pieces)])
        if client.lost is None:
            client.transport.write(b"".join(pieces[:count]))
        del pieces[:count]

    def some_client(self) -> tuple[Client, list[bytes]]:
        if not self.clients:
            return Client(), []
        return self.chance.choice(self.clients)

    def a_client_leaves(self) -> None:
        if self.clients:
            client, _ = self.clients.pop(self.chance.randrange(len(self.clients)))
            leave = self.chance.choice(["abortConnection", "loseConnection", "loseWriteConnection"])
            if client.lost is None:
                getattr(client.transport, leave)()

    def a_client_stops_reading(self) -> None:
        client, _ = self.some_client()
        if client.transport is not None and client.lost is None:
            client.transport.pauseProducing()

    def a_client_reads_on(self) -> None:
        client, _ = self.some_client()
        if client.transport is not None and client.lost is None:
            client.transport.resumeProducing()

    # -- the application

    def some_call(self) -> Call | None:
        waiting = [call for call in self.case.host.open if call.path == "/x"]
        return self.chance.choice(waiting) if waiting else None

    def an_answer(self) -> None:
        call = self.some_call()
        if call is None or call.exchange.answer_ended:
            return
        if call.exchange.answer_begun:
            call.end()
        else:
            body = b"a" * self.chance.choice([0, 10, 70_000, 400_000])
            pairs = [(b"Connection", b"close")] * (self.chance.random() < 0.1)
            call.respond(body, 200, *pairs)

    def part_of_an_answer(self) -> None:
        call = self.some_call()
        if call is None or call.exchange.answer_ended:
            return
        if call.exchange.answer_begun:
            call.write(b"a" * self.chance.choice([1, 30_000]))
        elif self.chance.random() < 0.3:
            call.exchange.interim(response(self.chance.choice([100, 103])))
        else:
            call.begin()

    def a_call_is_declined(self) -> None:
        call = self.some_call()
        if call is not None:
            call.exchange.decline("why")

    def an_answer_is_cut(self) -> None:
        call = self.some_call()
        if call is not None:
            call.exchange.connection.cut()

    # -- the rest of the world

    def a_channel_breaks(self) -> None:
        """Or a session. What is cut without a word is found out by TCP, which is not here."""
        links = self.case.links_to(CONTROL)
        if links:
            self.chance.choice(links).reset()

    def an_instance_dies(self) -> None:
        if self.chance.random() < 0.3:
            self.case.kill_instances()

    def time_passes(self) -> None:
        self.case.advance(self.chance.choice([0.05, 0.5, 2.0, 15.0]))

    def the_process_stands_still(self) -> None:
        self.case.clock.advance(self.chance.choice([2.0, 40.0]))

    # -- the end

    def end(self) -> None:
        """Everybody finishes; then nothing waits or runs, and each request was counted once."""
        case = self.case
        for client, _ in self.clients:
            if client.lost is None:
                client.transport.resumeProducing()
        for _ in range(40):
            for client, pieces in self.clients:
                self.say(client, pieces)
            for call in case.host.open:
                if call.path == "/x" and not call.exchange.answer_ended:
                    call.end() if call.exchange.answer_begun else call.respond(b"last")
            case.advance(5)
        for client in self.everybody:
            if client.lost is None:
                client.transport.abortConnection()
        case.network.pump()
        self.check_counts()
        for pool in case.system.parts.pools.all:
            state = pool.router.state()
            case.assertEqual((state["waiting"], state["running"]), (0, 0))
            case.sent += pool.router._arrivals
        case.assertEqual(case.host.open, [])


class StormTests(SystemCase):
    def weather(self, seed: int) -> None:
        self.build(
            max_concurrent_count=1 + seed % 3,
            max_instances=1 + seed % 4,
            channel_count=3 + seed % 5,
            queue_timeout=20,
            first_byte_timeout=20,
            idle_timeout=20,
            client_stall_timeout=20,
            cold_start=seed % 2,
            deadline_margin=5,
        )
        self.system.aws.timeout = (900.0, 60.0)[seed % 2]
        Storm(self, seed).run()
        self.tearDown()
        del self.system

    def test_storms(self) -> None:
        for seed in range(8):
            with self.subTest(seed=seed):
                self.weather(seed)


class PieceByPieceTests(StormTests):
    chunk = 1000
