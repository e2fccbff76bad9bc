"""The control port's Resource tree: ``/v1/instances/{instance}/channel`` and ``.../session``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from lambdadispatch.control.claims import DENIAL_STATUS, Claim, Claims, Denial
from lambdadispatch.control.server import log_denial
from lambdadispatch.http11 import stream
from lambdadispatch.http11.exchange import Exchange
from lambdadispatch.http11.resource import ResourceRequest
from lambdadispatch.wire.control import NONCE_FIELD, PROOF_FIELD, UPGRADES
from lambdadispatch.wire.fields import Fields
from lambdadispatch.wire.heads import response
from lambdadispatch.wire.printable import printable
from lambdadispatch.wire.proof import CHANNEL, SESSION

log = Logger()

JSON: Final = (b"Content-Type", b"application/json")

Successor = Callable[[Claim, str], stream.Successor]
"""Makes the protocol that takes an admitted connection over; the text is its nonce."""

OnDenied = Callable[[str], None]
"""Counts a denial by its word."""


def control_tree(claims: Claims, successors: dict[str, Successor], on_denied: OnDenied) -> Resource:
    """The root resource; ``successors`` by purpose (CHANNEL, SESSION)."""
    denials = Denials(on_denied)
    root, version = Level(denials), Level(denials)
    root.putChild(b"v1", version)
    version.putChild(b"instances", InstancesResource(claims, successors, denials))
    return root


class Denials:
    """What is told to who is not admitted: once each to the peer, the log and the counts.

    The connection ends with the answer, so that nobody can keep one open by asking again.
    """

    def __init__(self, on_denied: OnDenied) -> None:
        self._on_denied = on_denied

    def tell(
        self, request: ResourceRequest, status: int, reason: str, purpose: str = "", name: str = ""
    ) -> bytes:
        """Set the status and give a machine-readable reason as the body."""
        self.note(request.exchange, reason, purpose, name)
        request.setResponseCode(status)
        request.setHeader(*JSON)
        return _reason(reason)

    def note(self, exchange: Exchange, reason: str, purpose: str, name: str) -> None:
        """Log and count; the rest of the answer is the caller's."""
        exchange.close_after()
        self._on_denied(reason)
        if not purpose:
            log_denial(exchange.peer, reason)
            return
        log.warn(
            "a {purpose} of instance {instance} from {peer} was denied: {denial}",
            purpose=purpose,
            instance=printable(name),
            peer=exchange.peer,
            denial=reason,
        )


def ask_to_upgrade(exchange: Exchange, protocol: bytes) -> int:
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

    def __init__(self, denials: Denials) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._denials = denials

    def render(self, request: ResourceRequest) -> bytes:
        """404."""
        return self._denials.tell(request, 404, "unknown_path")

    def getChild(self, path: bytes, request: ResourceRequest) -> Resource:
        """Nothing, however much of the path follows: a path has one spelling."""
        nothing = Level(self._denials)
        nothing.isLeaf = True
        return nothing


class InstancesResource(Level):
    """Has a child for every name: who is not known is told so there."""

    def __init__(self, claims: Claims, successors: dict[str, Successor], denials: Denials) -> None:
        super().__init__(denials)
        self._claims = claims
        self._successors = successors

    def getChild(self, path: bytes, request: ResourceRequest) -> Resource:
        """The resource of one instance."""
        instance = Level(self._denials)
        name = path.decode("ascii", "replace")
        for purpose in (CHANNEL, SESSION):
            instance.putChild(
                purpose.encode(),
                UpgradeResource(
                    self._claims, name, purpose, self._successors[purpose], self._denials
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
        denials: Denials,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._claims = claims
        self._instance = instance
        self._purpose = purpose
        self._successor = successor
        self._denials = denials

    def render(self, request: ResourceRequest) -> bytes | int:
        """101, or why not."""
        if request.postpath:
            return self._denials.tell(request, 404, "unknown_path")
        fields = request.head.fields
        protocol = UPGRADES[self._purpose]
        if request.method != b"GET" or request.head.body:
            request.setHeader(b"Allow", b"GET")
            return self._deny(request, 405, "method_not_allowed")
        if fields.upgrade != protocol or b"upgrade" not in fields.connection:
            self._denials.note(request.exchange, "upgrade_required", self._purpose, self._instance)
            return ask_to_upgrade(request.exchange, protocol)
        nonce = (request.getHeader(NONCE_FIELD) or b"").decode("ascii", "replace")
        admitted = self._claims.admit(
            self._instance,
            self._purpose,
            nonce,
            _only(fields, PROOF_FIELD),
        )
        if isinstance(admitted, Denial):
            return self._deny(request, DENIAL_STATUS[admitted], admitted.value)
        head = response(101, ((b"Connection", b"Upgrade"), (b"Upgrade", protocol)), 0)
        request.exchange.switch(head, self._successor(admitted, nonce))
        return NOT_DONE_YET

    def _deny(self, request: ResourceRequest, status: int, reason: str) -> bytes:
        return self._denials.tell(request, status, reason, self._purpose, self._instance)


def _only(fields: Fields, name: bytes) -> str:
    """The value of a field that stands once; empty if it does not."""
    values = fields.get_all(name.lower())
    return values[0].decode("ascii", "replace") if len(values) == 1 else ""
