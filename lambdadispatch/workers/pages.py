"""The admin pages of the parent: what all workers tell, on one page each.

A page asks every worker that is up for its own page, all at once, and waits for ``PATIENCE``
seconds at most: a worker that is dead or stuck is shown as such and holds up nobody.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import Agent
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from lambdadispatch.admin.metrics import Metrics, Reading, metrics_page
from lambdadispatch.admin.resources import TextResource, json_page, reason_page
from lambdadispatch.workers.merging import merged
from lambdadispatch.workers.place import Place
from lambdadispatch.workers.sockets import ADMIN, LOOPBACK

log = Logger()

PATIENCE = 1.0

READY_PAGE, STATE_PAGE = "ready", "state"


class Fetch(Protocol):
    """Gets a page of a worker."""

    def __call__(self, port: int, page: str) -> Deferred[bytes | None]:
        """The body, whatever the status; None if none came in time."""


class HttpFetch:
    """Gets pages over HTTP on the loopback."""

    def __init__(self, reactor: Any) -> None:
        self._clock: IReactorTime = reactor
        # No pool: a page is asked for every few seconds, and a worker may be another by then.
        agent = Agent(reactor, connectTimeout=PATIENCE)
        self._client = HTTPClient(agent)

    def __call__(self, port: int, page: str) -> Deferred[bytes | None]:
        """The body, whatever the status; None if none came in time."""
        fetched: Deferred[bytes | None] = Deferred.fromCoroutine(self._get(port, page))
        return fetched.addTimeout(PATIENCE, self._clock).addErrback(self._failed, port, page)

    async def _get(self, port: int, page: str) -> bytes | None:
        response = await self._client.get(f"http://{LOOPBACK}:{port}/{page}")
        body: bytes = await response.content()
        return body

    def _failed(self, failure: Failure, port: int, page: str) -> None:
        log.warn(
            "a worker did not answer /{page} on its port {port}: {error}",
            page=page,
            port=port,
            error=failure.value,
        )


class Pages:
    """The pages. ``draining`` tells whether the parent is."""

    def __init__(self, places: Sequence[Place], fetch: Fetch, draining: Callable[[], bool]) -> None:
        self._places = places
        self._fetch = fetch
        self._draining = draining

    def tree(self) -> Resource:
        """All of them."""
        root = Resource()
        root.putChild(b"health", TextResource(lambda: None))
        root.putChild(b"ready", GatheredPage(lambda: self._ask(READY_PAGE), self._ready))
        root.putChild(b"state", GatheredPage(lambda: self._ask(STATE_PAGE), self._state))
        root.putChild(b"metrics", GatheredPage(lambda: self._ask(STATE_PAGE), self._metrics))
        return root

    def _ask(self, page: str) -> Deferred[list[bytes | None]]:
        """What each place's worker answers; None if it is not up or did not answer."""
        asked: list[Deferred[bytes | None]] = [
            self._fetch(place.ports[ADMIN], page) if place.supervision.up else succeed(None)
            for place in self._places
        ]
        return DeferredList(asked).addCallback(lambda results: [body for _, body in results])

    def _ready(self, request: Request, bodies: Sequence[bytes | None]) -> bytes:
        reasons = [
            f"worker {place.number}: {_why_not(place, body)}"
            for place, body in zip(self._places, bodies, strict=True)
            if _why_not(place, body)
        ]
        if self._draining():
            reasons = ["draining"]
        return reason_page(request, "\n".join(reasons) or None)

    def _state(self, request: Request, bodies: Sequence[bytes | None]) -> bytes:
        states = [None if body is None else json.loads(body) for body in bodies]
        whole = merged([state for state in states if state is not None])
        whole["workers"] = [
            {
                "worker": place.number,
                "pid": place.pid,
                "up": place.supervision.up,
                "starts": place.supervision.starts,
                "state": state,
            }
            for place, state in zip(self._places, states, strict=True)
        ]
        return json_page(request, whole)

    def _metrics(self, request: Request, bodies: Sequence[bytes | None]) -> bytes:
        readings = [
            Reading(
                str(place.number),
                place.supervision.up,
                place.supervision.starts,
                None if body is None else json.loads(body),
            )
            for place, body in zip(self._places, bodies, strict=True)
        ]
        pids = {str(each.number): each.pid for each in self._places if each.pid is not None}
        return metrics_page(request, Metrics(readings, {"parent": os.getpid(), **pids}))


def _why_not(place: Place, body: bytes | None) -> str | None:
    """Why one worker would not serve."""
    if not place.supervision.up:
        return "not up"
    if body is None:
        return "no answer"
    text = body.decode("utf-8", "replace").strip()
    return None if text == "ok" else text


class GatheredPage(Resource):
    """A page made by ``render`` from what ``ask`` brings together."""

    isLeaf = True

    def __init__(
        self,
        ask: Callable[[], Deferred[list[bytes | None]]],
        render: Callable[[Request, Sequence[bytes | None]], bytes],
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._ask = ask
        self._render = render

    def render_GET(self, request: Request) -> int:
        """Answer when all have answered, or their time is over."""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)

        def answer(bodies: list[bytes | None]) -> None:
            if not gone:
                request.write(self._render(request, bodies))
                request.finish()

        def failed(failure: Failure) -> None:
            log.failure("an admin page could not be made", failure)
            if not gone:
                request.setResponseCode(500)
                request.finish()

        self._ask().addCallback(answer).addErrback(failed)
        return NOT_DONE_YET
