"""The Runtime API of the local Lambda over HTTP in memory."""

import json
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from lambdadispatch.local import results
from lambdadispatch.local.environment import Environment, State
from lambdadispatch.local.runtime_api import RuntimeApi
from lambdadispatch.local.service import quiet_site
from tests.adapters.local_fakes import FUNCTION, FakeHost, TurnClock, end, invocation, settle

BASE = "/2018-06-01/runtime"
GRACE = 2.0


class Connection:
    """One HTTP connection to a site, with no socket."""

    def __init__(self, site: Any) -> None:
        self.protocol = site.buildProtocol(None)
        self.transport = StringTransport()
        # The channel asks its transport for nothing a plain TCP one would not have.
        self.protocol.makeConnection(self.transport)

    def send(self, method: str, path: str, body: bytes = b"", *headers: str) -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: runtime", f"Content-Length: {len(body)}"]
        head = "\r\n".join([*lines, *headers, "", ""])
        self.protocol.dataReceived(head.encode() + body)

    def received(self) -> tuple[int, dict[str, str], bytes] | None:
        """Return the answer since the last one, or None when there is none yet."""
        data = self.transport.value()
        self.transport.clear()
        if not data:
            return None
        head, _, body = data.partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in rest)
        }
        return int(first.split()[1]), headers, body

    def lose(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))


class RuntimeApiCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = TurnClock()
        self.host = FakeHost(self.clock)
        self.environment = Environment(
            "env-1",
            FUNCTION,
            self.host,
            self.clock,
            idle=lambda environment: None,
            dead=lambda environment: None,
        )
        self.site = quiet_site(RuntimeApi(self.environment, grace=GRACE), self.clock)
        self.connection = Connection(self.site)
        self.invocation, self.results = invocation({"a": 1})
        self.environment.start(self.invocation)

    def call(
        self, method: str, path: str, body: bytes = b"", *headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        self.connection.send(method, BASE + path, body, *headers)
        answer = self.connection.received()
        assert answer is not None, "no answer yet"
        return answer

    def post(self, what: str, body: bytes) -> tuple[int, Any]:
        status, headers, answer = self.call(
            "POST", f"/invocation/{self.invocation.request_id}/{what}", body
        )
        self.assertEqual(headers["content-type"], "application/json")
        return status, json.loads(answer)

    def next(self) -> tuple[int, dict[str, str], bytes]:
        return self.call("GET", "/invocation/next")


class Serving(RuntimeApiCase):
    def test_an_invocation(self) -> None:
        status, headers, body = self.next()
        self.assertEqual((status, body), (200, b'{"a": 1}'))
        self.assertEqual(headers["lambda-runtime-aws-request-id"], self.invocation.request_id)
        self.assertEqual(headers["content-type"], "application/json")
        self.assertEqual(headers["content-length"], "8")
        self.assertEqual(self.post("response", b"[1]"), (202, {"status": "OK"}))
        self.connection.send("GET", f"{BASE}/invocation/next")
        settle(self.clock)
        self.assertEqual(self.results, [results.responded(b"[1]")])
        self.assertIsNone(self.connection.received())
        self.environment.take(invocation("two")[0])
        answer = self.connection.received()
        assert answer is not None
        self.assertEqual((answer[0], answer[2]), (200, b'"two"'))

    def test_an_error(self) -> None:
        self.next()
        self.assertEqual(self.post("error", b'{"errorType":"X"}'), (202, {"status": "OK"}))
        self.connection.send("GET", f"{BASE}/invocation/next")
        settle(self.clock)
        self.assertEqual(self.results, [results.raised(b'{"errorType":"X"}')])

    def test_init_error(self) -> None:
        status, _, _ = self.call(
            "POST", "/init/error", b"", "Lambda-Runtime-Function-Error-Type: Runtime.Mine"
        )
        self.assertEqual(status, 202)
        self.assertIs(self.environment.state, State.STOPPING)
        end(self.host.children[0], code=1)
        self.assertEqual(self.results, [results.init_failed(b"", "Runtime.Mine")])

    def test_a_next_whose_connection_was_lost_is_asked_again(self) -> None:
        self.next()
        self.post("response", b"1")
        self.connection.send("GET", f"{BASE}/invocation/next")
        settle(self.clock)
        self.connection.lose()
        self.environment.take(invocation("two")[0])
        self.connection = Connection(self.site)
        self.assertEqual(self.next()[2], b'"two"')


class Misuse(RuntimeApiCase):
    def test_no_such_path(self) -> None:
        for method, path in [
            ("GET", "/"),
            ("POST", "/invocation/next"),
            ("GET", "/init/error"),
            ("POST", "/invocation/x/other"),
            ("POST", "/invocation/x/response/more"),
            ("DELETE", "/invocation/x/response"),
        ]:
            status, headers, body = self.call(method, path)
            self.assertEqual((status, body), (404, b"404 page not found\n"), path)
            self.assertEqual(headers["content-type"], "text/plain; charset=utf-8")

    def test_another_version(self) -> None:
        self.connection.send("GET", "/2099-01-01/runtime/invocation/next")
        answer = self.connection.received()
        assert answer is not None
        self.assertEqual(answer[0], 404)

    def test_another_request(self) -> None:
        self.next()
        for what in ("response", "error"):
            status, _, body = self.call("POST", f"/invocation/other/{what}", b"1")
            wanted = {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"}
            self.assertEqual((status, json.loads(body)), (400, wanted))

    def test_wrong_states(self) -> None:
        self.assertEqual(self.post("response", b"1")[0], 403)
        self.next()
        self.post("response", b"1")
        status, body = self.post("error", b"2")
        self.assertEqual(status, 403)
        self.assertEqual(
            body,
            {
                "errorMessage": "State transition from RuntimeResponseSentState to "
                "InvocationErrorResponse failed for runtime. Error: State transition is not "
                "allowed",
                "errorType": "InvalidStateTransition",
            },
        )

    def test_too_large(self) -> None:
        self.next()
        status, body = self.post("response", b"x" * (results.MAX_RESPONSE + 1))
        self.assertEqual((status, body["errorType"]), (413, "RequestEntityTooLarge"))
        self.assertIn("6291556 bytes", body["errorMessage"])
