"""``/health`` (alive), ``/ready`` (would serve), ``/state`` (JSON) and ``/metrics``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from twisted.web.http import Request as HttpRequest
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from lambdadispatch.admin.metrics import Metrics, MetricsResource, Reading


def admin_tree(ready: Callable[[], str | None], state: Callable[[], Mapping[str, Any]]) -> Resource:
    """``ready`` gives None, or why requests would not be served; ``state`` what /state shows."""
    root = Resource()
    root.putChild(b"health", TextResource(lambda: None))
    root.putChild(b"ready", TextResource(ready))
    root.putChild(b"state", StateResource(state))
    root.putChild(b"metrics", MetricsResource(lambda: _one_process(state())))
    return root


def _one_process(state: Mapping[str, Any]) -> Metrics:
    """A router that is one process is worker 0, so that one query serves for both kinds."""
    return Metrics([Reading("0", True, 1, state)], {"0": os.getpid()})


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
        return reason_page(request, self._check())


class StateResource(Resource):
    """What there is now, and counts since start, as JSON."""

    isLeaf = True

    def __init__(self, state: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._state = state

    def render_GET(self, request: Request) -> bytes:
        """The state as JSON."""
        return json_page(request, self._state())


def reason_page(request: Request, reason: str | None) -> bytes:
    """The body of a check's answer: 200 for None, else 503."""
    request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
    if reason is not None:
        request.setResponseCode(503)
    return (reason or "ok").encode() + b"\n"


def json_page(request: Request, value: object) -> bytes:
    """The body of an answer in JSON."""
    request.setHeader(b"Content-Type", b"application/json")
    return json.dumps(value, indent=2).encode() + b"\n"
