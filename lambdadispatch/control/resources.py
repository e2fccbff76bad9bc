"""The control port's Resource tree: ``/v1/instances/{instance}/channel`` and ``.../session``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from lambdadispatch.control.claims import DENIAL_STATUS, Claim, Claims, Denial
from lambdadispatch.http11 import stream
from lambdadispatch.http11.resource import ResourceRequest
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.control import NONCE_FIELD, PROOF_FIELD, UPGRADES
from lambdadispatch.wire.heads import response
from lambdadispatch.wire.proof import CHANNEL, SESSION

log = Logger()

JSON: Final = (b"Content-Type", b"application/json")

Successor = Callable[[Claim, str], stream.Successor]
"""Makes the protocol that takes an admitted connection over; the text is its nonce."""

OnDenied = Callable[[str], None]
"""Counts a denial by its word."""


def control_tree(claims: Claims, successors: dict[str, Successor], on_denied: OnDenied) -> Resource:
    """The root resource; ``successors`` by purpose (CHANNEL, SESSION)."""
    root, version = Level(), Level()
    root.putChild(b"v1", version)
    version.putChild(b"instances", InstancesResource(claims, successors, on_denied))
    return root


def tell(request: ResourceRequest, status: int, reason: str) -> bytes:
    """Set the status and give a machine-readable reason as the body."""
    request.setResponseCode(status)
    request.setHeader(*JSON)
    return _reason(reason)


def ask_to_upgrade(exchange: ServerExchange, protocol: bytes) -> int:
    """Answer 426, which must name the protocol (RFC 9110 section 15.5.22)."""
    body = _reason("upgrade_required")
    lines = b"Connection: Upgrade\r\nUpgrade: %b\r\n" % protocol
    exchange.answer(response(426, [JSON], len(body)), lines)
    exchange.write(body)
    exchange.end()
    return NOT_DONE_YET


def _reason(reason: str) -> bytes:
    return json.dumps({"component": "router", "reason": reason}).encode() + b"\n"


class Level(Resource):
    """A part of the paths that is nothing by itself, and whatever is not known below it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def render(self, request: ResourceRequest) -> bytes:
        """404."""
        return tell(request, 404, "unknown_path")

    def getChild(self, path: bytes, request: ResourceRequest) -> Resource:
        """Nothing either."""
        return self


class InstancesResource(Level):
    """Has a child for every name: who is not known is told so there."""

    def __init__(
        self, claims: Claims, successors: dict[str, Successor], on_denied: OnDenied
    ) -> None:
        super().__init__()
        self._claims = claims
        self._successors = successors
        self._on_denied = on_denied

    def getChild(self, path: bytes, request: ResourceRequest) -> Resource:
        """The resource of one instance."""
        instance = Level()
        name = path.decode("ascii", "replace")
        for purpose in (CHANNEL, SESSION):
            instance.putChild(
                purpose.encode(),
                UpgradeResource(
                    self._claims, name, purpose, self._successors[purpose], self._on_denied
                ),
            )
        return instance


class UpgradeResource(Resource):
    """Admits one connection and hands it over (RFC 9110 section 7.8)."""

    isLeaf = True

    def __init__(
        self,
        claims: Claims,
        instance: str,
        purpose: str,
        successor: Successor,
        on_denied: OnDenied,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._claims = claims
        self._instance = instance
        self._purpose = purpose
        self._successor = successor
        self._on_denied = on_denied

    def render(self, request: ResourceRequest) -> bytes | int:
        """101, or why not."""
        fields = request.head.fields
        protocol = UPGRADES[self._purpose]
        if request.method != b"GET" or request.head.body:
            request.setHeader(b"Allow", b"GET")
            return tell(request, 405, "method_not_allowed")
        if fields.upgrade != protocol or b"upgrade" not in fields.connection:
            return ask_to_upgrade(request.exchange, protocol)
        nonce = (request.getHeader(NONCE_FIELD) or b"").decode("ascii", "replace")
        admitted = self._claims.admit(
            self._instance,
            self._purpose,
            nonce,
            (request.getHeader(PROOF_FIELD) or b"").decode("ascii", "replace"),
        )
        if isinstance(admitted, Denial):
            return self._deny(request, admitted)
        head = response(101, ((b"Connection", b"Upgrade"), (b"Upgrade", protocol)), 0)
        request.exchange.switch(head, self._successor(admitted, nonce))
        return NOT_DONE_YET

    def _deny(self, request: ResourceRequest, denial: Denial) -> bytes:
        self._on_denied(denial)
        log.warn(
            "a {purpose} of instance {instance} from {peer} was denied: {denial}",
            purpose=self._purpose,
            instance=self._instance,
            peer=request.exchange.peer,
            denial=denial.value,
        )
        return tell(request, DENIAL_STATUS[denial], denial)
