"""The Lambda Runtime API, version 2018-06-01, of one environment.

Paths, statuses and error bodies follow AWS's Runtime Interface Emulator, which is built from the
service's own code; a test runs one runtime under both and compares.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Protocol
from urllib.parse import unquote

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from lambdadispatch.local import results
from lambdadispatch.local.environment import (
    Event,
    ResponseTooLarge,
    State,
    UnknownRequest,
    WrongState,
)

# AWS's names of the states, and of the steps into them.
_STATE_NAMES = {
    State.STARTING: "Started",
    State.RUNNING: "Running",
    State.ANSWERED: "RuntimeResponseSentState",
    State.SETTLING: "RuntimeResponseSentState",
    State.IDLE: "RuntimeResponseSentState",
    State.STOPPING: "InitError",
    State.DEAD: "InitError",
}
_STEP_NAMES = {
    "next": "Ready",
    "response": "InvocationResponse",
    "error": "InvocationErrorResponse",
    "init error": "InitError",
}


class Runtime(Protocol):
    """What the Runtime API asks of an environment; see Environment for the errors."""

    def next_event(self) -> Deferred[Event]:
        """The next event, when there is one."""

    def respond(self, request_id: str, payload: bytes) -> None:
        """Take a response."""

    def fail(self, request_id: str, payload: bytes) -> None:
        """Take an error of one invocation."""

    def init_fail(self, payload: bytes, kind: str, grace: float) -> None:
        """Take an error of the start."""


class RuntimeApi(Resource):
    """The whole tree of one environment's Runtime API."""

    isLeaf = True

    def __init__(self, runtime: Runtime, *, grace: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._runtime = runtime
        self._grace = grace

    def render(self, request: Request) -> bytes | int:
        """Answer one call of the runtime; ``next`` is held until there is an event."""
        path = [unquote(part) for part in request.path.decode("ascii", "replace").split("/")[1:]]
        call = self._find(request, path)
        if call is None:
            request.setResponseCode(404)
            request.setHeader("Content-Type", "text/plain; charset=utf-8")
            return b"404 page not found\n"
        try:
            return call()
        except UnknownRequest:
            return _error(request, 400, "InvalidRequestID", "Invalid request ID")
        except WrongState as error:
            return _error(request, 403, "InvalidStateTransition", _transition(error))
        except ResponseTooLarge:
            message = f"Exceeded maximum allowed payload size ({results.MAX_RESPONSE} bytes)."
            return _error(request, 413, "RequestEntityTooLarge", message)

    def _find(self, request: Request, path: list[str]) -> Callable[[], bytes | int] | None:
        call: Callable[[], bytes | int] | None = None
        match request.method, path:
            case b"GET", ["2018-06-01", "runtime", "invocation", "next"]:
                call = partial(self._next, request)
            case b"POST", ["2018-06-01", "runtime", "init", "error"]:
                call = partial(self._init_error, request)
            case b"POST", ["2018-06-01", "runtime", "invocation", request_id, "response"]:
                call = partial(self._response, request, request_id)
            case b"POST", ["2018-06-01", "runtime", "invocation", request_id, "error"]:
                call = partial(self._invocation_error, request, request_id)
        return call

    def _next(self, request: Request) -> int:
        connection = _Connection(request)
        self._runtime.next_event().addCallback(connection.deliver)
        return NOT_DONE_YET

    def _response(self, request: Request, request_id: str) -> bytes:
        self._runtime.respond(request_id, _body(request))
        return _accepted(request)

    def _invocation_error(self, request: Request, request_id: str) -> bytes:
        self._runtime.fail(request_id, _body(request))
        return _accepted(request)

    def _init_error(self, request: Request) -> bytes:
        kind = request.getHeader("Lambda-Runtime-Function-Error-Type") or ""
        self._runtime.init_fail(_body(request), kind, self._grace)
        return _accepted(request)


class _Connection:
    """A held ``next``; it may be gone by the time there is an event."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._lost = False
        request.notifyFinish().addErrback(self._connection_lost)

    def deliver(self, event: Event) -> None:
        """Answer with the event. A runtime that lost it asks again and gets it again."""
        if self._lost:
            return
        for name, value in event.headers:
            self._request.setHeader(name, value)
        self._request.setHeader("Content-Length", str(len(event.payload)))
        self._request.write(event.payload)
        self._request.finish()

    def _connection_lost(self, reason: Failure) -> None:
        self._lost = True


def _transition(error: WrongState) -> str:
    return (
        f"State transition from {_STATE_NAMES[error.state]} to {_STEP_NAMES[error.wanted]} "
        "failed for runtime. Error: State transition is not allowed"
    )


def _body(request: Request) -> bytes:
    assert request.content is not None
    body: bytes = request.content.read()
    return body


def _json(request: Request, status: int, body: dict[str, str]) -> bytes:
    request.setResponseCode(status)
    request.setHeader("Content-Type", "application/json")
    return json.dumps(body, separators=(",", ":")).encode()


def _accepted(request: Request) -> bytes:
    return _json(request, 202, {"status": "OK"})


def _error(request: Request, status: int, kind: str, message: str) -> bytes:
    return _json(request, status, {"errorMessage": message, "errorType": kind})
