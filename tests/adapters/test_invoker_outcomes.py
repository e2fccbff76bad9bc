"""Which outcome an Invoke answer is, and what its result says."""

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from lambdadispatch.invoker.outcomes import (
    MESSAGE_LIMIT,
    AnswerHead,
    Outcome,
    invoke_lost,
    judge,
    one_line,
)


def body(**values: Any) -> bytes:
    return json.dumps(values).encode()


class ReturnedTests(SynchronousTestCase):
    def test_an_answer_without_function_error_has_returned(self) -> None:
        result = judge(AnswerHead(200, request_id="r-1"), b'{"served": 12}')
        self.assertEqual(result.outcome, Outcome.RETURNED)
        self.assertEqual(result.payload, b'{"served": 12}')
        self.assertEqual(result.status, 200)
        self.assertEqual(result.request_id, "r-1")
        self.assertIsNone(result.error_type)

    def test_a_payload_that_looks_like_an_error_is_no_error(self) -> None:
        payload = body(errorType="Sandbox.Timedout", errorMessage="Task timed out after 3 seconds")
        self.assertEqual(judge(AnswerHead(200), payload).outcome, Outcome.RETURNED)

    def test_outcomes_are_words_for_labels(self) -> None:
        self.assertEqual(
            [str(outcome) for outcome in Outcome],
            ["returned", "function_error", "timed_out", "throttled", "refused", "invoke_lost"],
        )


class FunctionErrorTests(SynchronousTestCase):
    HEAD = AnswerHead(200, function_error="Unhandled", request_id="r-2")

    def test_type_and_message_are_read_from_the_payload(self) -> None:
        result = judge(self.HEAD, body(errorMessage="no such table", errorType="KeyError"))
        self.assertEqual(result.outcome, Outcome.FUNCTION_ERROR)
        self.assertEqual(result.error_type, "KeyError")
        self.assertEqual(result.message, "Unhandled KeyError: no such table")

    def test_payloads_that_are_no_error_object(self) -> None:
        for payload in (
            b"",
            b"[1]",
            b"null",
            b'"text"',
            b"\xff\xfe",
            b"[" * 60000,
            body(errorType=3),
        ):
            result = judge(self.HEAD, payload)
            self.assertEqual(result.outcome, Outcome.FUNCTION_ERROR, payload[:20])
            self.assertIsNone(result.error_type)
            self.assertEqual(result.message, "Unhandled error without a type: no message")

    def test_a_cut_payload_still_tells_its_type(self) -> None:
        whole = body(errorType="Runtime.ExitError", errorMessage="exit 1", stackTrace=["x" * 99])
        for length in range(whole.index(b"stackTrace"), len(whole)):
            result = judge(self.HEAD, whole[:length])
            self.assertEqual(result.error_type, "Runtime.ExitError")
            self.assertIn("exit 1", result.message)

    def test_a_timeout_by_its_type(self) -> None:
        said = "RequestId: 8f Error: Task timed out after 3.00 seconds"
        result = judge(self.HEAD, body(errorType="Sandbox.Timedout", errorMessage=said))
        self.assertEqual(result.outcome, Outcome.TIMED_OUT)
        self.assertEqual(result.error_type, "Sandbox.Timedout")

    def test_a_timeout_by_its_message_alone(self) -> None:
        said = "2024-05-01T00:00:00.000Z 8f Task timed out after 900.10 seconds"
        self.assertEqual(judge(self.HEAD, body(errorMessage=said)).outcome, Outcome.TIMED_OUT)

    def test_an_application_error_in_the_words_of_a_timeout_is_its_own(self) -> None:
        said = "Task timed out after 5 seconds"
        result = judge(self.HEAD, body(errorType="TimeoutError", errorMessage=said))
        self.assertEqual(result.outcome, Outcome.FUNCTION_ERROR)


class RefusalTests(SynchronousTestCase):
    def test_429_is_throttled_and_gives_the_reason(self) -> None:
        payload = body(Reason="ConcurrentInvocationLimitExceeded", message="Rate Exceeded.")
        result = judge(AnswerHead(429, error_type="TooManyRequestsException"), payload)
        self.assertEqual(result.outcome, Outcome.THROTTLED)
        self.assertEqual(result.error_type, "TooManyRequestsException")
        self.assertEqual(
            result.message,
            "AWS answered 429 TooManyRequestsException: Rate Exceeded."
            " (ConcurrentInvocationLimitExceeded)",
        )

    def test_every_other_status_is_refused(self) -> None:
        for status in (202, 204, 301, 400, 403, 404, 413, 500, 502, 503):
            result = judge(AnswerHead(status), b"")
            self.assertEqual(result.outcome, Outcome.REFUSED, status)
            self.assertEqual(result.status, status)

    def test_the_error_type_loses_namespace_and_url(self) -> None:
        for sent in (
            "ResourceNotFoundException",
            "ResourceNotFoundException:http://internal.amazon.com/coral/",
            "com.amazonaws.lambda#ResourceNotFoundException",
        ):
            result = judge(AnswerHead(404, error_type=sent), body(Type="User", Message="none"))
            self.assertEqual(result.error_type, "ResourceNotFoundException")
            self.assertIn("none", result.message)

    def test_the_error_type_may_be_in_the_body_only(self) -> None:
        result = judge(AnswerHead(400), body(__type="x#ValidationException", message="bad"))
        self.assertEqual(result.error_type, "ValidationException")

    def test_a_function_error_header_on_a_refusal_changes_nothing(self) -> None:
        result = judge(AnswerHead(500, function_error="Unhandled"), b"")
        self.assertEqual(result.outcome, Outcome.REFUSED)


class MessageTests(SynchronousTestCase):
    def test_a_message_is_one_line(self) -> None:
        self.assertEqual(one_line("a\r\nb\tc\x00\x1b[31md"), "a b c [31md")

    def test_a_message_is_cut(self) -> None:
        self.assertEqual(one_line("x" * MESSAGE_LIMIT), "x" * MESSAGE_LIMIT)
        cut = one_line("x" * (MESSAGE_LIMIT + 1))
        self.assertEqual(len(cut), MESSAGE_LIMIT)
        self.assertTrue(cut.endswith("x..."))

    def test_messages_and_types_from_the_payload_are_cut_and_flattened(self) -> None:
        payload = body(errorType="T\n" + "t" * 999, errorMessage="m\n" * 999)
        result = judge(AnswerHead(200, function_error="Handled"), payload)
        self.assertLessEqual(len(result.error_type or ""), MESSAGE_LIMIT)
        self.assertLessEqual(len(result.message), MESSAGE_LIMIT)
        self.assertNotIn("\n", (result.error_type or "") + result.message)

    def test_a_lost_call_keeps_what_the_head_said(self) -> None:
        lost = invoke_lost("cut", head=AnswerHead(200, request_id="r-9"))
        self.assertEqual((lost.outcome, lost.status), (Outcome.INVOKE_LOST, 200))
        self.assertEqual((lost.request_id, lost.payload), ("r-9", b""))
        self.assertIsNone(invoke_lost("refused").status)
