"""One Invoke call on its way through an environment."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from lambdadispatch.local.logs import LogTail
from lambdadispatch.local.results import Result


def new_trace_id(now: float) -> str:
    """Return an unsampled X-Ray trace header for a call that brought none; ``now`` is epoch s."""
    root = f"1-{int(now):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"


@dataclass(slots=True)
class Invocation:
    """What the function is given, and the Deferred that fires with what it made of it.

    ``done`` fires once, with a Result, and never fails. Nobody need wait for it: an invoker that
    has gone away changes nothing.
    """

    payload: bytes
    function_arn: str
    trace_id: str
    client_context: str | None = None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    log_tail: LogTail = field(default_factory=LogTail)
    done: Deferred[Result] = field(default_factory=Deferred)

    def runtime_headers(self, deadline: float) -> list[tuple[str, str]]:
        """Return the headers of the event in the Runtime API; ``deadline`` is epoch seconds."""
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", self.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(int(deadline * 1000))),
            ("Lambda-Runtime-Invoked-Function-Arn", self.function_arn),
            ("Lambda-Runtime-Trace-Id", self.trace_id),
        ]
        if self.client_context is not None:
            headers.append(("Lambda-Runtime-Client-Context", self.client_context))
        return headers
