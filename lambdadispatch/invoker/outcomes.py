"""How one invocation ended, read from Lambda's answer to the Invoke call.

Source: the Invoke page of the AWS Lambda API reference (status codes, ``X-Amz-Function-Error``)
and the Lambda developer guide on function errors (``errorType`` and ``errorMessage``).
"""

import json
import re
from dataclasses import dataclass
from enum import StrEnum

MESSAGE_LIMIT = 300
"""Most characters of an outcome's message; the rest is cut."""

_TIMEOUT_TYPE = "Sandbox.Timedout"
_TIMEOUT_TEXT = re.compile(r"Task timed out after \d+(?:\.\d+)? seconds")
_QUOTED = r'"\s*:\s*"((?:[^"\\]|\\.)*)'


class Outcome(StrEnum):
    """The one word with which an invocation ends: log field, metric label and test oracle."""

    RETURNED = "returned"
    FUNCTION_ERROR = "function_error"
    TIMED_OUT = "timed_out"
    THROTTLED = "throttled"
    REFUSED = "refused"
    INVOKE_LOST = "invoke_lost"


@dataclass(frozen=True, slots=True)
class InvokeResult:
    """The end of one invocation.

    ``status`` and ``request_id`` are None where no head of an answer was read. ``message`` is one
    line of at most MESSAGE_LIMIT characters, for the log. ``payload`` is what the function or AWS
    answered, possibly cut (see ``invoker.PAYLOAD_LIMIT``).
    """

    outcome: Outcome
    status: int | None
    error_type: str | None
    message: str
    payload: bytes = b""
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """What the head of an Invoke answer says; absent headers are None."""

    status: int
    function_error: str | None = None
    """``X-Amz-Function-Error``: Handled or Unhandled."""
    error_type: str | None = None
    """``X-Amzn-ErrorType``, as sent: may carry a namespace before ``#`` and a URL after ``:``."""
    request_id: str | None = None
    """``X-Amzn-RequestId``."""


def judge(head: AnswerHead, payload: bytes) -> InvokeResult:
    """The outcome of an answer; ``payload`` may be cut anywhere. Never raises."""
    if head.status == 200 and head.function_error is None:
        return _result(Outcome.RETURNED, head, payload, None, "the function returned")
    if head.status == 200:
        return _judge_function_error(head, payload)
    outcome = Outcome.THROTTLED if head.status == 429 else Outcome.REFUSED
    error_type = _bare_type(head.error_type) or _bare_type(_text(payload, "__type"))
    said = _text(payload, "message", "Message") or "no message"
    reason = _text(payload, "Reason")
    message = f"AWS answered {head.status} {error_type or 'without an error type'}: {said}"
    return _result(
        outcome, head, payload, error_type, f"{message} ({reason})" if reason else message
    )


def invoke_lost(message: str, *, head: AnswerHead | None = None) -> InvokeResult:
    """The outcome of a call without a whole answer; ``head`` where the answer had begun."""
    return InvokeResult(
        outcome=Outcome.INVOKE_LOST,
        status=head.status if head else None,
        error_type=None,
        message=one_line(message),
        request_id=head.request_id if head else None,
    )


def one_line(text: str) -> str:
    """``text`` without line breaks and control characters, cut to MESSAGE_LIMIT characters."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= MESSAGE_LIMIT else flat[: MESSAGE_LIMIT - 3] + "..."


def _judge_function_error(head: AnswerHead, payload: bytes) -> InvokeResult:
    error_type = _text(payload, "errorType")
    said = _text(payload, "errorMessage") or "no message"
    # An application may itself fail with the words of a timeout; it then names an error type of
    # its own, while Lambda's timeouts carry Sandbox.Timedout or, in older runtimes, no type.
    timed_out = error_type == _TIMEOUT_TYPE or (
        error_type is None and _TIMEOUT_TEXT.search(said) is not None
    )
    outcome = Outcome.TIMED_OUT if timed_out else Outcome.FUNCTION_ERROR
    message = f"{head.function_error} {error_type or 'error without a type'}: {said}"
    return _result(outcome, head, payload, error_type, message)


def _result(
    outcome: Outcome, head: AnswerHead, payload: bytes, error_type: str | None, message: str
) -> InvokeResult:
    return InvokeResult(
        outcome=outcome,
        status=head.status,
        error_type=one_line(error_type) if error_type else None,
        message=one_line(message),
        payload=payload,
        request_id=head.request_id,
    )


def _bare_type(error_type: str | None) -> str | None:
    if error_type is None:
        return None
    return error_type.rpartition("#")[2].partition(":")[0].strip() or None


def _text(payload: bytes, *keys: str) -> str | None:
    """The first of ``keys`` that is a string in the JSON object, found even in a cut one."""
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return _text_in_cut_json(payload, keys)
    if not isinstance(found, dict):
        return None
    return next((found[key] for key in keys if isinstance(found.get(key), str)), None)


def _text_in_cut_json(payload: bytes, keys: tuple[str, ...]) -> str | None:
    text = payload.decode("utf-8", "replace")
    if not text.lstrip().startswith("{"):
        return None
    for key in keys:
        match = re.search(f'"{key}{_QUOTED}', text)
        if match:
            return match[1]
    return None
