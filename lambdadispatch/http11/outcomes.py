"""The one word with which a relayed exchange ends."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from lambdadispatch.http11.exchange import CLIENT_GONE, CLIENT_STALLED


class RelayOutcome(StrEnum):
    """How a relayed exchange ended."""

    ANSWERED = "answered"
    """The whole response was passed on."""
    CLIENT_GONE = "client_gone"
    """The client left before it had the whole response."""
    CLIENT_STALLED = "client_stalled"
    """The client did not read the response in time; its connection was cut."""
    ANSWER_LOST = "answer_lost"
    """The server was lost before the response's head; the client was told 502."""
    ANSWER_CUT = "answer_cut"
    """The server was lost within the response; the client's connection was cut."""
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    """The response did not begin in time; the client was told 504."""
    IDLE_TIMEOUT = "idle_timeout"
    """Nothing passed in either direction for too long; the client was told 504 or cut."""
    TOTAL_TIMEOUT = "total_timeout"
    """The whole took too long; the client was told 504 or cut."""
    BAD_REQUEST = "bad_request"
    """The request's body broke the rules."""
    BODY_TOO_LARGE = "body_too_large"
    """The request's body came to more than is allowed."""
    BODY_TOO_SLOW = "body_too_slow"
    """The request's body came more slowly than is allowed."""
    BAD_ANSWER = "bad_answer"
    """The server's response broke the rules; the client was told 502 or cut."""
    TUNNEL_CLOSED = "tunnel_closed"
    """It became a tunnel, which client, server or the router itself ended in order."""
    TUNNEL_CUT = "tunnel_cut"
    """It became a tunnel, which ended because the server's connection broke or was cut."""


ANSWERED: Final = RelayOutcome.ANSWERED
"""By itself, for it is read at every request."""

_CLIENT_LOSSES: Final = {
    CLIENT_GONE: RelayOutcome.CLIENT_GONE,
    CLIENT_STALLED: RelayOutcome.CLIENT_STALLED,
    "body_too_large": RelayOutcome.BODY_TOO_LARGE,
    "body_too_slow": RelayOutcome.BODY_TOO_SLOW,
}


def client_loss(reason: str) -> RelayOutcome:
    """The outcome of a request that its client ended, or could not go on with."""
    return _CLIENT_LOSSES.get(reason, RelayOutcome.BAD_REQUEST)
