"""The Lambda Invoke API: ``POST /2015-03-31/functions/NAME/invocations``.

Signatures are not checked: whoever reaches the port may invoke.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from typing import NoReturn
from urllib.parse import parse_qs, unquote

from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from lambdadispatch.local import answers
from lambdadispatch.local.answers import Answer, Refusal
from lambdadispatch.local.fleet import AtCapacity, Fleet, Stopped
from lambdadispatch.local.invocation import Invocation, new_trace_id
from lambdadispatch.local.names import (
    FunctionReference,
    InvalidReference,
    QualifierConflict,
    parse_reference,
)
from lambdadispatch.local.results import Result


class InvokeApi(Resource):
    """The Invoke API over the fleets of all functions, by function name."""

    isLeaf = True

    def __init__(
        self,
        fleets: Mapping[str, Fleet],
        *,
        region: str,
        account: str,
        wall: Callable[[], float],
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._fleets = fleets
        self._region = region
        self._account = account
        self._wall = wall

    def render(self, request: Request) -> int:
        """Take one Invoke call; answered now or when the function is done."""
        call = InvokeCall(request)
        try:
            self._carry_out(call)
        except Refusal as refusal:
            call.answer(refusal.answer)
        return NOT_DONE_YET

    def _carry_out(self, call: InvokeCall) -> None:
        reference = self._reference(call)
        kind = call.choice("X-Amz-Invocation-Type", "invocationType", answers.INVOCATION_TYPES)
        log_type = call.choice("X-Amz-Log-Type", "logType", answers.LOG_TYPES)
        kind = kind or "RequestResponse"
        payload = call.payload(kind)
        fleet = self._fleets.get(reference.name)
        if fleet is None:
            raise answers.function_not_found(reference.arn(self._region, self._account))
        check_json(payload)
        if kind == "DryRun":
            call.answer(answers.dry_run())
            return
        invocation = Invocation(
            payload=payload,
            function_arn=reference.arn(self._region, self._account),
            trace_id=call.header("X-Amzn-Trace-Id") or new_trace_id(self._wall()),
            # As on AWS, only who waits for the answer may pass a context.
            client_context=call.client_context() if kind != "Event" else None,
        )
        call.invocation = invocation
        version = reference.executed_version
        try:
            if kind == "Event":
                fleet.queue(invocation)
                call.answer(answers.accepted())
            else:
                invocation.done.addCallback(call.invoked, version, log_type == "Tail")
                fleet.invoke(invocation)
        except AtCapacity:
            raise answers.too_many_requests() from None
        except Stopped:
            raise answers.stopping() from None

    def _reference(self, call: InvokeCall) -> FunctionReference:
        if call.function is None:
            raise answers.unknown_operation()
        try:
            return parse_reference(call.function, call.qualifier)
        except InvalidReference as error:
            raise answers.invalid_reference(error) from None
        except QualifierConflict:
            raise answers.qualifier_conflict() from None


class InvokeCall:
    """One HTTP request to the Invoke API. Its caller may leave at any time."""

    def __init__(self, request: Request) -> None:
        self.invocation: Invocation | None = None
        self._request = request
        self._lost = False
        request.notifyFinish().addErrback(self._caller_left)

    @property
    def function(self) -> str | None:
        """The function segment of the path, decoded; None when it is no Invoke call."""
        path = self._request.path.decode("ascii", "replace").split("/")
        match path:
            case ["", "2015-03-31", "functions", name, "invocations"]:
                return unquote(name) if self._request.method == b"POST" else None
        return None

    @property
    def qualifier(self) -> str | None:
        """The ``Qualifier`` of the query, if any."""
        query = self._request.uri.decode("ascii", "replace").partition("?")[2]
        return parse_qs(query).get("Qualifier", [None])[-1]

    def header(self, name: str) -> str | None:
        """Return one request header."""
        return self._request.getHeader(name)

    def choice(self, header: str, member: str, allowed: tuple[str, ...]) -> str | None:
        """Return a header that takes one of a few values. Raises Refusal."""
        value = self.header(header)
        if value is not None and value not in allowed:
            raise answers.invalid_choice(member, value, allowed)
        return value

    def payload(self, kind: str) -> bytes:
        """Return the body; nothing is an empty object, as on AWS. Raises Refusal."""
        assert self._request.content is not None
        payload: bytes = self._request.content.read()
        limit = answers.MAX_EVENT_PAYLOAD if kind == "Event" else answers.MAX_SYNC_PAYLOAD
        if len(payload) > limit:
            raise answers.payload_too_large(len(payload), kind)
        return payload or b"{}"

    def client_context(self) -> str | None:
        """Return the client context, decoded as the runtime gets it. Raises Refusal."""
        encoded = self.header("X-Amz-Client-Context")
        if encoded is None:
            return None
        if len(encoded) > answers.MAX_CLIENT_CONTEXT:
            raise answers.invalid_client_context()
        try:
            context = json.loads(base64.b64decode(encoded, validate=True))
        except ValueError:
            raise answers.invalid_client_context() from None
        # Written anew: what the caller wrote may hold line ends, which no header can.
        return json.dumps(context, separators=(",", ":"))

    def invoked(self, result: Result, version: str, with_log: bool) -> None:
        """The function is done."""
        assert self.invocation is not None
        tail = self.invocation.log_tail.value() if with_log else None
        self.answer(answers.invoked(result, version, tail))

    def answer(self, answer: Answer) -> None:
        """Write the answer, unless the caller has left."""
        if self._lost:
            return
        request = self._request
        request.setResponseCode(answer.status)
        for name, value in answer.headers:
            request.setHeader(name, value)
        if self.invocation is None:
            request.setHeader("x-amzn-RequestId", str(uuid.uuid4()))
        else:
            request.setHeader("x-amzn-RequestId", self.invocation.request_id)
            request.setHeader("X-Amzn-Trace-Id", self.invocation.trace_id)
        if answer.status != 204:
            request.setHeader("Content-Length", str(len(answer.body)))
        request.write(answer.body)
        request.finish()

    def _caller_left(self, reason: Failure) -> None:
        self._lost = True


def check_json(payload: bytes) -> None:
    """Raise Refusal unless the payload is JSON in UTF-8."""
    try:
        json.loads(payload.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise answers.invalid_content(str(error)) from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"unrecognized token '{name}'")
