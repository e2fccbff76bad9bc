"""``/health`` (alive), ``/ready`` (would serve) and ``/state`` (JSON)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from twisted.web.http import Request as HttpRequest
from twisted.web.resource import Resource
from twisted.web.server import Request, Site


def admin_tree(ready: Callable[[], str | None], state: Callable[[], Mapping[str, Any]]) -> Resource:
    """``ready`` gives None, or why requests would not be served; ``state`` what /state shows."""
    root = Resource()
    root.putChild(b"health", TextResource(lambda: None))
    root.putChild(b"ready", TextResource(ready))
    root.putChild(b"state", StateResource(state))
    return root


class AdminSite(Site):
    """Writes no access log: checks come every few seconds and mean nothing."""

    noisy = False

    def log(self, request: HttpRequest) -> None:
        """Write nothing."""


class TextResource(Resource):
    """200 ``ok``, or 503 with the reason."""

    isLeaf = True

    def __init__(self, check: Callable[[], str | None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._check = check

    def render_GET(self, request: Request) -> bytes:
        """The check's result."""
        reason = self._check()
        request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        if reason is not None:
            request.setResponseCode(503)
        return (reason or "ok").encode() + b"\n"


class StateResource(Resource):
    """What there is now, and counts since start, as JSON."""

    isLeaf = True

    def __init__(self, state: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._state = state

    def render_GET(self, request: Request) -> bytes:
        """The state as JSON."""
        request.setHeader(b"Content-Type", b"application/json")
        return json.dumps(self._state(), indent=2).encode() + b"\n"
