"""The states of one HTTP/1.1 connection, the same at both of its ends.

An exchange is a request and the response to it. Each side keeps the state of its connection by
looking up (state, event) in one table; a pair that is not in the table is a broken rule.

The two directions are independent: a response may begin, and end, while its request is still
being sent. ``REUSED`` is reached by neither event alone but when both directions have ended.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from lambdadispatch.wire.errors import LocalProtocolError


class State(StrEnum):
    """Where a connection stands."""

    IDLE = "idle"
    """Between two exchanges; the next request may begin."""
    OPEN = "open"
    """Request and response both unfinished."""
    ANSWERING = "answering"
    """The request is complete, the response is not."""
    UPLOADING = "uploading"
    """The response is complete, the request is not."""
    TUNNELLED = "tunnelled"
    """The connection has changed its protocol and carries octets that are not read as HTTP."""
    CLOSED = "closed"
    """No further exchange on this connection."""


# To read a name from an enum costs several times what to read one from a module does, and these
# are read for every message.
IDLE: Final = State.IDLE
OPEN: Final = State.OPEN
ANSWERING: Final = State.ANSWERING
UPLOADING: Final = State.UPLOADING
TUNNELLED: Final = State.TUNNELLED
CLOSED: Final = State.CLOSED


class Step(StrEnum):
    """What moves a connection from one state to another."""

    REQUEST_BEGUN = "request_begun"
    REQUEST_WHOLE = "request_whole"
    """Begun and ended: a request that has no body."""
    REQUEST_ENDED = "request_ended"
    RESPONSE_ENDED = "response_ended"
    SWITCHED = "switched"
    """A 101 answered it: the exchange has become a tunnel, which ends with the connection."""
    LOST = "lost"


REQUEST_BEGUN: Final = Step.REQUEST_BEGUN
REQUEST_WHOLE: Final = Step.REQUEST_WHOLE
REQUEST_ENDED: Final = Step.REQUEST_ENDED
RESPONSE_ENDED: Final = Step.RESPONSE_ENDED
SWITCHED: Final = Step.SWITCHED
LOST: Final = Step.LOST

TABLE: Final[dict[tuple[State, Step], State]] = {
    (IDLE, REQUEST_BEGUN): OPEN,
    (IDLE, REQUEST_WHOLE): ANSWERING,
    (OPEN, REQUEST_ENDED): ANSWERING,
    (OPEN, RESPONSE_ENDED): UPLOADING,
    (ANSWERING, RESPONSE_ENDED): IDLE,
    (UPLOADING, REQUEST_ENDED): IDLE,
    (ANSWERING, SWITCHED): TUNNELLED,
    (IDLE, LOST): CLOSED,
    (OPEN, LOST): CLOSED,
    (ANSWERING, LOST): CLOSED,
    (UPLOADING, LOST): CLOSED,
    (TUNNELLED, LOST): CLOSED,
    (CLOSED, LOST): CLOSED,
}


def after(state: State, step: Step) -> State:
    """The state that follows; LocalProtocolError for a step that the state does not allow."""
    try:
        return TABLE[state, step]
    except KeyError:
        raise LocalProtocolError("bad_step", f"{step} cannot happen while {state}") from None
