"""Several functions behind one router: each has what is its own, and the others never notice."""

from __future__ import annotations

from collections import Counter
from typing import Any

from lambdadispatch.invoker.outcomes import Outcome
from lambdadispatch.wire.control import upgrade_request
from lambdadispatch.wire.heads import render_own
from lambdadispatch.wire.payload import InvokePayload
from lambdadispatch.wire.proof import CHANNEL, SESSION
from tests.memory.stage_host import Call, StageHost
from tests.memory.system import ADMIN, CONTROL, Client, Running, System, get
from tests.memory.system_case import SystemCase, refused

ROUTES = "orders.example.com=orders, */static=assets, */=web"
POOLS = ("orders", "assets", "web")


def asked_of(host: str, path: str, *lines: str) -> bytes:
    return get(path, *lines).replace(b"Host: test", f"Host: {host}".encode())


class PoolsCase(SystemCase):
    """A system of three pools, each with an application of its own."""

    routes = ROUTES
    pools = POOLS

    def build(
        self,
        cold_start: float = 0.0,
        file: dict[str, Any] | None = None,
        **settings: Any,
    ) -> System:
        settings = {"function_name": None, "routes": self.routes} | settings
        system = super().build(cold_start, file=file, **settings)
        self.hosts = {name: StageHost(self.clock) for name in self.pools}
        system.aws.hosts.update(self.hosts)
        return system

    def open_calls(self) -> list[Call]:
        return [call for host in self.hosts.values() for call in host.open]

    def served(self) -> dict[str, list[str]]:
        """What each application was asked for."""
        return {name: [call.path for call in host.calls] for name, host in self.hosts.items()}

    def invoked(self) -> Counter[str]:
        """The functions that were invoked."""
        return Counter(running.function for running in self.system.aws.started)

    def of(self, name: str) -> Any:
        """What there is of one pool, by /state."""
        return self.state()["pools"][name]

    def page(self, path: str) -> tuple[int, str]:
        """Status and body of a page of the admin port."""
        client = Client()
        self.network.connect(client, ADMIN)
        self.system.send(client, get(path))
        answer = self.answer(client)
        client.transport.loseConnection()
        self.network.pump()
        return answer.status, answer.body.decode()

    def messages(self) -> list[str]:
        """The log."""
        return [
            event["log_format"].format(**event) for event in self.events if "log_format" in event
        ]


class RoutingTests(PoolsCase):
    def test_each_request_goes_to_the_function_of_its_route_as_it_came(self) -> None:
        self.build()
        for raw, pool, target in (
            (asked_of("orders.example.com", "/now"), "orders", "/now"),
            (asked_of("Orders.Example.COM.:5002", "/now/static"), "orders", "/now/static"),
            (asked_of("orders.example.com", "/now/?static"), "orders", "/now/?static"),
            (asked_of("www.example.com", "/now"), "web", "/now"),
            (get("/now/static"), "web", "/now/static"),
            (get("/now/%73tatic/../static"), "web", "/now/%73tatic/../static"),
            (b"GET http://orders.example.com/now HTTP/1.0\r\n\r\n", "orders", "/now"),
            (b"GET /now HTTP/1.0\r\n\r\n", "web", "/now"),
        ):
            before = len(self.hosts[pool].calls)
            self.assertEqual(self.answer(self.ask(raw)).status, 200)
            self.assertEqual([call.path for call in self.hosts[pool].calls][before:], [target])
        self.assertEqual(self.invoked(), {"orders": 1, "web": 1})
        self.assertEqual(self.host.calls, [])

    def test_a_prefix_takes_what_is_below_it(self) -> None:
        self.build()
        clients = [
            self.ask(get(path)) for path in ("/static/a", "/static?b", "/staticc", "//static")
        ]
        self.assertEqual(
            self.served(),
            {"orders": [], "assets": ["/static/a", "/static?b"], "web": ["/staticc", "//static"]},
        )
        for call in self.open_calls():
            call.respond(b"")
        self.network.pump()
        self.assertEqual([self.answer(client).status for client in clients], [200] * 4)

    def test_options_of_the_server_is_for_the_route_of_all_paths(self) -> None:
        self.build()
        client = self.ask(b"OPTIONS * HTTP/1.1\r\nHost: any\r\n\r\n")
        self.hosts["web"].calls[0].respond(b"")
        self.network.pump()
        self.assertEqual(self.answer(client).status, 200)
        self.assertEqual(self.served()["web"], ["*"])

    def test_requests_of_one_connection_go_where_each_belongs(self) -> None:
        self.build()
        client = self.ask(get("/now"))
        self.send(client, asked_of("orders.example.com", "/now") * 2, requests=2)
        self.send(client, get("/now"), requests=1)
        self.assertEqual([each.body for each in self.answers(client, *[b"GET"] * 4)], [b"now"] * 4)
        self.assertEqual(
            self.served(), {"orders": ["/now"] * 2, "assets": [], "web": ["/now", "/now"]}
        )

    def test_a_pool_called_otherwise_than_its_function(self) -> None:
        self.build(file={"pools": {"orders": {"function-name": "shop-orders"}}})
        self.ask(asked_of("orders.example.com", "/now"))
        [running] = self.system.aws.started
        self.assertEqual((running.function, running.payload.pool), ("shop-orders", "orders"))

    def test_an_instance_is_told_what_holds_for_its_pool(self) -> None:
        own = {"max-concurrent-count": 3, "channel-count": 4, "instance-idle": "2s"}
        self.build(file={"pools": {"orders": own}})
        self.ask(asked_of("orders.example.com", "/now"))
        self.ask(get("/now"))
        found = {running.payload.pool: running.payload for running in self.system.aws.started}
        self.assertEqual((found["orders"].concurrency, found["orders"].channels), (3, 4))
        self.assertEqual((found["web"].concurrency, found["web"].channels), (10, 20))
        self.assertEqual((found["orders"].idle, found["web"].idle), (2.0, 60.0))
        self.assertEqual(self.of("orders")["idle_channels"], 4)


class RoutingByteByByteTests(RoutingTests):
    chunk = 1


class UnroutedTests(PoolsCase):
    routes = "orders.example.com=orders, example.com/static=assets"
    pools = ("orders", "assets")

    def test_what_no_route_takes_is_404_and_nothing_is_invoked(self) -> None:
        self.build()
        for raw in (
            asked_of("example.com", "/"),
            asked_of("other.example.com", "/static"),
            asked_of("example.com.evil", "/static/x"),
            b"GET / HTTP/1.0\r\n\r\n",
            b"OPTIONS * HTTP/1.1\r\nHost: example.com\r\n\r\n",
        ):
            self.assert_refused(self.ask(raw), 404, "unknown_route")
        self.advance(300)
        self.assertEqual(self.invoked(), {})
        self.assertEqual(self.outcomes(), {"unknown_route": 5})
        for name in self.pools:
            pool = self.of(name)
            self.assertEqual((pool["waiting"], pool["since_start"]["requests"]), (0, {}))

    def test_a_body_is_not_waited_for_and_not_taken_for_a_request(self) -> None:
        self.build()
        head = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 90\r\n\r\n"
        client = self.ask(head)
        self.assert_refused(client, 404, "unknown_route")
        self.send(client, asked_of("orders.example.com", "/now"))
        self.assertEqual(self.invoked(), {})

    def test_the_connection_goes_on(self) -> None:
        self.build()
        client = self.ask(asked_of("a", "/x"))
        self.send(client, asked_of("orders.example.com", "/now"), requests=1)
        self.assertEqual([each.status for each in self.answers(client, b"GET", b"GET")], [404, 200])

    def test_the_health_path_is_answered_whatever_the_host(self) -> None:
        self.build(front_health_path="/up")
        for host in ("nobody", "orders.example.com"):
            client = self.ask(asked_of(host, "/up"), requests=0)
            self.assertEqual(self.answer(client).body, b"ok\n")
        self.assertEqual(self.invoked(), {})

    def test_it_has_a_request_id_and_a_line_in_the_log(self) -> None:
        self.build()
        client = self.ask(asked_of("a.b", "/x"))
        told = self.answer(client).field("x-request-id")
        [line] = [each for each in self.messages() if each.startswith("request ")]
        self.assertEqual(
            line,
            "request GET /x: unknown_route, arrival None, assignment None, attempts 1, invocation "
            f"None, instance None, channel None, client 127.0.0.1, id {told}, host a.b, pool None",
        )

    def test_with_a_function_for_the_rest_there_is_none(self) -> None:
        self.pools = ("orders", "assets", "web")
        self.build(function_name="web")
        self.assertEqual(self.answer(self.ask(asked_of("a", "/now"))).status, 200)
        self.assertEqual(self.invoked(), {"web": 1})

    def test_a_route_for_all_goes_before_the_function_for_the_rest(self) -> None:
        self.pools = ("orders", "web")
        self.build(routes="*/=orders", function_name="web")
        self.ask(get("/now"))
        self.assertEqual(self.invoked(), {"orders": 1})


class ApartTests(PoolsCase):
    def test_a_function_that_cannot_start_holds_up_no_other(self) -> None:
        self.build()
        self.system.aws.refused["orders"] = refused()
        lost = self.ask(asked_of("orders.example.com", "/now"))
        self.assert_refused(lost, 503, "invoke_refused")
        later = [self.ask(asked_of("orders.example.com", "/now")) for _ in range(3)]
        for _ in range(3):
            self.assertEqual(self.answer(self.ask(get("/now"))).body, b"now")
        self.assertEqual(self.of("orders")["capacity"]["brake"], "back_off")
        self.assertEqual((self.of("orders")["waiting"], self.of("web")["waiting"]), (3, 0))
        self.assertEqual(self.of("web")["capacity"]["failed_starts"], 0)
        self.assertEqual(self.invoked(), {"orders": 1, "web": 1})
        self.advance(2)
        for client in later:
            self.assert_refused(client, 503, "invoke_refused")
        self.assertEqual(self.answer(self.ask(get("/now"))).body, b"now")

    def test_each_pool_pays_for_its_own_starts(self) -> None:
        """Budget, start rate and breaker: what one has used up is not missing elsewhere."""
        pools = {"orders": {"budget-invocations-per-minute": 2}, "assets": {"start-burst": 1}}
        self.build(60.0, file={"start-rate": 1, "pools": pools}, max_concurrent_count=1)
        for raw in (asked_of("orders.example.com", "/x"), get("/static/x"), get("/x")):
            for _ in range(4):
                self.ask(raw)
        self.assertEqual(self.invoked(), {"orders": 2, "assets": 1, "web": 3})
        brakes = {name: self.of(name)["capacity"]["brake"] for name in POOLS}
        held = {"orders": "budget_invocations", "assets": "start_rate", "web": None}
        self.assertEqual(brakes, held)
        self.advance(59)
        self.assertEqual(self.invoked(), {"orders": 2, "assets": 3, "web": 3})

    def test_lines_and_limits_are_those_of_each_pool(self) -> None:
        file = {"queue-limit": 2, "pools": {"web": {"queue-limit": 5, "max-instances": 1}}}
        self.build(60.0, file=file)
        orders = [self.ask(asked_of("orders.example.com", "/now")) for _ in range(4)]
        web = [self.ask(get("/now")) for _ in range(4)]
        for client in orders[2:]:
            self.assert_refused(client, 503, "queue_full")
        self.assertEqual((self.of("orders")["waiting"], self.of("web")["waiting"]), (2, 4))
        self.assertEqual(self.invoked()["web"], 1)
        self.advance(61)
        told = [self.answer(each).status for each in (*orders[:2], *web)]
        self.assertEqual(told, [504] * 6)

    def test_a_pool_that_is_full_leaves_the_others_their_slots(self) -> None:
        self.build(max_concurrent_count=1, max_instances=1, channel_count=1)
        for _ in range(3):
            self.ask(get("/x"))
        self.assertEqual((self.of("web")["running"], self.of("web")["waiting"]), (1, 2))
        client = self.ask(asked_of("orders.example.com", "/now"))
        self.assertEqual(self.answer(client).body, b"now")
        self.assertEqual(self.of("web")["waiting"], 2)

    def test_a_lost_instance_is_replaced_in_its_pool_only(self) -> None:
        self.build()
        self.ask(get("/x"))
        self.ask(asked_of("orders.example.com", "/y"))
        [web] = [each for each in self.system.aws.started if each.function == "web"]
        web.end(Outcome.FUNCTION_ERROR)
        self.advance(1)
        self.assertEqual(self.served(), {"orders": ["/y"], "assets": [], "web": ["/x", "/x"]})
        self.assertEqual(self.invoked(), {"orders": 1, "web": 2})
        self.assertEqual(self.of("orders")["since_start"]["channels"], {})
        self.assertEqual(self.of("web")["since_start"]["retries"], {"lost": 1})

    def test_a_pool_whose_tick_fails_keeps_none_of_the_others_from_theirs(self) -> None:
        def fail() -> int:
            raise ZeroDivisionError("at what the schedule says")

        self.build(60.0, queue_timeout=2)
        # The minimum is asked for at each tick, and no setting makes that fail.
        broken = self.system.parts.pools.by_name["orders"].router
        broken._minimum = fail
        client = self.ask(get("/x"), seconds=2.2)
        self.assert_refused(client, 504, "queue_timeout")
        self.assertGreaterEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 20)
        broken._minimum = None


class TwoCallersCase(PoolsCase):
    """The test is an instance of ``orders`` and one of ``web``."""

    def setUp(self) -> None:
        self.build(forwarding="off", request_id_header="off")
        self.held: dict[str, InvokePayload] = {}
        self.nonces = 0
        self.system.aws.on_start = self.hold
        self.orders = self.ask(asked_of("orders.example.com", "/for-orders"))
        self.web = self.ask(get("/for-web"))

    def hold(self, running: Running) -> None:
        self.held[running.payload.pool] = running.payload

    def open_calls(self) -> list[Call]:
        running = sum(pool["running"] for pool in self.state()["pools"].values())
        return [None] * running  # type: ignore[list-item]  # nobody here plays an application

    def opening(self, pool: str, purpose: str, instance: str | None = None) -> Client:
        """Send what opens a connection with what the instance of ``pool`` has been told."""
        self.nonces += 1
        mine, nonce = self.held[pool], f"{self.nonces:032x}"
        head = upgrade_request("127.0.0.1", instance or mine.instance, purpose, mine.secret, nonce)
        client = Client()
        self.network.connect(client, CONTROL)
        self.system.send(client, render_own(head))
        return client

    def admitted(self, pool: str, purpose: str) -> Client:
        client = self.opening(pool, purpose)
        self.assertTrue(client.received.startswith(b"HTTP/1.1 101 "), client.received)
        return client


class CallersTests(TwoCallersCase):
    def test_the_channels_of_an_instance_serve_its_pool_and_no_other(self) -> None:
        self.admitted("orders", SESSION)
        channels = [self.admitted("orders", CHANNEL) for _ in range(5)]
        [busy] = [each for each in channels if b"GET" in each.received]
        self.assertIn(b"GET /for-orders ", busy.received)
        self.assertEqual((self.of("orders")["running"], self.of("web")["waiting"]), (1, 1))
        self.assertEqual(
            (self.of("orders")["idle_channels"], self.of("web")["idle_channels"]), (4, 0)
        )
        # Idle channels of one pool are nothing to those who wait in another, however long.
        self.advance(5)
        self.assertFalse(any(b"/for-web" in each.received for each in channels))
        self.system.send(busy, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        self.assertEqual(self.answer(self.orders).body, b"hi")
        self.assertFalse(any(b"/for-web" in each.received for each in channels))
        self.advance(6)
        self.assert_refused(self.web, 504, "queue_timeout")

    def test_the_secret_of_one_pool_opens_nothing_in_the_name_of_another(self) -> None:
        self.assertNotEqual(self.held["orders"].instance, self.held["web"].instance)
        self.assertNotEqual(self.held["orders"].secret, self.held["web"].secret)
        self.admitted("orders", SESSION)
        for purpose in (SESSION, CHANNEL):
            client = self.opening("orders", purpose, self.held["web"].instance)
            self.assert_refused(client, 403, "bad_proof")
        self.admitted("web", SESSION)
        client = self.opening("orders", CHANNEL, self.held["web"].instance)
        self.assert_refused(client, 403, "bad_proof")
        self.assertEqual(self.outcomes("denied"), {"bad_proof": 3})
        self.assertEqual(self.of("web")["idle_channels"], 0)

    def test_what_an_instance_reports_moves_its_own_pool(self) -> None:
        sessions = {pool: self.admitted(pool, SESSION) for pool in ("orders", "web")}
        for pool in sessions:
            self.admitted(pool, CHANNEL)
        self.system.send(sessions["orders"], b'{"kind":"leaving","reason":"deadline"}\n')
        self.assertEqual(self.of("orders")["draining_instances"], 1)
        self.assertEqual(self.of("web")["draining_instances"], 0)
        self.assertIn(b"drain", sessions["orders"].received)
        self.assertNotIn(b"drain", sessions["web"].received)


class TogetherTests(PoolsCase):
    def test_the_state_and_the_metrics_tell_pools_apart(self) -> None:
        self.build()
        self.ask(asked_of("orders.example.com", "/now"))
        for _ in range(2):
            self.ask(get("/now"))
        self.ask(get("/wait/5"))
        state = self.state()
        self.assertEqual(list(state["pools"]), list(POOLS))
        told = {name: pool["since_start"]["requests"] for name, pool in state["pools"].items()}
        self.assertEqual(told, {"orders": {"answered": 1}, "assets": {}, "web": {"answered": 2}})
        self.assertEqual(state["since_start"]["requests"], {"answered": 3})
        self.assertEqual(state["since_start"]["invocations_started"], 2)
        lines = set(self.page("/metrics")[1].splitlines())
        for line in (
            'requests_total{outcome="answered",pool="orders",worker="0"} 1.0',
            'requests_total{outcome="answered",pool="assets",worker="0"} 0.0',
            'requests_total{outcome="answered",pool="web",worker="0"} 2.0',
            'requests_total{outcome="unknown_route",pool="",worker="0"} 0.0',
            'invocations_started_total{pool="web",worker="0"} 1.0',
            'running{pool="orders",worker="0"} 0.0',
            'running{pool="web",worker="0"} 1.0',
        ):
            self.assertIn(f"lambdadispatch_{line}", lines)
        self.advance(6)

    def test_the_logs_name_the_pool(self) -> None:
        self.build()
        self.ask(asked_of("orders.example.com", "/now"))
        text = "\n".join(self.messages())
        [running] = self.system.aws.started
        name = running.payload.instance
        for line in (
            f"started for instance {name} of pool orders\n",
            f"instance {name} of pool orders is ready in environment e-1",
        ):
            self.assertIn(line, text)
        self.assertRegex(
            text, f"instance {name} of invocation \\S+ of pool orders called back after"
        )
        self.assertRegex(
            text, "request GET /now: answered, .*, host orders.example.com, pool orders"
        )

    def test_ready_as_long_as_one_pool_would_serve(self) -> None:
        self.build()
        for name in POOLS:
            self.system.aws.refused[name] = refused()
        asks = {
            "orders": asked_of("orders.example.com", "/x"),
            "assets": get("/static"),
            "web": get("/x"),
        }
        for name, raw in asks.items():
            self.assertEqual(self.page("/ready"), (200, "ok\n"), name)
            self.ask(raw)
        self.assertEqual(self.page("/ready"), (503, "start_failed\n"))
        self.advance(60)
        self.assertEqual(self.page("/ready"), (200, "ok\n"))

    def test_where_none_would_serve_each_reason_is_told(self) -> None:
        self.pools = ("a", "b")
        tables = {"b": {"budget-invocations-per-minute": 1}}
        self.build(routes="a=a, b=b", file={"pools": tables})
        self.system.aws.refused |= {"a": refused(), "b": refused()}
        self.ask(asked_of("b", "/x"))
        self.advance(2)
        self.ask(asked_of("b", "/x"))
        self.ask(asked_of("a", "/x"))
        self.assertEqual(self.page("/ready"), (503, "a: start_failed\nb: budget_spent\n"))

    def test_a_drain_serves_what_all_pools_have_accepted(self) -> None:
        self.build(1.0)
        clients = [
            self.ask(asked_of("orders.example.com", "/wait/1")),
            self.ask(get("/wait/3")),
            self.ask(get("/static/wait")),
        ]
        stopped = self.system.service.stopService()
        self.advance(2.5)
        self.assertNoResult(stopped)
        self.hosts["assets"].calls[0].respond(b"late")
        self.advance(0.1)
        self.assertNoResult(stopped)
        self.assertEqual(self.page("/ready"), (503, "draining\n"))
        self.advance(2)
        self.successResultOf(stopped)
        self.assertEqual([self.answer(each).status for each in clients], [200] * 3)

    def test_after_the_time_for_it_those_who_wait_are_refused_in_all_pools(self) -> None:
        self.build(60.0, drain_timeout=2, queue_timeout=100)
        clients = [self.ask(asked_of("orders.example.com", "/x")), self.ask(get("/x"))]
        stopped = self.system.service.stopService()
        self.advance(2.1)
        for client in clients:
            self.assert_refused(client, 503, "draining")
        self.advance(40)
        self.successResultOf(stopped)

    def test_with_local_functions_it_is_ready_without_an_instance(self) -> None:
        commands = {"local": "the command", "control_port": CONTROL, "control_tls_port": None}
        self.build(**commands)
        self.assertTrue(any("with functions: 3" in line for line in self.messages()))
        self.advance(60)
        self.assertEqual(self.system.aws.started, [])
        self.assertEqual(self.answer(self.ask(get("/now"))).body, b"now")
