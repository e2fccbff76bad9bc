"""Limits on connections and on how slow their clients may be, and what the sweeps saw of them.

Theory of operation. A sweep looks once a second at what a connection waits for: the rest of a head,
or the body of a request that somebody takes. It notes when it saw that first and how much had come,
and compares at later sweeps. So a client that keeps pace costs nothing but the look, and a slow one
costs a small object. A time limit is kept to within a second.

A client that reads its answer too slowly holds a channel as surely as one that writes too slowly.
What was written and is not read yet is bounded, so it is asked only that this leaves in some time.

A body counts only while somebody takes it, and not while its answer is under way: a client that is
held back is not slow, and one that listens to its answer may send as seldom as both sides like.

Rejected: a timer for each head and body, of which nearly all would be cancelled; a limit on the
time between two reads, which one octet now and then keeps to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from lambdadispatch.wire.errors import RemoteProtocolError

if TYPE_CHECKING:
    from lambdadispatch.http11.exchange import ServedConnection

GRACE_SWEEPS: Final = 20
"""Sweeps over which the rate of a body is averaged."""


class ConnectionLimits(NamedTuple):
    """What one connection may do; 0 sets no limit.

    ``head_sweeps``: sweeps that a head may take from its first octet; ``body_rate``: octets of a
    body that must come a second; ``requests``: requests after which it is closed;
    ``unread_sweeps``: sweeps that a client may take to read what its transport holds for it.
    """

    head_sweeps: int = 0
    body_rate: int = 0
    requests: int = 0
    unread_sweeps: int = 0


NO_LIMITS: Final = ConnectionLimits()


def head_timeout(limits: ConnectionLimits) -> RemoteProtocolError:
    """What a head is refused with that does not become whole."""
    detail = f"no whole head in {limits.head_sweeps} s"
    return RemoteProtocolError("head_timeout", detail, status=408)


def body_too_slow(limits: ConnectionLimits) -> RemoteProtocolError:
    """What a body is refused with that does not keep pace."""
    detail = f"under {limits.body_rate} octets/s"
    return RemoteProtocolError("body_too_slow", detail, status=408)


class Admission(Protocol):
    """Decides which connections are served."""

    def opened(self, connection: ServedConnection) -> bool:
        """A connection is there; whether to serve it, else it is cut."""

    def closed(self, connection: ServedConnection) -> None:
        """It is gone. Also told of one that was not served."""


class Pace:
    """What was awaited at a sweep: ``awaited`` tells one head or body from another; ``octets`` had
    come in all by then.
    """

    __slots__ = ("awaited", "octets", "since")

    def __init__(self, awaited: object, since: int, octets: int) -> None:
        self.awaited = awaited
        self.since = since
        self.octets = octets

    def too_slow(self, sweeps: int, octets: int, rate: int) -> bool:
        """Whether a body came too slowly; begins anew after each time over which it is averaged."""
        passed = sweeps - self.since
        if passed < GRACE_SWEEPS:
            return False
        slow = octets - self.octets < rate * passed
        self.since, self.octets = sweeps, octets
        return slow
