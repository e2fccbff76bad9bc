"""What the application is told of where a request is from, and what client and log are told."""

from __future__ import annotations

from typing import Any

from tests.memory.system import BEGINNING, Client, get
from tests.memory.system_case import SystemCase

LOOPBACK = "127.0.0.1"
FOUR = [
    (b"X-Forwarded-For", b"127.0.0.1"),
    (b"X-Forwarded-Proto", b"http"),
    (b"X-Forwarded-Port", b"5002"),
    (b"X-Forwarded-Host", b"test"),
]
CLAIMS = (
    "X-Forwarded-For: 6.6.6.6",
    "x-forwarded-proto: https",
    "X_Forwarded_For: 6.6.6.6",
    "X-Forwarded-Host: evil",
    "X-Forwarded-Prefix: /admin",
    "X-Forwarded-User: root",
    "Forwarded: for=6.6.6.6;host=evil",
    "X-Real-IP: 6.6.6.6",
    "X-Request-ID: theirs",
    "X_Request_Id: theirs",
)
TRACE = b"%08x%024x" % (int(BEGINNING.timestamp()), 96)
AMZN = b"Root=1-%b-%b" % (TRACE[:8], TRACE[8:])
W3C = b"00-%b-%016x-00" % (TRACE, 64)
THEIR_AMZN = "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1"
THEIR_W3C = "00-67891233abcdef012345678912345678-b7ad6b7169203331-01"


def made(number: int) -> bytes:
    """The id of the request of this number, by the chances of the test system."""
    return b"%016x-%x" % (64, number)


class ForwardingCase(SystemCase):
    def sees(self, *lines: str, host: str = "test") -> list[tuple[bytes, bytes]]:
        """The fields that the application is given after Host for a GET with these lines."""
        raw = get("/x", *lines).replace(b"Host: test", b"Host: " + host.encode())
        client = self.ask(raw)
        (first, *rest) = self.call.head.fields.pairs
        self.assertEqual(first, (b"Host", host.encode()))
        self.call.respond()
        self.network.pump()
        self.last = client
        return rest

    def build(self, cold_start: float = 0.0, **settings: Any) -> Any:
        return super().build(cold_start, **({"request_id_header": "off"} | settings))


class UntrustedTests(ForwardingCase):
    def test_by_default_the_four_are_there(self) -> None:
        self.build()
        self.assertEqual(self.sees("X-A: b"), [(b"X-A", b"b"), *FOUR])

    def test_what_a_client_claims_is_replaced(self) -> None:
        for kind in ("x-forwarded", "forwarded", "both", "off"):
            self.build(forwarding=kind, request_id_header="x-request-id")
            names = [name for name, _ in self.sees(*CLAIMS, "X-A: b")]
            with_claims = self.sees(*CLAIMS, "X-A: b")
            without = self.sees("X-A: b")
            self.assertEqual(with_claims[:-1], without[:-1])
            self.assertEqual(names.count(b"x-request-id"), 1)
            self.assertNotIn("6.6.6.6", str(with_claims))
            self.assertNotIn("theirs", str(with_claims))
            self.tearDown()

    def test_connection_cannot_name_them_away(self) -> None:
        self.build(forwarding="both")
        plain = self.sees()
        self.assertEqual(self.sees("Connection: x-forwarded-for, forwarded"), plain)

    def test_the_same_head_again_and_another_host(self) -> None:
        self.build()
        for host in ("test", "test", "other:80", "test"):
            self.assertEqual(
                self.sees(*CLAIMS, host=host)[-1], (b"X-Forwarded-Host", host.encode())
            )

    def test_one_connection_with_many_hosts(self) -> None:
        self.build()
        client = self.ask(b"", requests=0)
        for host in (b"a", b"b", b"a", b"b:1"):
            self.send(client, get("/x").replace(b"Host: test", b"Host: " + host), 1)
            self.assertEqual(self.call.head.fields.get_all(b"x-forwarded-host"), [host])
            self.call.respond()
            self.network.pump()

    def test_forwarded(self) -> None:
        self.build(forwarding="forwarded")
        self.assertEqual(self.sees(), [(b"Forwarded", b"for=127.0.0.1;proto=http;host=test")])
        (only,) = self.sees(host="test:80")
        self.assertEqual(only, (b"Forwarded", b'for=127.0.0.1;proto=http;host="test:80"'))

    def test_both(self) -> None:
        self.build(forwarding="both")
        forwarded = (b"Forwarded", b"for=127.0.0.1;proto=http;host=test")
        self.assertEqual(self.sees(), [*FOUR, forwarded])

    def test_off_adds_nothing(self) -> None:
        self.build(forwarding="off")
        self.assertEqual(self.sees("X-A: b"), [(b"X-A", b"b")])

    def test_a_request_without_a_host(self) -> None:
        for host in (b"", b"Host: \r\n"):
            self.build(forwarding="both")
            self.ask(b"GET /x HTTP/1.0\r\n%b\r\n" % host)
            pairs = self.call.head.fields.pairs
            forwarded = (b"Forwarded", b"for=127.0.0.1;proto=http")
            self.assertEqual(sorted(pairs), sorted([(b"Host", b""), *FOUR[:3], forwarded]))
            self.call.respond()
            self.tearDown()

    def test_claims_in_trailers_are_dropped(self) -> None:
        self.build()
        self.ask(
            b"POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\nX-Forwarded-For: 6.6.6.6\r\nX-Sum: 1\r\n\r\n"
        )
        self.assertEqual(self.call.trailers, ((b"X-Sum", b"1"),))
        self.call.respond()


class ByteByByteUntrustedTests(UntrustedTests):
    chunk = 1


class TrustedTests(ForwardingCase):
    def build(self, cold_start: float = 0.0, **settings: Any) -> Any:
        return super().build(cold_start, trusted_proxies="10.0.0.0/8,127.0.0.0/8", **settings)

    def test_another_network_is_not_trusted(self) -> None:
        SystemCase.build(self, trusted_proxies="10.0.0.0/8", request_id_header="off")
        self.assertEqual(self.sees("X-Forwarded-For: 1.2.3.4"), FOUR)

    def test_the_list_is_extended_and_the_rest_kept(self) -> None:
        self.build()
        seen = self.sees(
            "X-Forwarded-For: 1.2.3.4, 5.6.7.8",
            "X-Forwarded-Proto: https",
            "X-A: b",
            "x-forwarded-for: 9.9.9.9",
            "X-Forwarded-Port: 443",
            "X-Forwarded-Host: shop.example",
            "X-Forwarded-Prefix: /shop",
        )
        self.assertEqual(
            seen,
            [
                (b"X-A", b"b"),
                (b"X-Forwarded-Prefix", b"/shop"),
                (b"X-Forwarded-For", b"1.2.3.4, 5.6.7.8, 9.9.9.9, 127.0.0.1"),
                (b"X-Forwarded-Proto", b"https"),
                (b"X-Forwarded-Port", b"443"),
                (b"X-Forwarded-Host", b"shop.example"),
            ],
        )

    def test_what_a_proxy_did_not_say_is_said_here(self) -> None:
        self.build()
        self.assertEqual(sorted(self.sees()), sorted(FOUR))
        seen = dict(self.sees("X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https"))
        self.assertEqual(seen[b"X-Forwarded-For"], b"1.2.3.4, 127.0.0.1")
        self.assertEqual(seen[b"X-Forwarded-Proto"], b"https")
        self.assertEqual(seen[b"X-Forwarded-Port"], b"5002")
        self.assertEqual(seen[b"X-Forwarded-Host"], b"test")

    def test_only_the_kind_that_is_written_is_passed_on(self) -> None:
        """A balancer that keeps up one kind passes on what a client wrote into the other."""
        self.build()
        seen = self.sees("Forwarded: for=6.6.6.6", "X_Forwarded_For: 6.6.6.6")
        self.assertEqual(sorted(seen), sorted(FOUR))
        self.tearDown()
        self.build(forwarding="forwarded")
        seen = self.sees("X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "Forwarded: for=a")
        expected = b"for=a, for=127.0.0.1;proto=http;host=test"
        self.assertEqual(seen, [(b"Forwarded", expected)])

    def test_elements_of_several_fields(self) -> None:
        self.build(forwarding="forwarded")
        seen = self.sees('Forwarded: for="[::1]:5";host="a,b"', "forwarded: for=_x")
        expected = b'for="[::1]:5";host="a,b", for=_x, for=127.0.0.1;proto=http;host=test'
        self.assertEqual(seen, [(b"Forwarded", expected)])

    def test_what_breaks_the_grammar_is_not_extended(self) -> None:
        self.build(forwarding="forwarded")
        for broken in ('for="1.2.3.4', "for=a b", "nonsense", "for=::1"):
            seen = self.sees(f"Forwarded: {broken}")
            self.assertEqual(seen, [(b"Forwarded", b"for=127.0.0.1;proto=http;host=test")])

    def test_off_passes_everything_on(self) -> None:
        self.build(forwarding="off")
        lines = [line for line in CLAIMS if "equest" not in line]
        seen = self.sees(*lines)
        self.assertEqual([b": ".join(pair).decode() for pair in seen], lines)


class RequestIdTests(ForwardingCase):
    def build(self, cold_start: float = 0.0, **settings: Any) -> Any:
        return SystemCase.build(self, cold_start, forwarding="off", **settings)

    def told(self, client: Client) -> list[bytes]:
        """The ids on the answer to a client."""
        return self.answer(client).head.fields.get_all(b"x-request-id")

    def logged(self) -> list[Any]:
        return [event["request_id"] for event in self.events if "request_id" in event]

    def test_it_is_given_to_application_client_and_log(self) -> None:
        self.build()
        for number in (1, 2, 3):
            self.assertEqual(self.sees(), [(b"x-request-id", made(number))])
            self.assertEqual(self.told(self.last), [made(number)])
        self.assertEqual(self.logged(), [made(n).decode() for n in (1, 2, 3)])
        self.assertEqual({e["client"] for e in self.events if "client" in e}, {LOOPBACK})

    def test_the_applications_own_is_replaced(self) -> None:
        self.build()
        client = self.ask(get("/x"))
        self.call.respond(b"", 200, (b"X-Request-Id", b"mine"), (b"X-Kept", b"1"))
        self.network.pump()
        self.assertEqual(self.told(client), [made(1)])
        self.assertEqual(self.answer(client).head.fields.get(b"x-kept"), b"1")

    def test_a_trusted_one_is_kept(self) -> None:
        self.build(trusted_proxies=LOOPBACK)
        self.assertEqual(self.sees("X-REQUEST-ID: abc/1.2~3"), [(b"x-request-id", b"abc/1.2~3")])
        self.assertEqual(self.told(self.last), [b"abc/1.2~3"])
        self.assertEqual(self.logged(), ["abc/1.2~3"])

    def test_what_cannot_be_an_id_is_replaced_though_trusted(self) -> None:
        self.build(trusted_proxies=LOOPBACK)
        given = [["X-Request-Id: " + "x" * 201], ["X-Request-Id: \u00e4"], ["X-Request-Id: a b"]]
        given += [["X-Request-Id:"], ["X-Request-Id: a", "x_request_id: b"]]
        for number, lines in enumerate(given, 1):
            self.assertEqual(self.sees(*lines), [(b"x-request-id", made(number))])

    def test_another_name(self) -> None:
        self.build(request_id_header="X-Correlation")
        expected = [(b"X-Request-Id", b"theirs"), (b"X-Correlation", made(1))]
        self.assertEqual(self.sees("X-Request-Id: theirs", "x-correlation: theirs"), expected)

    def test_off(self) -> None:
        self.build(request_id_header="off")
        self.assertEqual(self.sees("X-Request-Id: theirs"), [(b"X-Request-Id", b"theirs")])
        client = self.ask(get("/x"))
        self.call.respond(b"", 200, (b"X-Request-Id", b"mine"))
        self.network.pump()
        self.assertEqual(self.told(client), [b"mine"])
        self.assertEqual(self.logged(), [None, None])

    def test_every_answer_of_the_router_has_one(self) -> None:
        self.build(front_health_path="/alive", queue_limit=1, queue_timeout="1s", cold_start=60)
        waiting = self.ask(get("/x"))
        full = self.ask(get("/x"))
        health = self.ask(get("/alive"), requests=0)
        malformed = self.ask(b"GET / HTTP/1.1\r\n\r\n", requests=0)
        self.advance(2)
        ids = [self.told(client) for client in (waiting, full, health, malformed)]
        self.assertEqual(ids, [[made(number)] for number in (1, 2, 3, 4)])
        statuses = [self.answer(c).status for c in (waiting, full, health, malformed)]
        self.assertEqual(statuses, [504, 503, 200, 400])

    def test_a_body_that_breaks_a_rule_is_answered_with_the_id_of_its_request(self) -> None:
        self.build()
        client = self.ask(
            b"POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
        )
        self.assertEqual(self.told(client), [made(1)])
        self.assertEqual(self.logged(), [made(1).decode()])

    def test_a_lost_answer_has_the_id_too(self) -> None:
        self.build(retry_limit=0)
        client = self.ask(get("/x"))
        self.kill_instances()
        self.assertEqual((self.answer(client).status, self.told(client)), (502, [made(1)]))
        self.host.calls.clear()


class ByteByByteRequestIdTests(RequestIdTests):
    chunk = 1


class SentAgainTests(ForwardingCase):
    """A request that is sent to another instance says the same there."""

    def sent_twice(self, *lines: str) -> list[tuple[bytes, bytes]]:
        self.build(trusted_proxies="127.0.0.0/8", forwarding="both", max_instances=1, trace="both")
        client = self.ask(get("/x", *lines))
        self.kill_instances()
        self.advance(0.1)
        first, second = (list(call.head.fields.pairs) for call in self.host.calls)
        self.assertEqual(first, second)
        self.call.respond()
        self.network.pump()
        self.assertEqual(self.answer(client).status, 200)
        return second

    def test_what_is_made_is_made_once(self) -> None:
        said = dict(self.sent_twice())
        self.assertEqual((said[b"X-Forwarded-For"], said[b"traceparent"]), (b"127.0.0.1", W3C))

    def test_a_list_is_extended_once(self) -> None:
        said = self.sent_twice(
            "X-Forwarded-For: 1.2.3.4",
            "X-Forwarded-Proto: https",
            "Forwarded: for=1.2.3.4",
            f"traceparent: {THEIR_W3C}",
        )
        found = dict(said)
        self.assertEqual(len(found), len(said))
        self.assertEqual(found[b"X-Forwarded-For"], b"1.2.3.4, 127.0.0.1")
        self.assertEqual(found[b"X-Forwarded-Proto"], b"https")
        self.assertEqual(found[b"Forwarded"], b"for=1.2.3.4, for=127.0.0.1;proto=http;host=test")
        self.assertEqual(found[b"traceparent"], THEIR_W3C.encode())

    def test_its_id_stays(self) -> None:
        self.build(max_instances=1, request_id_header="x-request-id")
        client = self.ask(get("/x"))
        self.kill_instances()
        self.advance(0.1)
        told = [call.head.fields.get(b"x-request-id") for call in self.host.calls]
        self.assertEqual(told, [made(1), made(1)])
        self.call.respond()
        self.network.pump()
        self.assertIn(b"x-request-id: " + made(1), client.received)


class TraceTests(ForwardingCase):
    def build(self, cold_start: float = 0.0, **settings: Any) -> Any:
        return super().build(cold_start, forwarding="off", **settings)

    def test_by_default_they_are_passed_on_as_they_came(self) -> None:
        self.build()
        for line in ("X-Amzn-Trace-Id: x", "traceparent: x"):
            self.assertEqual(self.sees(line), [tuple(line.encode().split(b": "))])
        self.assertEqual(self.sees(), [])

    def test_what_is_missing_is_made(self) -> None:
        amzn, w3c = (b"X-Amzn-Trace-Id", AMZN), (b"traceparent", W3C)
        made_for = {"x-amzn-trace-id": [amzn], "traceparent": [w3c], "both": [amzn, w3c]}
        for trace, expected in made_for.items():
            self.build(trace=trace)
            self.assertEqual(self.sees(), expected)
            broken = self.sees("X-Amzn-Trace-Id: x", "traceparent: x", "tracestate: a=b")
            kept = {b"X-Amzn-Trace-Id": b"x", b"traceparent": b"x"}
            self.assertEqual(
                dict(broken),
                kept
                | dict(expected)
                | ({b"tracestate": b"a=b"} if trace == "x-amzn-trace-id" else {}),
            )
            self.tearDown()

    def test_what_is_well_formed_is_kept(self) -> None:
        lines = [f"X-Amzn-Trace-Id: {THEIR_AMZN}", f"traceparent: {THEIR_W3C}", "tracestate: a=b"]
        for trace in ("x-amzn-trace-id", "traceparent", "both"):
            self.build(trace=trace)
            self.assertEqual([b": ".join(pair).decode() for pair in self.sees(*lines)], lines)
            self.tearDown()

    def test_one_that_came_twice_is_replaced(self) -> None:
        self.build(trace="traceparent")
        self.assertEqual(self.sees(*[f"traceparent: {THEIR_W3C}"] * 2), [(b"traceparent", W3C)])

    def test_the_other_is_made_of_the_one_that_came(self) -> None:
        self.build(trace="both")
        seen = dict(self.sees(f"X-Amzn-Trace-Id: {THEIR_AMZN}"))
        self.assertEqual(seen[b"traceparent"].split(b"-")[1], THEIR_W3C.split("-")[1].encode())
        seen = dict(self.sees(f"traceparent: {THEIR_W3C}"))
        self.assertEqual(seen[b"X-Amzn-Trace-Id"], THEIR_AMZN.partition(";")[0].encode())
        self.assertEqual(seen[b"traceparent"], THEIR_W3C.encode())
