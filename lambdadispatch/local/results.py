"""What an invocation came to, in the words AWS uses for failures of the function's own.

A failed function is no failed Invoke call: the status is 200, ``X-Amz-Function-Error`` says
``Unhandled`` and the payload is an error object.
"""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass

MAX_RESPONSE = 6 * 1024 * 1024 + 100  # bytes; AWS's own number, from its error message


_SIGNAL_WORDS: dict[int, str] = {signal.SIGKILL: "killed", signal.SIGTERM: "terminated"}


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended: ``code``, or ``signal`` when one killed it."""

    code: int | None = None
    signal: int | None = None

    def __str__(self) -> str:
        if self.signal is None:
            return f"exit status {self.code}"
        # Go's words, since AWS's own service says them.
        known = _SIGNAL_WORDS.get(self.signal) or signal.strsignal(self.signal)
        return f"signal: {known.lower() if known else self.signal}"


@dataclass(frozen=True, slots=True)
class Result:
    """The payload for the invoker, whether it is an error, and what the log says about it.

    ``outcome`` is one word: ``success``, ``error``, ``init_error``, ``exit``, ``timeout``,
    ``too_large`` or ``not_started``.
    """

    outcome: str
    payload: bytes
    log_lines: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the invoker is told of a function error."""
        return self.outcome != "success"


def _error_object(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}, separators=(",", ":")).encode()


def _failure(outcome: str, request_id: str, kind: str, message: str) -> Result:
    text = f"RequestId: {request_id} Error: {message}"
    return Result(outcome, _error_object(kind, text), (text, kind))


def responded(payload: bytes) -> Result:
    """The runtime posted a response."""
    return Result("success", payload)


def raised(payload: bytes) -> Result:
    """The runtime posted an error for this invocation."""
    return Result("error", payload)


def init_failed(payload: bytes, kind: str) -> Result:
    """The runtime posted an error before its first event; ``kind`` is its error-type header."""
    return Result("init_error", payload or _error_object(kind or "Runtime.Unknown", ""))


def timed_out(request_id: str, timeout: float) -> Result:
    """The function's time, ``timeout`` seconds, ran out."""
    return _failure(
        "timeout", request_id, "Sandbox.Timedout", f"Task timed out after {timeout:.2f} seconds"
    )


def exited(request_id: str, status: ExitStatus) -> Result:
    """The process ended with the invocation unanswered."""
    if status.code == 0:
        message = "Runtime exited without providing a reason"
    else:
        message = f"Runtime exited with error: {status}"
    return _failure("exit", request_id, "Runtime.ExitError", message)


def not_started(request_id: str, program: str, reason: str) -> Result:
    """The command could not be run at all; ``reason`` is the system's word for it."""
    return _failure(
        "not_started",
        request_id,
        "Runtime.InvalidEntrypoint",
        f"fork/exec {program}: {reason}",
    )


def response_too_large() -> Result:
    """The posted response is over MAX_RESPONSE bytes."""
    message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
    kind = "Function.ResponseSizeTooLarge"
    return Result("too_large", _error_object(kind, message), (message, kind))
