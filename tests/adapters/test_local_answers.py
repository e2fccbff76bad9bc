"""What the local Lambda says: results, answers of the Invoke API, log lines."""

import base64
import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from lambdadispatch.local import answers, logs, results
from lambdadispatch.local.answers import Answer, Refusal
from lambdadispatch.local.invocation import Invocation, new_trace_id
from lambdadispatch.local.names import InvalidReference
from lambdadispatch.local.results import ExitStatus


class Results(SynchronousTestCase):
    def test_words_for_the_end_of_a_process(self) -> None:
        for status, words in [
            (ExitStatus(0), "exit status 0"),
            (ExitStatus(127), "exit status 127"),
            (ExitStatus(None, 9), "signal: killed"),
            (ExitStatus(None, 15), "signal: terminated"),
            (ExitStatus(None, 11), "signal: segmentation fault"),
            (ExitStatus(None, 6), "signal: aborted"),
        ]:
            self.assertEqual(str(status), words)

    def test_error_objects(self) -> None:
        prefix = "RequestId: r-1 Error: "
        for result, outcome, kind, message in [
            (
                results.timed_out("r-1", 3),
                "timeout",
                "Sandbox.Timedout",
                prefix + "Task timed out after 3.00 seconds",
            ),
            (
                results.exited("r-1", ExitStatus(2)),
                "exit",
                "Runtime.ExitError",
                prefix + "Runtime exited with error: exit status 2",
            ),
            (
                results.exited("r-1", ExitStatus(0)),
                "exit",
                "Runtime.ExitError",
                prefix + "Runtime exited without providing a reason",
            ),
            (
                results.not_started("r-1", "/x", "no such file or directory"),
                "not_started",
                "Runtime.InvalidEntrypoint",
                prefix + "fork/exec /x: no such file or directory",
            ),
            (
                results.response_too_large(),
                "too_large",
                "Function.ResponseSizeTooLarge",
                "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            ),
        ]:
            self.assertEqual(result.outcome, outcome)
            self.assertTrue(result.failed)
            self.assertEqual(
                json.loads(result.payload), {"errorType": kind, "errorMessage": message}
            )
            self.assertEqual(result.log_lines, (message, kind))

    def test_what_the_runtime_posted_is_passed_on_as_it_is(self) -> None:
        self.assertEqual(results.responded(b"x").payload, b"x")
        self.assertFalse(results.responded(b"x").failed)
        self.assertEqual(results.raised(b"y").payload, b"y")
        self.assertTrue(results.raised(b"y").failed)
        self.assertEqual(results.init_failed(b"z", "Kind").payload, b"z")

    def test_an_empty_init_error_is_filled_in(self) -> None:
        for kind, wanted in [("Runtime.Mine", "Runtime.Mine"), ("", "Runtime.Unknown")]:
            found = json.loads(results.init_failed(b"", kind).payload)
            self.assertEqual(found, {"errorType": wanted, "errorMessage": ""})


class Refusals(SynchronousTestCase):
    def check(self, refusal: Refusal, status: int, kind: str) -> Any:
        answer = refusal.answer
        self.assertEqual(answer.status, status)
        self.assertEqual(dict(answer.headers)["x-amzn-ErrorType"], kind)
        self.assertEqual(dict(answer.headers)["Content-Type"], "application/json")
        return json.loads(answer.body)

    def test_function_not_found(self) -> None:
        body = self.check(
            answers.function_not_found("arn:aws:lambda:r:a:function:f"),
            404,
            "ResourceNotFoundException",
        )
        message = "Function not found: arn:aws:lambda:r:a:function:f"
        self.assertEqual(body, {"Type": "User", "Message": message})

    def test_too_many_requests(self) -> None:
        body = self.check(answers.too_many_requests(), 429, "TooManyRequestsException")
        self.assertEqual(
            body,
            {
                "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
                "Type": "User",
                "message": "Rate Exceeded.",
            },
        )

    def test_payload_too_large(self) -> None:
        kind = "RequestEntityTooLargeException"
        body = self.check(answers.payload_too_large(7_000_000, "RequestResponse"), 413, kind)
        self.assertIn("must be smaller than 6291456 bytes", body["message"])
        body = self.check(answers.payload_too_large(2_000_000, "Event"), 413, kind)
        self.assertIn("2000000 byte payload is too large for the Event", body["message"])
        self.assertIn("(limit 1048576 bytes)", body["message"])

    def test_bad_requests(self) -> None:
        invalid = InvalidReference("functionName", "a b", "[a-z]+")
        body = self.check(answers.invalid_reference(invalid), 400, "ValidationException")
        self.assertIn("Value 'a b' at 'functionName'", body["message"])
        choice = answers.invalid_choice("invocationType", "Soon", answers.INVOCATION_TYPES)
        body = self.check(choice, 400, "ValidationException")
        self.assertIn("[Event, RequestResponse, DryRun]", body["message"])
        content = answers.invalid_content("line 1")
        body = self.check(content, 400, "InvalidRequestContentException")
        self.assertTrue(body["message"].startswith("Could not parse request body into json: "))
        context = answers.invalid_client_context()
        self.check(context, 400, "InvalidRequestContentException")
        conflict = answers.qualifier_conflict()
        self.check(conflict, 400, "InvalidParameterValueException")

    def test_the_rest(self) -> None:
        self.check(answers.unknown_operation(), 404, "UnknownOperationException")
        self.check(answers.stopping(), 500, "ServiceException")


class Answers(SynchronousTestCase):
    def test_accepted_and_dry_run_have_no_body(self) -> None:
        self.assertEqual(answers.accepted(), Answer(202))
        self.assertEqual(answers.dry_run(), Answer(204))

    def test_success(self) -> None:
        answer = answers.invoked(results.responded(b"[1]"), "$LATEST", None)
        self.assertEqual((answer.status, answer.body), (200, b"[1]"))
        self.assertEqual(
            dict(answer.headers),
            {"Content-Type": "application/json", "X-Amz-Executed-Version": "$LATEST"},
        )

    def test_failure_and_log(self) -> None:
        answer = answers.invoked(results.raised(b"{}"), "live", b"the log\n")
        headers = dict(answer.headers)
        self.assertEqual(answer.status, 200)
        self.assertEqual(headers["X-Amz-Function-Error"], "Unhandled")
        self.assertEqual(headers["X-Amz-Executed-Version"], "live")
        self.assertEqual(base64.b64decode(headers["X-Amz-Log-Result"]), b"the log\n")


class Lines(SynchronousTestCase):
    def setUp(self) -> None:
        self.lines: list[str] = []
        self.splitter = logs.LineSplitter(self.lines.append)

    def test_cut_anywhere(self) -> None:
        text = "first\r\n\nsch\u00f6n \u2713\nlast".encode()
        for cut in range(len(text) + 1):
            self.lines.clear()
            self.splitter.feed(text[:cut])
            self.splitter.feed(text[cut:])
            self.splitter.finish()
            self.assertEqual(self.lines, ["first", "", "sch\u00f6n \u2713", "last"])

    def test_a_line_waits_for_its_end(self) -> None:
        self.splitter.feed(b"half")
        self.assertEqual(self.lines, [])
        self.splitter.feed(b" whole\n")
        self.assertEqual(self.lines, ["half whole"])
        self.splitter.finish()
        self.assertEqual(self.lines, ["half whole"])

    def test_bytes_that_are_no_text(self) -> None:
        self.splitter.feed(b"\xff\xfe\n")
        self.assertEqual(self.lines, ["\ufffd\ufffd"])

    def test_an_endless_line_comes_in_pieces(self) -> None:
        self.splitter.feed(b"x" * (logs.MAX_LINE * 2 + 5))
        self.assertEqual([len(line) for line in self.lines], [logs.MAX_LINE] * 2)
        self.splitter.finish()
        self.assertEqual(len(self.lines[-1]), 5)

    def test_tail(self) -> None:
        tail = logs.LogTail()
        self.assertEqual(tail.value(), b"")
        tail.add("one")
        tail.add("zwölf")
        self.assertEqual(tail.value(), "one\nzwölf\n".encode())
        for number in range(1000):
            tail.add(f"line {number:04}")
        self.assertEqual(len(tail.value()), logs.TAIL_BYTES)
        self.assertTrue(tail.value().endswith(b"line 0998\nline 0999\n"))

    def test_tail_of_one_long_line(self) -> None:
        tail = logs.LogTail()
        tail.add("before")
        tail.add("x" * 10_000 + "end")
        self.assertEqual(len(tail.value()), logs.TAIL_BYTES)
        self.assertTrue(tail.value().endswith(b"xend\n"))

    def test_report(self) -> None:
        self.assertEqual(logs.start_line("r"), "START RequestId: r Version: $LATEST")
        self.assertEqual(logs.end_line("r"), "END RequestId: r")
        self.assertEqual(
            logs.report_line("r", 0.0123, 128, None),
            "REPORT RequestId: r\tDuration: 12.30 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB",
        )
        self.assertEqual(
            logs.report_line("r", 1.0, 128, 0.5, "timeout").split("\t")[1:],
            [
                "Duration: 1000.00 ms",
                "Billed Duration: 1500 ms",
                "Memory Size: 128 MB",
                "Init Duration: 500.00 ms",
                "Status: timeout",
            ],
        )


class Invocations(SynchronousTestCase):
    def test_runtime_headers(self) -> None:
        made = Invocation(payload=b"{}", function_arn="arn", trace_id="Root=1", request_id="r")
        wanted = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": "r",
            "Lambda-Runtime-Deadline-Ms": "1700000000250",
            "Lambda-Runtime-Invoked-Function-Arn": "arn",
            "Lambda-Runtime-Trace-Id": "Root=1",
        }
        self.assertEqual(dict(made.runtime_headers(1_700_000_000.25)), wanted)
        made.client_context = '{"a":1}'
        wanted["Lambda-Runtime-Client-Context"] = '{"a":1}'
        self.assertEqual(dict(made.runtime_headers(1_700_000_000.25)), wanted)

    def test_each_has_ids_of_its_own(self) -> None:
        one, two = (Invocation(payload=b"", function_arn="", trace_id="") for _ in range(2))
        self.assertNotEqual(one.request_id, two.request_id)
        self.assertRegex(one.request_id, r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        self.assertRegex(
            new_trace_id(1_700_000_000.9),
            r"^Root=1-6553f100-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$",
        )
