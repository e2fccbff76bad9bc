"""The local Lambda with real processes, called through boto3."""

import base64
import http.client
import json
import os
import re
from dataclasses import replace
from typing import Any

import pytest
import pytest_twisted
from botocore.exceptions import ClientError
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.threads import deferToThread

from lambdadispatch.local.function import LocalFunction
from lambdadispatch.local.service import LocalLambda
from tests.process.local_rig import TINY, Called, alive, process_state, running, until

FUNCTION = LocalFunction("tiny", TINY)
ARN = "arn:aws:lambda:us-east-1:123456789012:function:tiny"


def with_variables(**variables: str) -> LocalFunction:
    return replace(FUNCTION, environment=variables)


async def refusal(call: Deferred[Called]) -> tuple[str, int, ClientError]:
    """Return the code and status of the error a call ends with."""
    with pytest.raises(ClientError) as caught:
        await call
    response: Any = caught.value.response
    status: int = response["ResponseMetadata"]["HTTPStatusCode"]
    return response["Error"]["Code"], status, caught.value


@pytest_twisted.ensureDeferred
async def test_request_response() -> None:
    async with running(reactor) as rig:
        called = await rig.invoke({"x": [1, 2]})
    assert called.answer["StatusCode"] == 200
    assert called.answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in called.answer
    assert "LogResult" not in called.answer
    assert called.headers["content-type"] == "application/json"
    assert called.headers["x-amzn-trace-id"].startswith("Root=1-")
    seen = called.value
    assert seen["event"] == {"x": [1, 2]}
    request_id = called.answer["ResponseMetadata"]["RequestId"]
    assert seen["headers"]["lambda-runtime-aws-request-id"] == request_id
    assert seen["headers"]["lambda-runtime-trace-id"] == called.headers["x-amzn-trace-id"]


@pytest_twisted.ensureDeferred
async def test_the_process_sees_lambdas_variables_and_no_credentials() -> None:
    developers = {
        "AWS_SECRET_ACCESS_KEY": "the developer's own",
        "AWS_PROFILE": "production",
        "SOMETHING_ELSE": "kept",
    }
    function = replace(FUNCTION, memory_mb=256, environment={"MINE": "1"}, directory="/")
    variables = dict(os.environ) | developers
    async with running(reactor, function, parent_variables=variables) as rig:
        seen = (await rig.invoke({})).value
    variables = seen["variables"]
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "tiny"
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert variables["AWS_LAMBDA_RUNTIME_API"].startswith("127.0.0.1:")
    assert variables["LAMBDA_TASK_ROOT"] == "/" == seen["directory"]
    assert variables["SOMETHING_ELSE"] == "kept"
    assert variables["MINE"] == "1"
    assert "AWS_PROFILE" not in variables
    assert "developer" not in variables["AWS_SECRET_ACCESS_KEY"]


@pytest_twisted.ensureDeferred
async def test_event_is_accepted_and_runs_on_its_own() -> None:
    async with running(reactor) as rig:
        called = await rig.invoke({"do": "print", "lines": ["done"]}, InvocationType="Event")
        assert called.answer["StatusCode"] == 202
        assert called.body == b""
        await rig.seen("END RequestId: " + called.answer["ResponseMetadata"]["RequestId"])
        assert ("env-1", "done") in rig.lines


@pytest_twisted.ensureDeferred
async def test_dry_run_starts_nothing() -> None:
    async with running(reactor) as rig:
        called = await rig.invoke({}, InvocationType="DryRun")
        assert (called.answer["StatusCode"], called.body) == (204, b"")
        assert rig.lines == []


@pytest_twisted.ensureDeferred
async def test_names_arns_and_qualifiers() -> None:
    async with running(reactor) as rig:
        for name, options, version in [
            ("tiny", {}, "$LATEST"),
            ("tiny:live", {}, "live"),
            ("tiny", {"Qualifier": "7"}, "7"),
            ("123456789012:function:tiny", {}, "$LATEST"),
            (ARN, {"Qualifier": "$LATEST"}, "$LATEST"),
            (f"{ARN}:live", {"Qualifier": "live"}, "live"),
        ]:
            called = await rig.invoke({}, name, **options)
            assert called.answer["ExecutedVersion"] == version
            arn = called.value["headers"]["lambda-runtime-invoked-function-arn"]
            assert arn in {ARN, f"{ARN}:{version}"}
        code, status, _ = await refusal(rig.invoke({}, "tiny:live", Qualifier="7"))
        assert (code, status) == ("InvalidParameterValueException", 400)


@pytest_twisted.ensureDeferred
async def test_log_tail() -> None:
    async with running(reactor) as rig:
        first = await rig.invoke({"do": "print", "lines": ["good day"]}, LogType="Tail")
        lines = base64.b64decode(first.answer["LogResult"]).decode().splitlines()
        assert "good day" in lines
        assert "to stderr" in lines
        request_id = first.answer["ResponseMetadata"]["RequestId"]
        assert f"START RequestId: {request_id} Version: $LATEST" in lines
        assert lines[-2] == f"END RequestId: {request_id}"
        assert re.search(r"Duration: \d+\.\d\d ms\t.*\tInit Duration: \d+\.\d\d ms", lines[-1])
        # Much more than a read, a pipe or the tail hold: the end of it must still be there.
        many = [f"line {number:06} of many" for number in range(20_000)]
        second = await rig.invoke({"do": "print", "lines": many}, LogType="Tail")
        tail = base64.b64decode(second.answer["LogResult"])
        assert len(tail) == 4096
        assert b"\nline 019999 of many\n" in tail
        assert b"Init Duration" not in tail


@pytest_twisted.ensureDeferred
async def test_client_context_reaches_the_runtime_decoded() -> None:
    context = base64.b64encode(b'{"custom":\n {"a": "\xc3\xa9"}}').decode()
    async with running(reactor) as rig:
        called = await rig.invoke({}, ClientContext=context)
        header = called.value["headers"]["lambda-runtime-client-context"]
        assert json.loads(header) == {"custom": {"a": "é"}}
        code, status, _ = await refusal(rig.invoke({}, ClientContext="no base64!"))
        assert (code, status) == ("InvalidRequestContentException", 400)


@pytest_twisted.ensureDeferred
async def test_function_error() -> None:
    async with running(reactor) as rig:
        called = await rig.invoke({"do": "error"})
        assert called.answer["StatusCode"] == 200
        assert called.answer["FunctionError"] == "Unhandled"
        assert called.value["errorType"] == "TinyError"
        assert "FunctionError" not in (await rig.invoke({})).answer


@pytest_twisted.ensureDeferred
async def test_unknown_function() -> None:
    async with running(reactor) as rig:
        code, status, error = await refusal(rig.invoke({}, "another"))
        assert isinstance(error, rig.client.exceptions.ResourceNotFoundException)
        assert (code, status) == ("ResourceNotFoundException", 404)
        assert "Function not found: arn:aws:lambda:us-east-1:" in str(error)
        assert error.response["Type"] == "User"


def call_by_hand(address: str, method: str, path: str, header: tuple[str, str]) -> tuple[int, str]:
    """Make a call boto3 would not make; return the status and the error type."""
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request(method, path, b"{}", dict([header]))
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    assert "message" in body or "Message" in body
    return response.status, response.headers["x-amzn-ErrorType"]


@pytest_twisted.ensureDeferred
async def test_calls_that_are_no_invoke() -> None:
    good, none = "/2015-03-31/functions/tiny/invocations", ("X-None", "none")
    async with running(reactor) as rig:
        for method, path, header, wanted in [
            ("GET", good, none, (404, "UnknownOperationException")),
            ("POST", "/", none, (404, "UnknownOperationException")),
            ("POST", f"{good}/more", none, (404, "UnknownOperationException")),
            ("POST", good, ("X-Amz-Invocation-Type", "Soon"), (400, "ValidationException")),
            ("POST", good, ("X-Amz-Log-Type", "All"), (400, "ValidationException")),
            ("POST", f"{good}?Qualifier=a%20b", none, (400, "ValidationException")),
            ("POST", good.replace("tiny", "a%2Fb"), none, (400, "ValidationException")),
        ]:
            address = rig.url.removeprefix("http://")
            found = await deferToThread(call_by_hand, address, method, path, header)
            assert found == wanted, (method, path, header)


@pytest_twisted.ensureDeferred
async def test_payloads_that_are_refused() -> None:
    async with running(reactor) as rig:
        for payload in (b"{not json", b'"\xff"', b"NaN"):
            code, status, error = await refusal(rig.invoke(payload))
            assert (code, status) == ("InvalidRequestContentException", 400)
            assert isinstance(error, rig.client.exceptions.InvalidRequestContentException)
        too_large = b'"' + b"x" * (6 * 1024 * 1024) + b'"'
        code, status, _ = await refusal(rig.invoke(too_large))
        assert (code, status) == ("RequestEntityTooLargeException", 413)
        event = b'"' + b"x" * (1024 * 1024) + b'"'
        code, status, error = await refusal(rig.invoke(event, InvocationType="Event"))
        assert (code, status) == ("RequestEntityTooLargeException", 413)
        assert "limit 1048576 bytes" in str(error)
        assert rig.lines == []


@pytest_twisted.ensureDeferred
async def test_empty_payload_is_an_empty_object() -> None:
    async with running(reactor) as rig:
        assert (await rig.invoke(b"")).value["event"] == {}


@pytest_twisted.ensureDeferred
async def test_large_response_passes_and_one_over_the_limit_is_an_error() -> None:
    async with running(reactor) as rig:
        size = 6 * 1024 * 1024
        assert len((await rig.invoke({"do": "big", "bytes": size})).body) == size
        called = await rig.invoke({"do": "big", "bytes": size + 101})
        assert called.answer["FunctionError"] == "Unhandled"
        assert called.value["errorType"] == "Function.ResponseSizeTooLarge"
        await rig.seen("big: 413")


@pytest_twisted.ensureDeferred
async def test_concurrency_limit() -> None:
    async with running(reactor, replace(FUNCTION, concurrency=1)) as rig:
        first = rig.invoke({"do": "sleep", "seconds": 0.5})
        await rig.seen("START")
        code, status, error = await refusal(rig.invoke({}))
        assert (code, status) == ("TooManyRequestsException", 429)
        assert isinstance(error, rig.client.exceptions.TooManyRequestsException)
        reason = error.response["Reason"]
        assert reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
        await first
        # The answer means that the place is free again.
        assert (await rig.invoke({})).value["served"] == 2


@pytest_twisted.ensureDeferred
async def test_timeout_kills_and_replaces() -> None:
    async with running(reactor, replace(FUNCTION, timeout=1.5)) as rig:
        pid = (await rig.invoke({})).value["pid"]
        called = await rig.invoke({"do": "sleep", "seconds": 60}, LogType="Tail")
        request_id = called.answer["ResponseMetadata"]["RequestId"]
        assert called.answer["FunctionError"] == "Unhandled"
        assert called.value == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.50 seconds",
        }
        assert not alive(pid)
        assert "Status: timeout" in base64.b64decode(called.answer["LogResult"]).decode()
        assert (await rig.invoke({})).value["pid"] != pid


@pytest_twisted.ensureDeferred
async def test_exits_during_an_invocation() -> None:
    async with running(reactor) as rig:
        for event, words in [
            ({"do": "exit", "code": 3}, "Runtime exited with error: exit status 3"),
            ({"do": "exit", "code": 0}, "Runtime exited without providing a reason"),
            ({"do": "kill", "signal": 9}, "Runtime exited with error: signal: killed"),
            ({"do": "kill", "signal": 11}, "Runtime exited with error: signal: segmentation fault"),
        ]:
            called = await rig.invoke(event)
            request_id = called.answer["ResponseMetadata"]["RequestId"]
            assert called.answer["FunctionError"] == "Unhandled"
            assert called.value == {
                "errorType": "Runtime.ExitError",
                "errorMessage": f"RequestId: {request_id} Error: {words}",
            }
            assert (await rig.invoke({})).value["served"] == 1


@pytest_twisted.ensureDeferred
async def test_a_response_counts_though_the_process_exits_after_it() -> None:
    async with running(reactor) as rig:
        called = await rig.invoke({"do": "answer_and_exit"})
        assert "FunctionError" not in called.answer
        assert not alive(called.value["pid"])
        assert (await rig.invoke({})).value["served"] == 1


@pytest_twisted.ensureDeferred
async def test_failing_starts() -> None:
    for init, kind in [("error", "TinyInitError"), ("exit:5", "Runtime.ExitError")]:
        async with running(reactor, with_variables(TINY_INIT=init)) as rig:
            called = await rig.invoke({})
            assert called.answer["FunctionError"] == "Unhandled"
            assert called.value["errorType"] == kind
    function = replace(with_variables(TINY_INIT="sleep:60"), timeout=0.5)
    async with running(reactor, function) as rig:
        assert (await rig.invoke({})).value["errorType"] == "Sandbox.Timedout"


@pytest_twisted.ensureDeferred
async def test_a_command_that_cannot_run_is_named() -> None:
    for command, directory, words in [
        (("/no/such/program",), None, "fork/exec /no/such/program: no such file or directory"),
        ((__file__,), None, f"fork/exec {__file__}: permission denied"),
        (TINY, "/no/such/place", "no such file or directory (directory /no/such/place)"),
    ]:
        function = LocalFunction("tiny", command, directory=directory)
        async with running(reactor, function) as rig:
            called = await rig.invoke({})
            assert called.value["errorType"] == "Runtime.InvalidEntrypoint"
            assert words in called.value["errorMessage"]
            await rig.seen(words)


@pytest_twisted.ensureDeferred
async def test_warm_environments_are_used_again_and_busy_ones_not() -> None:
    async with running(reactor) as rig:
        first, second = await rig.invoke({}), await rig.invoke({})
        assert first.value["pid"] == second.value["pid"]
        assert second.value["served"] == 2
        calls = [rig.invoke({"do": "sleep", "seconds": 0.5}) for _ in range(3)]
        pids = {called.value["pid"] for called in await gatherResults(calls)}
        assert len(pids) == 3
        assert first.value["pid"] in pids


@pytest_twisted.ensureDeferred
async def test_frozen_between_invocations() -> None:
    async with running(reactor) as rig:
        pid = (await rig.invoke({})).value["pid"]
        await until(reactor, lambda: process_state(pid) == "T", "frozen")
        assert (await rig.invoke({})).value["pid"] == pid
        await until(reactor, lambda: process_state(pid) == "T", "frozen again")
    async with running(reactor, freeze=False) as rig:
        pid = (await rig.invoke({})).value["pid"]
        await until(reactor, lambda: process_state(pid) == "S", "asleep in its read")


@pytest_twisted.ensureDeferred
async def test_idle_environments_end_after_their_keep_time() -> None:
    async with running(reactor, keep=0.1) as rig:
        pid = (await rig.invoke({})).value["pid"]
        await until(reactor, lambda: not alive(pid), "ended")
        assert (await rig.invoke({})).value["served"] == 1


@pytest_twisted.ensureDeferred
async def test_a_caller_that_leaves_changes_nothing() -> None:
    async with running(reactor) as rig:
        host = rig.url.removeprefix("http://")
        connection = http.client.HTTPConnection(host)
        event = json.dumps({"do": "sleep", "seconds": 0.3})
        connection.request("POST", "/2015-03-31/functions/tiny/invocations", event)
        await rig.seen("START")
        connection.close()
        assert "Status" not in await rig.seen("REPORT")
        assert (await rig.invoke({})).value["served"] == 2


@pytest_twisted.ensureDeferred
async def test_stop_leaves_no_process() -> None:
    async with running(reactor, with_variables(TINY_DEAF="1"), grace=0.3) as rig:
        spawned = (await rig.invoke({"do": "spawn"})).value
        frozen, grandchild = spawned["pid"], spawned["spawned"]
        busy = [rig.invoke({"do": "sleep", "seconds": 60}) for _ in range(2)]
        await until(reactor, lambda: sum("START" in line for _, line in rig.lines) == 3, "busy")
        await rig.service.stopService()
        assert not alive(frozen)
        assert not alive(grandchild)
        for called in await gatherResults(busy):
            assert "signal: killed" in called.value["errorMessage"]
        code, status, _ = await refusal(rig.invoke({}))
        assert (code, status) == ("ServiceException", 500)


@pytest_twisted.ensureDeferred
async def test_a_process_that_heeds_sigterm_ends_at_once() -> None:
    async with running(reactor, grace=3600.0) as rig:
        pid = (await rig.invoke({})).value["pid"]
        await rig.service.stopService()
        assert not alive(pid)


@pytest_twisted.ensureDeferred
async def test_a_dead_leaders_group_goes_with_it() -> None:
    async with running(reactor) as rig:
        spawned = (await rig.invoke({"do": "spawn"})).value
        await rig.invoke({"do": "exit", "code": 1})
        assert not alive(spawned["pid"])
        await until(reactor, lambda: not alive(spawned["spawned"]), "grandchild gone")


@pytest_twisted.ensureDeferred
async def test_a_port_in_use_fails_the_listening() -> None:
    async with running(reactor) as rig:
        port = int(rig.url.rpartition(":")[2])
        endpoint = TCP4ServerEndpoint(reactor, port, interface="127.0.0.1")
        second = LocalLambda(reactor, [FUNCTION], endpoint=endpoint)
        with pytest.raises(CannotListenError):
            await second.listen()
        await second.stopService()


@pytest_twisted.ensureDeferred
async def test_signals_of_a_terminal_do_not_reach_environments() -> None:
    async with running(reactor) as rig:
        pid = (await rig.invoke({})).value["pid"]
        assert os.getpgid(pid) == pid == os.getsid(pid)
        assert os.getpgid(pid) != os.getpgid(0)
