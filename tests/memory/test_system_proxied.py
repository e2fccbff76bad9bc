"""The PROXY protocol on the client port: whose address counts, and what is turned away."""

from __future__ import annotations

from typing import Any

from tests.memory.system import Client, get
from tests.memory.system_case import SystemCase
from tests.wire.test_proxy_protocol import BAD, UNIX, V4, V6, ends, line, v2

TEXT = line(V4)
BINARY = v2(0x21, 0x21, ends(V6) + b"\x04\x00\x01x")


class ProxiedTests(SystemCase):
    def build(self, cold_start: float = 0.0, **settings: Any) -> Any:
        return super().build(cold_start, **({"proxy_protocol": "on"} | settings))

    def told(self, header: bytes, *lines: str) -> dict[bytes, bytes]:
        """What the application is told of a request behind this header."""
        self.client = self.ask(header + get("/x", *lines))
        fields = dict(self.call.head.fields.pairs)
        self.call.respond()
        self.network.pump()
        self.assertEqual(self.answer(self.client).status, 200)
        return {n: v for n, v in fields.items() if n.startswith((b"X-F", b"Forw"))}

    def logged(self) -> list[Any]:
        return [event["client"] for event in self.events if "client" in event]

    def assert_turned_away(self, client: Client, reason: str, count: int = 1) -> None:
        self.assertEqual(client.received, b"")
        self.assertIsNot(client.lost, None)
        self.assertEqual(self.outcomes("refused_connections"), {reason: count})
        self.assertEqual(self.outcomes("refused_heads"), {})

    def test_the_application_and_the_log_hear_of_the_client(self) -> None:
        self.build(forwarding="both")
        self.assertEqual(
            self.told(TEXT),
            {
                b"X-Forwarded-For": b"192.0.2.1",
                b"X-Forwarded-Proto": b"http",
                b"X-Forwarded-Port": b"443",
                b"X-Forwarded-Host": b"test",
                b"Forwarded": b"for=192.0.2.1;proto=http;host=test",
            },
        )
        told = self.told(BINARY)
        self.assertEqual(told[b"X-Forwarded-For"], b"2001:db8::1")
        self.assertEqual(told[b"X-Forwarded-Port"], b"65535")
        self.assertEqual(told[b"Forwarded"], b'for="[2001:db8::1]";proto=http;host=test')
        self.assertEqual(self.logged(), ["192.0.2.1", "2001:db8::1"])

    def test_the_connections_own_ends(self) -> None:
        self.build()
        for header in (b"PROXY UNKNOWN\r\n", v2(0x20, 0, b""), v2(0x21, 0, b"x")):
            told = self.told(header)
            self.assertEqual(told[b"X-Forwarded-For"], b"127.0.0.1")
            self.assertEqual(told[b"X-Forwarded-Port"], b"5002")

    def test_a_client_without_an_address(self) -> None:
        self.build(forwarding="both", trusted_proxies="0.0.0.0/0,::/0")
        told = self.told(v2(0x21, 0x31, UNIX), "X-Forwarded-For: 6.6.6.6")
        self.assertEqual(told[b"X-Forwarded-For"], b"unknown")
        self.assertEqual(told[b"Forwarded"], b"for=unknown;proto=http;host=test")
        self.assertNotIn(b"X-Forwarded-Port", told)

    def test_requests_and_bytes_that_follow(self) -> None:
        self.build()
        body = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n"
        client = self.ask(TEXT + get("/now") + body + TEXT[:2], requests=2)
        self.assertEqual(self.call.body, b"PR")
        self.send(client, b"OX" + get("/now"), 1)
        self.assertEqual(self.call.body, b"PROX")
        self.call.respond()
        self.network.pump()
        statuses = [each.status for each in self.answers(client, b"GET", b"POST", b"GET")]
        self.assertEqual(statuses, [200, 200, 200])

    def test_a_second_header_is_not_http(self) -> None:
        self.build()
        client = self.ask(TEXT + TEXT + b"\r\n", requests=0)
        self.assert_refused(client, 400, "bad_request_line")

    def test_without_a_good_header_nothing_is_served(self) -> None:
        for name in ("HTTP", "TLS", "a line too long by one", "IPv4 too short", "LF alone"):
            self.build()
            client = self.ask(BAD[name] + get("/now"), requests=0)
            self.assert_turned_away(client, "bad_proxy_header")
            self.assertEqual(self.host.calls, [])
            self.tearDown()

    def test_a_header_that_does_not_come(self) -> None:
        self.build(head_timeout=3)
        silent, slow = self.ask(b"", requests=0), self.ask(TEXT[:-1], requests=0)
        whole = self.ask(TEXT, requests=0)
        self.advance(3)
        self.assertEqual((silent.lost, slow.lost), (None, None))
        self.advance(2)
        self.assert_turned_away(silent, "proxy_header_timeout", 2)
        self.assertIsNot(slow.lost, None)
        self.assertIs(whole.lost, None)

    def test_behind_the_header_the_limits_of_clients_hold(self) -> None:
        self.build(head_timeout=3)
        client = self.ask(TEXT + b"GET", requests=0, seconds=5)
        self.assert_refused(client, 408, "head_timeout")

    def test_only_trusted_proxies_may_pass_on(self) -> None:
        self.build(trusted_proxies="10.0.0.0/8")
        client = self.ask(TEXT + get("/now"), requests=0)
        self.assert_turned_away(client, "untrusted_proxy")

    def test_the_client_is_not_trusted_because_the_proxy_is(self) -> None:
        self.build(trusted_proxies="127.0.0.1")
        told = self.told(TEXT, "X-Forwarded-For: 6.6.6.6")
        self.assertEqual(told[b"X-Forwarded-For"], b"192.0.2.1")

    def test_a_trusted_client_behind_a_trusted_proxy(self) -> None:
        """As with a CDN before a load balancer."""
        self.build(trusted_proxies="127.0.0.1,192.0.2.0/24")
        told = self.told(TEXT, "X-Forwarded-For: 9.9.9.9")
        self.assertEqual(told[b"X-Forwarded-For"], b"9.9.9.9, 192.0.2.1")

    def test_connections_count_by_the_clients_address(self) -> None:
        self.build(connections_per_address_limit=1)
        first, other = self.ask(TEXT, requests=0), self.ask(BINARY, requests=0)
        second = self.ask(TEXT + get("/now"), requests=0)
        self.assertEqual((first.lost, other.lost), (None, None))
        self.assert_turned_away(second, "address_limit")
        first.transport.loseConnection()
        self.network.pump()
        self.told(TEXT)

    def test_connections_in_all_count_before_their_header(self) -> None:
        self.build(connection_limit=1)
        self.ask(b"", requests=0)
        self.assert_turned_away(self.ask(TEXT, requests=0), "connection_limit")

    def test_drain_closes_connections_that_have_sent_no_header(self) -> None:
        self.build()
        client = self.ask(TEXT[:5], requests=0)
        self.stop()
        self.assertIsNot(client.lost, None)
        self.assertEqual(client.received, b"")

    def test_a_client_that_leaves_within_its_header(self) -> None:
        self.build()
        client = self.ask(TEXT[:5], requests=0)
        client.transport.loseConnection()
        self.network.pump()
        self.assertEqual(self.outcomes("refused_connections"), {})
        self.assertEqual(len(self.system.parts.front.connections), 0)


class ByteByByteProxiedTests(ProxiedTests):
    chunk = 1


class WithoutTests(SystemCase):
    def test_without_it_a_header_is_not_http(self) -> None:
        self.build(trusted_proxies="127.0.0.1")
        for header, reason in ((TEXT, "bad_request_line"), (BINARY, "bare_lf")):
            client = self.ask(header + get("/now"), requests=0)
            self.assertEqual(self.answer(client).status, 400)
            self.assertIn(reason, client.received.decode())
