"""Large heads: what the router's settings let through reaches the application and comes back."""

from __future__ import annotations

from lambda_side.hosts.port import PortHost
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.errors import RemoteProtocolError
from tests.memory.system import get
from tests.memory.system_case import SystemCase


class RequestHeadTests(SystemCase):
    def fields_seen(self, count: int) -> int:
        """How many of so many fields the application is sent."""
        client = self.ask(get("/now", *[f"X-{number}: v" for number in range(count - 1)]))
        self.assertEqual(self.answer(client).status, 200)
        return len([each for each in self.call.head.fields.pairs if each[0][:2] == b"X-"])

    def test_as_many_fields_as_the_default_allows(self) -> None:
        self.build()
        self.assertGreaterEqual(self.fields_seen(100), 99)

    def test_as_many_as_a_setting_allows(self) -> None:
        self.build(header_count_limit=10_000, head_limit=1_048_576)
        self.assertGreaterEqual(self.fields_seen(10_000), 9_999)

    def test_as_many_octets_as_are_allowed(self) -> None:
        for limit in (65_536, 1_048_576):
            self.build(head_limit=limit)
            start = len(get("/now", "X-Long: "))
            head = get("/now", "X-Long: " + "x" * (limit - start))
            self.assertEqual(len(head), limit)
            client = self.ask(head)
            self.assertEqual(self.answer(client).status, 200)
            self.assertEqual(len(self.call.head.fields.get(b"x-long") or b""), limit - start)
            self.tearDown()

    def test_one_field_more_is_told_by_the_router(self) -> None:
        self.build()
        client = self.ask(get("/now", *[f"X-{number}: v" for number in range(100)]), requests=0)
        self.assert_refused(client, 431, "too_many_fields")
        self.assertEqual(self.paths, [])


class AnswerHeadTests(SystemCase):
    """The application listens on a port and answers with as many fields as it is asked for."""

    def fields_got(self, count: int) -> int:
        """How many of them the client gets."""

        def answer(exchange: ServerExchange) -> None:
            exchange.respond(200, [(b"X-%d" % number, b"v") for number in range(count)])

        def refuse(exchange: ServerExchange, error: RemoteProtocolError) -> None:
            raise AssertionError(f"the application was sent what is {error}")

        application = HttpServer(answer, refuse)
        listening = self.network.listen_endpoint(8080).listen(application)
        self.addCleanup(self.successResultOf(listening).stopListening)
        endpoint = self.network.connect_endpoint("127.0.0.1", 8080)
        self.system.aws.host = PortHost(self.clock, endpoint, 8080)
        return self.ask(get("/x")).received.count(b"\r\nX-")

    def test_as_many_fields_as_a_setting_allows(self) -> None:
        self.build(header_count_limit=300)
        self.assertEqual(self.fields_got(250), 250)

    def test_more_are_told_by_the_router(self) -> None:
        self.build(header_count_limit=300)
        self.assertEqual(self.fields_got(301), 0)
        self.assertEqual(self.outcomes(), {"bad_answer": 1})
