"""Starting the service: its ports, its backend, and what it tells when it cannot."""

from __future__ import annotations

from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from lambdadispatch.router.certificate import KeyAndCertificate
from lambdadispatch.router.compose import Chances, compose
from lambdadispatch.router.service import RouterService
from tests.memory.network import MemoryNetwork
from tests.memory.stage_host import StageHost
from tests.memory.system import (
    ADMIN,
    BEGINNING,
    CONTROL,
    FRONT,
    Client,
    MemoryBackend,
    MemoryEndpoints,
    MemoryLambda,
    get,
    make_settings,
)
from tests.memory.system_case import SystemCase


class StartingTests(SynchronousTestCase):
    def build(self, **settings: object) -> RouterService:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        chosen = make_settings(**settings)
        self.aws = MemoryLambda(self.clock, self.network, StageHost(self.clock))
        chances = Chances(lambda: 0.5, lambda: "000000", lambda bits: 0)
        parts = compose(
            chosen,
            self.clock,
            self.aws.starter_of,
            self.clock.callLater,
            chances,
            lambda: BEGINNING,
        )
        self.failures: list[str] = []
        self.backend = MemoryBackend()
        return RouterService(
            chosen,
            parts,
            self.clock,
            MemoryEndpoints(self.network),
            self.backend,
            lambda: KeyAndCertificate(b"", b""),
            self.failures.append,
        )

    def test_a_port_in_use_ends_it_and_the_others_are_closed_again(self) -> None:
        for name, port in (("admin-port", ADMIN), ("control-port", CONTROL), ("port", FRONT)):
            service = self.build()
            taken = self.network.listen_endpoint(port).listen(Factory())
            self.successResultOf(taken)
            self.assertRaises(SystemExit, service.privilegedStartService)
            (told,) = self.failures
            self.assertIn(f"--{name} {port}: cannot listen: ", told)
            self.assertIn("0 for a free one", told)
            self.network.pump()
            self.assertEqual(service.ports, {})
            for other in {ADMIN, CONTROL, FRONT} - {port}:
                self.assertRaises(ConnectionRefusedError, self.network.connect, Client(), other)

    def test_the_numbers_of_the_ports(self) -> None:
        service = self.build(port=0, admin_port="off")
        service.privilegedStartService()
        self.assertEqual(list(service.ports), ["control-port", "port"])
        self.assertEqual(service.ports["control-port"], CONTROL)
        self.assertGreaterEqual(service.ports["port"] or 0, 40000)

    def test_a_start_that_was_stopped_is_no_failure(self) -> None:
        service = self.build()
        service.privilegedStartService()
        service.startService()
        service.stopService()
        self.backend.started.errback(ValueError("stopped before credentials were found"))
        self.network.pump()
        self.assertEqual(self.failures, [])

    def test_a_backend_that_does_not_start(self) -> None:
        service = self.build()
        service.privilegedStartService()
        service.startService()
        self.assertEqual(self.failures, [])
        self.backend.started.errback(RuntimeError("no credentials were found"))
        self.assertEqual(self.failures, ["lambdadispatch: no credentials were found"])
        self.assertEqual(self.aws.started, [])

    def test_requests_that_come_before_the_backend_has_started_wait(self) -> None:
        service = self.build()
        service.privilegedStartService()
        service.startService()
        client = Client()
        self.network.connect(client, FRONT).write(get("/now"))
        self.network.advance(5)
        self.assertEqual((client.received, self.aws.started), (b"", []))
        self.backend.started.callback("127.0.0.1")
        self.network.pump()
        self.assertTrue(client.received.endswith(b"now"))

    def test_functions_are_told_where_to_call_back(self) -> None:
        service = self.build(callback_port=7001)
        service.privilegedStartService()
        service.startService()
        self.aws.on_start = lambda running: None
        self.backend.started.callback("10.1.2.3")
        self.network.connect(Client(), FRONT).write(get("/now"))
        self.network.pump()
        callback = self.aws.started[0].payload.callback
        self.assertEqual((callback.host, callback.port, callback.tls), ("10.1.2.3", 7001, False))

    def test_with_local_one_instance_is_started_before_any_request(self) -> None:
        service = self.build(local="the command", control_port=CONTROL, function_name="local")
        service.privilegedStartService()
        service.startService()
        self.backend.started.callback("127.0.0.1")
        self.network.pump()
        self.assertEqual(len(self.aws.started), 1)
        instance = self.aws.started[0].instance
        self.assertIsNot(instance, None)

    def test_with_local_a_stop_before_the_first_instance_serves_who_waits(self) -> None:
        service = self.build(local="the command", control_port=CONTROL, function_name="local")
        service.privilegedStartService()
        service.startService()
        self.aws.cold_start = 5
        self.backend.started.callback("127.0.0.1")
        client = Client()
        self.network.connect(client, FRONT).write(get("/now"))
        self.network.pump()
        stopped = service.stopService()
        self.network.advance(6)
        self.assertTrue(client.received.endswith(b"now"), client.received)
        self.network.advance(10)
        self.successResultOf(stopped)


class ProgressTests(SynchronousTestCase):
    """A router whose start somebody follows, as the parent of several does."""

    def build(self, **settings: object) -> None:
        self.told: list[str] = []
        clock = Clock()
        self.network = MemoryNetwork(clock)
        chosen = make_settings(**settings)
        self.aws = MemoryLambda(clock, self.network, StageHost(clock))
        chances = Chances(lambda: 0.5, lambda: "w1-000000", lambda bits: 0)
        self.backend = MemoryBackend()
        service = RouterService(
            chosen,
            compose(
                chosen, clock, self.aws.starter_of, clock.callLater, chances, lambda: BEGINNING
            ),
            clock,
            MemoryEndpoints(self.network),
            self.backend,
            lambda: KeyAndCertificate(b"", b""),
            self.told.append,
            Following(self.told),
        )
        service.privilegedStartService()
        service.startService()

    def test_with_aws_it_is_ready_when_invocations_can_be_started(self) -> None:
        self.build()
        self.assertEqual(self.told, [])
        self.backend.started.callback("127.0.0.1")
        self.assertEqual(self.told, ["up", "ready"])

    def test_with_a_local_function_it_is_ready_with_its_first_instance(self) -> None:
        self.build(local="the command", control_port=CONTROL, function_name="local")
        self.backend.started.callback("127.0.0.1")
        self.assertEqual(self.told, ["up"])
        self.network.pump()
        self.assertEqual(self.told, ["up", "ready"])
        [running] = self.aws.started
        self.assertEqual(running.payload.invocation, "v1-w1-000000")
        self.assertEqual(running.payload.instance, "i1-w1-000000")

    def test_one_whose_backend_fails_is_not_up(self) -> None:
        self.build()
        self.backend.started.errback(RuntimeError("no credentials were found"))
        self.assertEqual(self.told, ["lambdadispatch: no credentials were found"])


class Following:
    """Keeps what it is told."""

    def __init__(self, told: list[str]) -> None:
        self._told = told

    def up(self) -> None:
        self._told.append("up")

    def ready(self) -> None:
        self._told.append("ready")


class FrontTests(SystemCase):
    def test_the_health_path_is_the_routers(self) -> None:
        self.build(front_health_path="/alive")
        client = self.ask(get("/alive?x"), requests=0)
        self.assertEqual(self.answer(client).body, b"ok\n")
        self.assertEqual(self.system.aws.started, [])

    def test_idle_connections_are_closed_after_their_time(self) -> None:
        self.build(keep_alive_timeout=5)
        begun, used = self.ask(b"", requests=0), self.ask(get("/now"))
        self.advance(4)
        self.assertEqual((begun.lost, used.lost), (None, None))
        self.advance(3)
        self.assertIsNot(begun.lost, None)
        self.assertIsNot(used.lost, None)

    def test_a_working_connection_is_not_idle(self) -> None:
        self.build(keep_alive_timeout=5)
        client = self.ask(get("/wait/20"))
        self.advance(21)
        self.assertEqual(self.answer(client).status, 200)

    def test_the_admin_port_tells_of_health_and_readiness(self) -> None:
        self.build()
        for path in ("/health", "/ready"):
            client = Client()
            self.network.connect(client, ADMIN)
            self.system.send(client, get(path))
            self.assertEqual((self.answer(client).status, self.answer(client).body), (200, b"ok\n"))
            client.transport.loseConnection()
        self.network.pump()

    def test_the_metrics_are_those_of_the_state(self) -> None:
        self.build()
        self.ask(get("/now"))
        refused = self.ask(b"GET / HTTP/1.1\r\n\r\n", requests=0)
        self.assertEqual(self.answer(refused).status, 400)
        self.ask(get("/wait/5"))
        client = Client()
        self.network.connect(client, ADMIN)
        self.system.send(client, get("/metrics"))
        answer = self.answer(client)
        client.transport.loseConnection()
        self.assertEqual(answer.status, 200)
        lines = set(answer.body.decode().splitlines())
        for line in (
            'lambdadispatch_requests_total{outcome="answered",pool="web",worker="0"} 1.0',
            'lambdadispatch_refused_heads_total{reason="bad_host",worker="0"} 1.0',
            'lambdadispatch_invocations_started_total{pool="web",worker="0"} 1.0',
            'lambdadispatch_running{pool="web",worker="0"} 1.0',
            'lambdadispatch_open_instances{pool="web",worker="0"} 1.0',
            'lambdadispatch_worker_up{worker="0"} 1.0',
        ):
            self.assertIn(line, lines)
        self.advance(6)
