"""Answers of the Invoke API: statuses, headers and error bodies as AWS sends them.

Sources: AWS Lambda API reference (Invoke, common errors), the service model in botocore
(lambda/2015-03-31), and messages quoted in public bug reports where the reference has none.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from lambdadispatch.local.names import InvalidReference
from lambdadispatch.local.results import Result

MAX_SYNC_PAYLOAD = 6 * 1024 * 1024  # bytes
MAX_EVENT_PAYLOAD = 1024 * 1024  # bytes
INVOCATION_TYPES = ("Event", "RequestResponse", "DryRun")
MAX_CLIENT_CONTEXT = 3583  # bytes, as encoded
LOG_TYPES = ("None", "Tail")


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; headers without Content-Length, which follows from the body."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Refusal(Exception):
    """An Invoke call that no environment sees; ``answer`` is what the caller gets."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status, answer.body)
        self.answer = answer


def _refusal(status: int, kind: str, **body: str) -> Refusal:
    headers = (("Content-Type", "application/json"), ("x-amzn-ErrorType", kind))
    return Refusal(Answer(status, json.dumps(body, separators=(",", ":")).encode(), headers))


def unknown_operation() -> Refusal:
    """404: no such path, or not with this method."""
    return _refusal(404, "UnknownOperationException", message="Unknown operation")


def function_not_found(arn: str) -> Refusal:
    """404: the name is well formed, but no such function is here."""
    message = f"Function not found: {arn}"
    return _refusal(404, "ResourceNotFoundException", Type="User", Message=message)


def invalid_reference(error: InvalidReference) -> Refusal:
    """400: the function name or the qualifier is not well formed."""
    message = (
        f"1 validation error detected: Value '{error.text}' at '{error.member}' failed to satisfy "
        f"constraint: Member must satisfy regular expression pattern: {error.pattern}"
    )
    return _refusal(400, "ValidationException", message=message)


def invalid_choice(member: str, value: str, allowed: tuple[str, ...]) -> Refusal:
    """400: a header that takes one of a few values has another."""
    message = (
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy "
        f"constraint: Member must satisfy enum value set: [{', '.join(allowed)}]"
    )
    return _refusal(400, "ValidationException", message=message)


def qualifier_conflict() -> Refusal:
    """400: the name's qualifier and the query's differ."""
    message = "The derived qualifier from the function name does not match the specified qualifier."
    return _refusal(400, "InvalidParameterValueException", Type="User", message=message)


def invalid_content(reason: str) -> Refusal:
    """400: the payload is not JSON."""
    message = f"Could not parse request body into json: Could not parse payload into json: {reason}"
    return _refusal(400, "InvalidRequestContentException", Type="User", message=message)


def invalid_client_context() -> Refusal:
    """400: the client context is not JSON in Base64, or too long."""
    message = "Client context must be a valid Base64-encoded JSON object."
    return _refusal(400, "InvalidRequestContentException", Type="User", message=message)


def payload_too_large(size: int, invocation_type: str) -> Refusal:
    """413: the payload, of ``size`` bytes, is over the limit of its invocation type.

    The error type is the one AWS really sends; the service model lists it under another name.
    """
    if invocation_type == "Event":
        message = (
            f"{size} byte payload is too large for the Event invocation type "
            f"(limit {MAX_EVENT_PAYLOAD} bytes)"
        )
    else:
        message = (
            f"Request must be smaller than {MAX_SYNC_PAYLOAD} bytes for the InvokeFunction "
            "operation"
        )
    return _refusal(413, "RequestEntityTooLargeException", Type="User", message=message)


def too_many_requests() -> Refusal:
    """429: the function runs as many invocations as it may."""
    return _refusal(
        429,
        "TooManyRequestsException",
        Reason="ReservedFunctionConcurrentInvocationLimitExceeded",
        Type="User",
        message="Rate Exceeded.",
    )


def stopping() -> Refusal:
    """500: the service is shutting down."""
    return _refusal(
        500, "ServiceException", Type="Service", Message="The local Lambda is shutting down."
    )


def accepted() -> Answer:
    """202: an Event was taken; it runs on its own."""
    return Answer(202)


def dry_run() -> Answer:
    """204: the call is well formed and the function exists."""
    return Answer(204)


def invoked(result: Result, executed_version: str, log_tail: bytes | None) -> Answer:
    """200: the function ran, well or not. ``log_tail`` is None unless it was asked for."""
    headers = [("Content-Type", "application/json"), ("X-Amz-Executed-Version", executed_version)]
    if result.failed:
        headers.append(("X-Amz-Function-Error", "Unhandled"))
    if log_tail is not None:
        headers.append(("X-Amz-Log-Result", base64.b64encode(log_tail).decode()))
    return Answer(200, result.payload, tuple(headers))
