"""The Lambda Runtime API, version 2018-06-01, as a client.

Source: AWS Lambda developer guide, "Using the Lambda runtime API for custom runtimes".
"""

from __future__ import annotations

import json
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint

from lambda_side.fetch import Answer, fetch
from lambdadispatch.wire.heads import request

BASE = "/2018-06-01/runtime"


class RuntimeApiError(Exception):
    """The Runtime API answered what it should not; the text says what was asked and the answer."""


class Event(NamedTuple):
    """One invocation: ``deadline`` in seconds since the epoch."""

    request_id: str
    deadline: float
    payload: bytes


class RuntimeApi:
    """Speaks to the Runtime API of this environment at ``address`` (host:port)."""

    def __init__(self, endpoint: IStreamClientEndpoint, address: str) -> None:
        self._endpoint = endpoint
        self._host = address.encode()

    async def next(self) -> Event:
        """The next invocation, whenever it comes: the environment may be frozen meanwhile."""
        path = f"{BASE}/invocation/next"
        answer = await self._ask(b"GET", path)
        if answer.status != 200:
            raise RuntimeApiError(f"GET {path} was answered {answer.status} {answer.body[:200]!r}")
        request_id = answer.fields.get(b"lambda-runtime-aws-request-id")
        deadline = answer.fields.get(b"lambda-runtime-deadline-ms")
        if request_id is None or deadline is None or not deadline.isdigit():
            raise RuntimeApiError(f"GET {path} was answered without request id or deadline")
        return Event(request_id.decode("latin-1"), int(deadline) / 1000, answer.body)

    async def respond(self, request_id: str, body: bytes) -> None:
        """The invocation's answer."""
        await self._post(f"{BASE}/invocation/{request_id}/response", body)

    async def fail(self, request_id: str, kind: str, message: str) -> None:
        """The invocation failed."""
        await self._post(f"{BASE}/invocation/{request_id}/error", *_error(kind, message))

    async def fail_init(self, kind: str, message: str) -> None:
        """The environment cannot serve invocations."""
        await self._post(f"{BASE}/init/error", *_error(kind, message))

    async def _post(self, path: str, body: bytes, kind: str | None = None) -> None:
        answer = await self._ask(b"POST", path, body, kind)
        if answer.status != 202:
            raise RuntimeApiError(f"POST {path} was answered {answer.status} {answer.body[:200]!r}")

    def _ask(
        self, method: bytes, path: str, body: bytes = b"", kind: str | None = None
    ) -> Deferred[Answer]:
        pairs = [(b"Host", self._host), (b"Content-Type", b"application/json")]
        if kind is not None:
            pairs.append((b"Lambda-Runtime-Function-Error-Type", kind.encode()))
        return fetch(self._endpoint, request(method, path.encode(), pairs, len(body)), body)


def _error(kind: str, message: str) -> tuple[bytes, str]:
    body = {"errorType": kind, "errorMessage": message, "stackTrace": []}
    return json.dumps(body).encode(), kind
