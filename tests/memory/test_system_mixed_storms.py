"""Storms over two pools that may sleep, with tunnels, HTTP/2, starts that fail, and a drain amidst.

See ``test_system_storms``: a history is made of its seed. The pool ``tunnels`` hosts an application
on a port, ``web`` one that the test plays.
"""

from __future__ import annotations

from collections.abc import Callable

from lambda_side.hosts.port import PortHost
from lambdadispatch.invoker.outcomes import Outcome
from tests.memory.http2_client import Http2Client, Response
from tests.memory.system import FRONT, WITH_TLS, Client, get
from tests.memory.system_case import SystemCase, refused
from tests.memory.test_system_storms import Storm
from tests.memory.tunnel_case import ASK, OK, PORT, SWITCH, Application, ApplicationFactory
from tests.wire.test_websocket import CLOSE, KEY, frame

DRAIN_STEPS = 20
ROUTES = "ws.example.com=tunnels, test=web"
ASK_TUNNEL = ASK.replace(b"Host: test", b"Host: ws.example.com")
HTTP2_BODY = [None, None, b"", b"b" * 10, b"b" * 100_000]


class MixedStorm(Storm):
    """One history, made of a seed; ``case.app`` is the application of ``tunnels``."""

    case: MixedStormTests
    steps = 90

    def __init__(self, case: MixedStormTests, seed: int) -> None:
        super().__init__(case, seed)
        self.tunnels: list[Client] = []
        self.http2: list[Http2Client] = []
        self.unrouted: list[Client] = []
        self.given_up: set[Response] = set()

    def some_steps(self) -> list[Callable[[], None]]:
        return [
            *super().some_steps(),
            *[self.a_tunnel] * 5,
            *[self.a_client_writes_frames] * 3,
            *[self.the_application_writes_frames] * 3,
            self.an_end_says_close,
            self.the_application_closes,
            self.a_client_of_http2,
            *[self.a_request_of_http2] * 5,
            *[self.more_of_a_body_of_http2] * 2,
            self.a_stream_is_reset,
            self.windows_are_opened,
            self.a_client_of_http2_leaves,
            self.nobody_is_asked,
            self.starts_fail_or_not,
            self.an_invocation_fails,
        ]

    # -- tunnels

    def a_tunnel(self) -> None:
        client = self.case.system.client()
        self.everybody.append(client)
        self.tunnels.append(client)
        ask = get("/silent", "Host: ws.example.com").replace(b"Host: test\r\n", b"", 1)
        client.transport.write(self.chance.choice([ASK_TUNNEL] * 4 + [ask]))

    def a_client_writes_frames(self) -> None:
        self.write_of_client(frame(b"a" * self.chance.choice([1, 70_000]), key=KEY))

    def write_of_client(self, data: bytes) -> None:
        if self.tunnels:
            client = self.chance.choice(self.tunnels)
            if client.lost is None and client.received.startswith(SWITCH[:12]):
                client.transport.write(data[: self.chance.choice([1, len(data), len(data)])])

    def some_application(self) -> Application | None:
        open_ones = [each for each in self.case.app.connections if each.ended is None]
        return self.chance.choice(open_ones) if open_ones else None

    def the_application_writes_frames(self) -> None:
        application = self.some_application()
        if application is not None and b"/ws " in application.head:
            application.send(frame(b"b" * self.chance.choice([1, 300_000])))

    def an_end_says_close(self) -> None:
        application = self.some_application()
        if self.chance.random() < 0.5:
            self.write_of_client(frame(b"\x03\xe8", CLOSE, KEY))
        elif application is not None and b"/ws " in application.head:
            application.send(frame(b"\x03\xe8", CLOSE))

    def the_application_closes(self) -> None:
        application = self.some_application()
        if application is not None:
            end = self.chance.choice(["abortConnection", "loseConnection"])
            getattr(application.transport, end)()

    # -- HTTP/2

    def a_client_of_http2(self) -> None:
        client = Http2Client(self.chance.choice([1000, 65535]), takes=self.chance.random() < 0.7)
        self.case.network.connect(client, FRONT, agreed=b"h2")
        self.case.network.pump()
        self.http2.append(client)

    def some_of_http2(self) -> Http2Client | None:
        there = [each for each in self.http2 if each.lost is None and each.goaway is None]
        return self.chance.choice(there) if there else None

    def a_request_of_http2(self) -> None:
        client = self.some_of_http2()
        if client is None:
            return
        body = self.chance.choice(HTTP2_BODY)
        path = self.chance.choice([b"/now", b"/wait/3", b"/x", b"/x", b"/echo"])
        method = b"GET" if body is None else self.chance.choice([b"POST", b"PUT"])
        client.ask(path, method=method, body=body, end=self.chance.random() < 0.6)

    def some_stream(self, *, unfinished: bool) -> tuple[Http2Client, Response] | None:
        client = self.some_of_http2()
        if client is None:
            return None
        streams = [
            each
            for number, each in client.streams.items()
            if not each.ended
            and each.reset is None
            and each not in self.given_up
            and (not unfinished or number in client.pending)
        ]
        return (client, self.chance.choice(streams)) if streams else None

    def more_of_a_body_of_http2(self) -> None:
        found = self.some_stream(unfinished=True)
        if found is not None:
            found[0].send(found[1], b"c" * self.chance.choice([1, 30_000]), end=True)

    def a_stream_is_reset(self) -> None:
        found = self.some_stream(unfinished=False)
        if found is not None:
            client, response = found
            self.given_up.add(response)
            client.pending.pop(client.number(response), None)
            client.reset(response)

    def windows_are_opened(self) -> None:
        client = self.some_of_http2()
        if client is not None:
            for stream in tuple(client.unopened):
                if client.streams[stream].reset is None and not client.streams[stream].ended:
                    client.open(stream)

    def a_client_of_http2_leaves(self) -> None:
        client = self.some_of_http2()
        if client is not None:
            leave = self.chance.choice(["abortConnection", "loseConnection"])
            getattr(client.transport, leave)()

    # -- the rest

    def nobody_is_asked(self) -> None:
        self.unrouted.append(self.case.system.client())
        self.unrouted[-1].transport.write(get("/x").replace(b"Host: test", b"Host: other"))

    def starts_fail_or_not(self) -> None:
        aws, pool = self.case.system.aws, self.chance.choice(["web", "tunnels"])
        if aws.refused.pop(pool, None) is None and self.chance.random() < 0.5:
            aws.refused[pool] = refused(self.chance.choice([403, 429]))

    def an_invocation_fails(self) -> None:
        started = self.case.system.aws.started
        if started and self.chance.random() < 0.5:
            self.chance.choice(started).end(Outcome.FUNCTION_ERROR, message="crashed")

    # -- the end

    def check_counts(self) -> None:
        super().check_counts()
        if not self.case.system.service.running:
            return
        refused_ones = self.case.state()["since_start"]["requests"].get("unknown_route", 0)
        self.case.assertEqual(refused_ones, len(self.unrouted))
        self.case.assertEqual({each.received[9:12] for each in self.unrouted} - {b"404"}, set())

    def end(self) -> None:
        if self.chance.random() < 0.4:
            self.end_by_a_drain()
            return
        self.case.system.aws.refused.clear()
        for client in self.http2:
            if client.lost is None:
                client.transport.abortConnection()
        for client in self.unrouted:
            client.transport.abortConnection()
        super().end()
        self.case.sent += len(self.unrouted)
        self.case.advance(600)
        awake = [pool.name for pool in self.case.system.parts.pools.all if pool.awake]
        self.case.assertEqual(awake, [])

    def end_by_a_drain(self) -> None:
        """Whatever waits and runs then, and while much still happens."""
        case = self.case
        stopped = case.system.service.stopService()
        self.go_on(self.steps_without_newcomers(), DRAIN_STEPS)
        for client in self.everybody:
            if client.lost is None:
                client.transport.resumeProducing()
        case.advance(40)
        case.successResultOf(stopped)
        for running in case.system.aws.started:
            running.end(Outcome.RETURNED, b"{}")
        case.advance(20)
        self.check_pools_are_empty()

    def steps_without_newcomers(self) -> list[Callable[[], None]]:
        """Nobody can connect any more."""
        connect = [self.a_request, self.a_tunnel, self.a_client_of_http2, self.nobody_is_asked]
        return [step for step in self.some_steps() if step not in connect]

    def check_pools_are_empty(self) -> None:
        for pool in self.case.system.parts.pools.all:
            state = pool.router.state()
            self.case.assertEqual((state["waiting"], state["running"]), (0, 0))
            self.case.assertEqual(state["tunnels"], 0)
            self.case.assertEqual(sum(pool.counts.requests.values()), pool.router._arrivals)


def answer(storm: MixedStorm) -> Callable[[Application], None]:
    """What the application does when it is asked, by chance."""

    def script(application: Application) -> None:
        chance = storm.chance.random()
        if application.head.startswith(b"GET /silent ") or chance < 0.1:
            return
        if chance < 0.2:
            application.transport.loseConnection()
        elif chance < 0.3:
            application.send(OK)
            application.head = b""
        else:
            application.send(SWITCH + frame(b"hello") * (chance < 0.5))

    return script


class MixedStormTests(SystemCase):
    def weather(self, seed: int) -> None:
        self.build(
            **WITH_TLS,
            function_name=None,
            routes=ROUTES,
            max_concurrent_count=1 + seed % 3,
            max_instances=1 + seed % 4,
            channel_count=3 + seed % 5,
            queue_timeout=20,
            first_byte_timeout=20,
            idle_timeout=20,
            tunnel_idle_timeout=(0, 20)[seed % 2],
            total_timeout=(0, 60)[seed // 2 % 2],
            client_stall_timeout=20,
            cold_start=seed % 2,
            instance_idle=(0.25, 30)[seed // 4 % 2],
            deadline_margin=5,
        )
        self.system.aws.timeout = (900.0, 60.0)[seed % 2]
        self.app = ApplicationFactory()
        self.successResultOf(self.network.listen_endpoint(PORT).listen(self.app))
        endpoint = self.network.connect_endpoint("127.0.0.1", PORT)
        self.system.aws.hosts["tunnels"] = PortHost(self.clock, endpoint, PORT)
        storm = MixedStorm(self, seed)
        self.app.script = answer(storm)
        storm.run()
        self.tearDown()
        del self.system

    def test_storms(self) -> None:
        for seed in range(8):
            with self.subTest(seed=seed):
                self.weather(seed)


class PieceByPieceTests(MixedStormTests):
    chunk = 1000
