"""Invoke calls from start to outcome, against a Lambda service in memory."""

from dataclasses import replace

from botocore.credentials import ReadOnlyCredentials
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from lambdadispatch.invoker.aws_lookup import AwsSettingsError
from lambdadispatch.invoker.function_ref import FunctionRef
from lambdadispatch.invoker.invoker import PAYLOAD_LIMIT, Invoker
from lambdadispatch.invoker.outcomes import InvokeResult, Outcome
from tests.adapters.invoker_fakes import (
    ACCESS,
    LATER_KEYS,
    Answer,
    FakeService,
    FakeSource,
    MemoryNetwork,
    logged,
)

FUNCTION = FunctionRef("shop", "live")


class CallsCase(SynchronousTestCase):
    """A running invoker, its service and the network between them."""

    def setUp(self) -> None:
        self.service = FakeService()
        self.network = MemoryNetwork(self.service)
        self.addCleanup(self.network.close)
        self.source = FakeSource()
        self.invoker = Invoker(self.network.reactor, self.source, FUNCTION)
        self.successResultOf(self.invoker.start())

    def invoke(self, payload: bytes = b"{}", name: str = "i-1") -> Deferred[InvokeResult]:
        ended = self.invoker.invoke(payload, invocation=name)
        self.network.accept()
        return ended

    def outcome_of(self, answer: Answer) -> InvokeResult:
        self.service.answers.append(answer)
        return self.successResultOf(self.invoke())

    def assert_nothing_left(self) -> None:
        self.assertEqual(self.invoker.open_calls, 0)
        self.assertEqual(
            [call for call in self.network.reactor.getDelayedCalls() if call.getTime() > 100], []
        )


class AnswerTests(CallsCase):
    def test_a_function_returns(self) -> None:
        self.service.answers.append(Answer(200, {"X-Amzn-RequestId": "r-7"}, b'{"served": 3}'))
        result = self.successResultOf(self.invoke(b'{"a": 1}'))
        self.assertEqual(
            result,
            InvokeResult(
                Outcome.RETURNED, 200, None, "the function returned", b'{"served": 3}', "r-7"
            ),
        )
        self.assert_nothing_left()

    def test_what_is_sent(self) -> None:
        self.outcome_of(Answer())
        (call,) = self.service.calls
        self.assertEqual(call.method, "POST")
        self.assertEqual(call.uri, "/2015-03-31/functions/shop/invocations?Qualifier=live")
        self.assertEqual(call.headers["x-amz-invocation-type"], "RequestResponse")
        self.assertEqual(call.headers["connection"], "close")
        self.assertEqual(call.headers["content-length"], "2")
        self.assertEqual(call.headers["x-amz-security-token"], ACCESS.credentials.token)
        self.assertEqual(call.body, b"{}")

    def test_a_large_payload_is_sent_whole(self) -> None:
        payload = b'"' + b"x" * 3_000_000 + b'"'
        self.service.answers.append(Answer())
        self.successResultOf(self.invoke(payload))
        self.assertEqual(self.service.calls[0].body, payload)

    def test_a_function_error(self) -> None:
        body = b'{"errorMessage": "boom", "errorType": "ValueError"}'
        result = self.outcome_of(Answer(200, {"X-Amz-Function-Error": "Unhandled"}, body))
        self.assertEqual(result.outcome, Outcome.FUNCTION_ERROR)
        self.assertEqual(result.error_type, "ValueError")
        self.assertEqual(result.payload, body)

    def test_a_timeout_of_the_function(self) -> None:
        body = b'{"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 3.00 s"}'
        result = self.outcome_of(Answer(200, {"X-Amz-Function-Error": "Unhandled"}, body))
        self.assertEqual(result.outcome, Outcome.TIMED_OUT)

    def test_throttling(self) -> None:
        headers = {"X-Amzn-ErrorType": "TooManyRequestsException"}
        result = self.outcome_of(Answer(429, headers, b'{"message": "Rate exceeded"}'))
        self.assertEqual(result.outcome, Outcome.THROTTLED)
        self.assertEqual(len(self.service.calls), 1)

    def test_refusals(self) -> None:
        headers = {"X-Amzn-ErrorType": "ResourceNotFoundException:http://x/"}
        for status in (400, 403, 404, 500, 503):
            result = self.outcome_of(Answer(status, headers, b'{"Message": "none"}'))
            self.assertEqual(result.outcome, Outcome.REFUSED)
            self.assertEqual(result.error_type, "ResourceNotFoundException")
            self.assertEqual(result.status, status)
        self.assertEqual(len(self.service.calls), 5)

    def test_a_redirect_is_not_followed(self) -> None:
        result = self.outcome_of(Answer(307, {"Location": "http://elsewhere.test/"}))
        self.assertEqual(result.outcome, Outcome.REFUSED)
        self.assertEqual(self.network.reactor.tcpClients, [])

    def test_cookies_are_not_carried_to_the_next_call(self) -> None:
        self.outcome_of(Answer(200, {"Set-Cookie": "a=b; Path=/"}))
        self.outcome_of(Answer())
        self.assertNotIn("cookie", self.service.calls[1].headers)

    def test_a_payload_of_the_limit_is_whole(self) -> None:
        result = self.outcome_of(Answer(body=b"x" * PAYLOAD_LIMIT))
        self.assertEqual(len(result.payload), PAYLOAD_LIMIT)

    def test_a_longer_payload_is_cut_and_the_connection_closed(self) -> None:
        result = self.outcome_of(Answer(body=b"x" * (PAYLOAD_LIMIT + 1)))
        self.assertEqual(result.outcome, Outcome.RETURNED)
        self.assertEqual(len(result.payload), PAYLOAD_LIMIT)
        self.assertTrue(self.network.transports[0].disconnected)

    def test_every_connection_is_closed_after_its_answer(self) -> None:
        self.outcome_of(Answer())
        self.outcome_of(Answer())
        self.assertEqual(len(self.network.transports), 2)
        self.assertTrue(all(transport.disconnected for transport in self.network.transports))


class ManyCallsTests(CallsCase):
    def test_hundreds_are_open_at_once_each_on_its_own_connection(self) -> None:
        ends = [self.invoke(b"%d" % n, f"i-{n}") for n in range(200)]
        self.assertEqual(self.invoker.open_calls, 200)
        self.assertEqual(len(self.network.transports), 200)
        for call in reversed(self.service.calls):
            self.service.answer(call.request, Answer(body=call.body))
        self.network.flush()
        self.assertEqual(
            [self.successResultOf(end).payload for end in ends], [b"%d" % n for n in range(200)]
        )
        self.assert_nothing_left()

    def test_each_call_is_signed_with_the_credentials_of_its_time(self) -> None:
        self.outcome_of(Answer())
        self.source.access = replace(ACCESS, credentials=LATER_KEYS)
        self.outcome_of(Answer())
        first, second = (call.headers["authorization"] for call in self.service.calls)
        self.assertIn("Credential=AKIDEXAMPLE/", first)
        self.assertIn("Credential=AKIDLATER/", second)


class LostCallTests(CallsCase):
    def assert_lost(self, ended: Deferred[InvokeResult], said: str) -> InvokeResult:
        result = self.successResultOf(ended)
        self.assertEqual(result.outcome, Outcome.INVOKE_LOST)
        self.assertIn(said, result.message)
        self.assert_nothing_left()
        return result

    def test_the_connection_is_refused(self) -> None:
        ended = self.invoker.invoke(b"{}", invocation="i-1")
        self.network.refuse()
        result = self.assert_lost(ended, "ConnectionRefusedError")
        self.assertIsNone(result.status)

    def test_the_connection_cannot_be_made_in_time(self) -> None:
        self.invoker.invoke(b"{}", invocation="i-1")
        (_, _, _, timeout, _) = self.network.reactor.tcpClients[0]
        self.assertEqual(timeout, 10.0)

    def test_the_connection_is_cut_before_the_answer(self) -> None:
        ended = self.invoke()
        self.assertNoResult(ended)
        self.network.cut()
        self.assertIsNone(self.assert_lost(ended, "Connection").status)

    def begin_answer(self, status: int) -> Deferred[InvokeResult]:
        ended = self.invoke()
        request = self.service.calls[-1].request
        request.setResponseCode(status)
        request.setHeader("Content-Length", "100")
        request.setHeader("X-Amzn-RequestId", "r-5")
        request.write(b'{"begun": ')
        self.network.flush()
        self.assertNoResult(ended)
        return ended

    def test_the_connection_is_cut_in_the_answer(self) -> None:
        ended = self.begin_answer(200)
        self.network.cut()
        result = self.assert_lost(ended, "Connection")
        self.assertEqual((result.status, result.request_id), (200, "r-5"))

    def test_a_refusal_cut_in_its_body_is_still_a_refusal(self) -> None:
        ended = self.begin_answer(429)
        self.network.cut()
        self.assertEqual(self.successResultOf(ended).outcome, Outcome.THROTTLED)
        self.assert_nothing_left()

    def test_no_answer_at_all(self) -> None:
        ended = self.invoke()
        self.network.reactor.advance(959)
        self.assertNoResult(ended)
        self.network.reactor.advance(1)
        self.assert_lost(ended, "no answer in 960 s")
        self.network.flush()
        self.assertTrue(self.network.transports[0].disconnected)

    def test_an_answer_that_never_ends(self) -> None:
        for status in (200, 500):
            ended = self.begin_answer(status)
            self.network.reactor.advance(960)
            result = self.assert_lost(ended, "no answer in 960 s")
            self.assertEqual(result.status, status)
            self.network.flush()
            self.assertTrue(self.network.transports[-1].disconnected)

    def test_a_connection_that_is_never_made(self) -> None:
        ended = self.invoker.invoke(b"{}", invocation="i-1")
        self.network.reactor.advance(960)
        self.assert_lost(ended, "no answer in 960 s")

    def test_the_longest_time_is_an_argument(self) -> None:
        invoker = Invoker(self.network.reactor, self.source, FUNCTION, longest=5)
        self.successResultOf(invoker.start())
        ended = invoker.invoke(b"{}", invocation="i-1")
        self.network.reactor.advance(5)
        self.assertEqual(self.successResultOf(ended).message, "no answer in 5 s")

    def test_something_else_than_http_answers(self) -> None:
        ended = self.invoke()
        self.service.calls[0].request.channel.transport.write(b"SSH-2.0-x\r\n")
        self.network.flush()
        self.network.cut()
        self.assert_lost(ended, "")

    def test_a_call_that_cannot_be_signed(self) -> None:
        unusable = ReadOnlyCredentials("AKID", "secret", 17)  # type: ignore[arg-type]
        self.source.access = replace(ACCESS, credentials=unusable)
        self.assert_lost(self.invoker.invoke(b"{}", invocation="i-1"), "Error: ")

    def test_an_endpoint_that_cannot_be_reached_this_way(self) -> None:
        for endpoint, said in (("gopher://a.test", "SchemeNotSupported"), ("http://a_b", "a_b")):
            self.source.access = replace(ACCESS, endpoint=endpoint)
            self.assert_lost(self.invoker.invoke(b"{}", invocation="i-1"), said)


class CancellingTests(CallsCase):
    def test_cancel_all_ends_every_open_call(self) -> None:
        waiting = [self.invoke(name="i-1"), self.invoke(name="i-2")]
        connecting = self.invoker.invoke(b"{}", invocation="i-3")
        self.invoker.cancel_all()
        for ended in (*waiting, connecting):
            result = self.successResultOf(ended)
            self.assertEqual(result.outcome, Outcome.INVOKE_LOST)
            self.assertEqual(result.message, "the call was cancelled")
        self.network.flush()
        self.assertTrue(all(transport.disconnected for transport in self.network.transports))
        self.assert_nothing_left()

    def test_cancel_all_with_nothing_open(self) -> None:
        self.invoker.cancel_all()
        self.assertEqual(self.outcome_of(Answer()).outcome, Outcome.RETURNED)

    def test_cancelling_the_deferred_ends_that_call_only(self) -> None:
        first, second = self.invoke(name="i-1"), self.invoke(name="i-2")
        first.cancel()
        self.assertEqual(self.successResultOf(first).outcome, Outcome.INVOKE_LOST)
        self.assertNoResult(second)
        self.assertEqual(self.invoker.open_calls, 1)
        self.service.answer(self.service.calls[1].request, Answer())
        self.network.flush()
        self.assertEqual(self.successResultOf(second).outcome, Outcome.RETURNED)

    def test_an_answer_after_the_end_changes_nothing(self) -> None:
        ended = self.invoke()
        self.invoker.cancel_all()
        result = self.successResultOf(ended)
        self.service.answer(self.service.calls[0].request, Answer())
        self.network.flush()
        self.assertEqual(result.outcome, Outcome.INVOKE_LOST)
        self.assertEqual(self.invoker.open_calls, 0)


class RunningTests(CallsCase):
    def test_before_start_nothing_is_sent(self) -> None:
        invoker = Invoker(self.network.reactor, FakeSource(), FUNCTION)
        result = self.successResultOf(invoker.invoke(b"{}", invocation="i-1"))
        self.assertEqual(result.outcome, Outcome.INVOKE_LOST)
        self.assertIn("not running", result.message)
        self.assertEqual(self.network.reactor.tcpClients, [])

    def test_a_start_without_access_fails_and_nothing_is_sent(self) -> None:
        error = AwsSettingsError("no AWS credentials found")
        invoker = Invoker(self.network.reactor, FakeSource(error=error), FUNCTION)
        failure = self.failureResultOf(invoker.start(), AwsSettingsError)
        self.assertIs(failure.value, error)
        result = self.successResultOf(invoker.invoke(b"{}", invocation="i-1"))
        self.assertEqual(result.outcome, Outcome.INVOKE_LOST)

    def test_stop_lets_open_calls_end_and_starts_no_more(self) -> None:
        ended = self.invoke()
        self.successResultOf(self.invoker.stop())
        self.assertEqual(self.source.events, ["start", "stop"])
        self.assertNoResult(ended)
        later = self.successResultOf(self.invoker.invoke(b"{}", invocation="i-2"))
        self.assertEqual(later.outcome, Outcome.INVOKE_LOST)
        self.service.answer(self.service.calls[0].request, Answer())
        self.network.flush()
        self.assertEqual(self.successResultOf(ended).outcome, Outcome.RETURNED)
        self.assertEqual(len(self.service.calls), 1)

    def test_the_log_names_invocation_function_and_outcome_and_no_secret(self) -> None:
        lines = logged(self)
        self.outcome_of(Answer())
        text = "\n".join(lines())
        self.assertIn("invocation i-1 of shop:live ended: returned", text)
        for secret in (ACCESS.credentials.secret_key, ACCESS.credentials.token or ""):
            self.assertNotIn(secret, text)
