"""Limits on clients through the whole system: each has its status, its word and its count."""

from __future__ import annotations

from typing import Any

from tests.memory.system import FRONT, Client, get
from tests.memory.system_case import SystemCase

POST = b"POST /x HTTP/1.1\r\nHost: test\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SIZED = POST + b"Content-Length: 1000\r\n\r\n"


class LimitTests(SystemCase):
    def assert_head_refused(self, raw: bytes, status: int, reason: str, seconds: float = 0) -> None:
        client = self.ask(raw, requests=0, seconds=seconds)
        self.assert_refused(client, status, reason)
        self.assertIsNot(client.lost, None)
        self.assertEqual(self.outcomes("refused_heads"), {reason: 1})
        self.assertEqual(self.outcomes(), {})
        self.assertEqual(self.host.calls, [])

    def test_a_target_too_long(self) -> None:
        self.build(uri_limit=100)
        self.assert_head_refused(get("/" + "x" * 100), 414, "uri_too_long")
        self.ask(get("/" + "x" * 99))
        self.call.respond()

    def test_the_default_of_the_target(self) -> None:
        self.build()
        self.assert_head_refused(get("/" + "x" * 8192), 414, "uri_too_long")
        self.ask(get("/" + "x" * 8191))
        self.call.respond()

    def test_a_declared_body_too_large(self) -> None:
        self.build(body_limit=999)
        self.assert_head_refused(SIZED, 413, "body_too_large")

    def test_a_body_as_large_as_is_allowed(self) -> None:
        self.build(body_limit=1000)
        self.ask(SIZED + bytes(1000))
        self.assertEqual(self.call.body, bytes(1000))
        self.call.respond()

    def test_chunks_too_large_while_the_request_waits(self) -> None:
        self.build(body_limit=4, cold_start=5)
        client = self.ask(CHUNKED + b"5\r\nabcde\r\n")
        self.assertEqual(self.outcomes(), {})
        self.advance(6)
        self.assert_refused(client, 413, "body_too_large")
        self.assertEqual(self.outcomes(), {"body_too_large": 1})

    def test_chunks_too_large_before_the_answer(self) -> None:
        self.build(body_limit=4)
        client = self.ask(CHUNKED + b"4\r\nabcd\r\n")
        self.assertEqual(self.call.body, b"abcd")
        self.send(client, b"1\r\ne\r\n")
        self.assert_refused(client, 413, "body_too_large")
        self.assertEqual(self.call.lost, "client_gone")
        self.assertEqual(self.outcomes(), {"body_too_large": 1})
        self.assertEqual(self.outcomes("refused_heads"), {})

    def test_chunks_too_large_within_the_answer(self) -> None:
        self.build(body_limit=4)
        client = self.ask(CHUNKED)
        self.call.begin(200)
        self.call.write(b"part")
        self.network.pump()
        self.send(client, b"5\r\nabcde\r\n")
        self.assertFalse(self.answer(client).whole)
        self.assertIsNot(client.lost, None)
        self.assertEqual(self.outcomes(), {"body_too_large": 1})

    def test_responses_have_no_limit(self) -> None:
        self.build(body_limit=4)
        client = self.ask(get("/x"))
        self.call.respond(bytes(1000))
        self.network.pump()
        self.assertEqual(self.answer(client).body, bytes(1000))

    def test_a_slow_head(self) -> None:
        self.build(head_timeout=3)
        self.assert_head_refused(get("/x")[:-1], 408, "head_timeout", seconds=5)

    def test_the_default_of_a_slow_head(self) -> None:
        self.build()
        client = self.ask(b"GET", requests=0, seconds=15)
        self.assertEqual(client.received, b"")
        self.advance(2)
        self.assert_refused(client, 408, "head_timeout")

    def test_a_slow_body(self) -> None:
        self.build()
        client = self.ask(SIZED + bytes(10), seconds=20)
        self.assertEqual(client.received, b"")
        self.advance(2)
        self.assert_refused(client, 408, "body_too_slow")
        self.assertEqual(self.call.lost, "client_gone")
        self.assertEqual(self.outcomes(), {"body_too_slow": 1})

    def test_a_body_that_waits_with_its_request_is_not_slow(self) -> None:
        self.build(cold_start=25, queue_timeout=30)
        client = self.ask(SIZED, seconds=26)
        self.assertEqual(client.received, b"")
        self.send(client, bytes(1000))
        self.call.respond()
        self.network.pump()
        self.assertEqual(self.answer(client).status, 200)

    def test_a_client_that_the_application_holds_back_is_not_slow(self) -> None:
        self.build()
        client = self.ask(POST + b"Content-Length: 3000000\r\n\r\n")
        self.call.exchange.pause_body()
        self.send(client, bytes(3_000_000))
        self.advance(100)
        self.assertEqual(client.received, b"")
        self.call.exchange.resume_body()
        self.network.pump()
        self.assertTrue(self.call.whole)
        self.call.respond()

    def test_an_answer_that_is_not_read(self) -> None:
        self.build(client_stall_timeout=5)
        client = self.ask(get("/x"))
        (link,) = self.links_to(FRONT)
        link.freeze("client")
        self.call.begin(200)
        for _ in range(100):
            self.call.write(bytes(16384))
            self.network.pump()
        self.advance(4)
        self.assertEqual(self.outcomes(), {})
        self.advance(3)
        self.assertEqual(self.outcomes(), {"client_stalled": 1})
        self.assertEqual(self.call.lost, "client_gone")
        link.thaw("client")
        self.network.pump()
        self.assertIsNot(client.lost, None)
        self.assertFalse(self.answer(client).whole)

    def test_no_limits(self) -> None:
        self.build(head_timeout=0, body_rate_minimum=0)
        head, body = self.ask(b"GET", requests=0), self.ask(SIZED)
        self.advance(70)
        self.assertEqual((head.received, body.received), (b"", b""))
        self.send(body, bytes(1000))
        self.call.respond()

    def test_requests_on_a_connection(self) -> None:
        self.build(requests_per_connection_limit=2)
        client = self.ask(get("/now") + get("/now") + get("/now"), requests=2)
        first, second = self.answers(client, b"GET", b"GET")
        self.assertEqual((first.status, second.status), (200, 200))
        self.assertEqual(client.received.count(b"Connection: close"), 1)
        self.assertIsNot(client.lost, None)


class ConnectionTests(SystemCase):
    def open(self, number: int) -> list[Client]:
        return [self.ask(b"", requests=0) for _ in range(number)]

    def closed(self, clients: list[Client]) -> list[bool]:
        self.network.pump()
        return [client.lost is not None for client in clients]

    def counted(self) -> Any:
        return self.outcomes("refused_connections")

    def test_all(self) -> None:
        self.build(connection_limit=3)
        clients = self.open(5)
        self.assertEqual(self.closed(clients), [False] * 3 + [True] * 2)
        self.assertEqual(self.counted(), {"connection_limit": 2})
        self.assertEqual(clients[4].received, b"")
        clients[0].transport.loseConnection()
        self.network.pump()
        client = self.ask(get("/now"))
        self.assertEqual(self.answer(client).status, 200)

    def test_of_one_address(self) -> None:
        self.build(connections_per_address_limit=2)
        clients = self.open(3)
        self.assertEqual(self.closed(clients), [False, False, True])
        self.assertEqual(self.counted(), {"address_limit": 1})
        clients[1].transport.abortConnection()
        self.network.pump()
        self.assertEqual(self.closed(self.open(2)), [False, True])

    def test_a_trusted_proxy_has_many(self) -> None:
        self.build(connections_per_address_limit=1, trusted_proxies="127.0.0.1")
        self.assertEqual(self.closed(self.open(3)), [False] * 3)
        self.assertEqual(self.counted(), {})

    def test_the_one_in_all_holds_for_trusted_proxies_too(self) -> None:
        self.build(connection_limit=1, trusted_proxies="127.0.0.1")
        self.assertEqual(self.closed(self.open(2)), [False, True])

    def test_those_turned_away_do_not_count(self) -> None:
        self.build(connection_limit=2, connections_per_address_limit=1)
        self.assertEqual(self.closed(self.open(10)), [False] + [True] * 9)
        self.assertEqual(self.counted(), {"address_limit": 9})
