"""The one word with which each request, channel and invocation ends.

The same word stands in the log, in the counts and in the tests.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class RequestOutcome(StrEnum):
    """How a request ended."""

    ANSWERED = "answered"
    """The application's whole response was passed on."""
    CLIENT_GONE = "client_gone"
    """The client left, waiting or running."""
    CLIENT_STALLED = "client_stalled"
    """The client did not read its response in time."""
    BAD_REQUEST = "bad_request"
    """The request broke the rules of HTTP."""
    BODY_TOO_LARGE = "body_too_large"
    """The request's body came to more than is allowed."""
    BODY_TOO_SLOW = "body_too_slow"
    """The request's body came more slowly than is allowed."""
    ANSWER_LOST = "answer_lost"
    """Instance or application died before the response's head."""
    ANSWER_CUT = "answer_cut"
    """Instance or application died within the response."""
    BAD_ANSWER = "bad_answer"
    """The application's response broke the rules of HTTP."""
    TUNNEL_CLOSED = "tunnel_closed"
    """It became a tunnel (a WebSocket), which ended in order."""
    TUNNEL_CUT = "tunnel_cut"
    """It became a tunnel, and instance or application broke it, or had no more time."""
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    """The application's response did not begin in time."""
    IDLE_TIMEOUT = "idle_timeout"
    """Nothing passed in either direction for too long."""
    TOTAL_TIMEOUT = "total_timeout"
    """The whole request took too long."""
    QUEUE_TIMEOUT = "queue_timeout"
    """No instance took it in time."""
    QUEUE_FULL = "queue_full"
    """Too many requests were waiting."""
    INVOKE_REFUSED = "invoke_refused"
    """AWS refused to start the function and nothing else runs."""
    START_FAILED = "start_failed"
    """The function keeps failing at start and nothing else runs."""
    BREAKER_OPEN = "breaker_open"
    """Instances kept ending badly, starts are held back, and nothing runs."""
    BUDGET_SPENT = "budget_spent"
    """The budget allows no start now, and nothing runs."""
    DRAINING = "draining"
    """The router was stopped before an instance took it."""
    UNKNOWN_ROUTE = "unknown_route"
    """No route takes its host and path, so it is for no function."""


STATUS: Final = {
    RequestOutcome.ANSWER_LOST: 502,
    RequestOutcome.BAD_ANSWER: 502,
    RequestOutcome.QUEUE_TIMEOUT: 504,
    RequestOutcome.TOTAL_TIMEOUT: 504,
    RequestOutcome.QUEUE_FULL: 503,
    RequestOutcome.INVOKE_REFUSED: 503,
    RequestOutcome.START_FAILED: 503,
    RequestOutcome.BREAKER_OPEN: 503,
    RequestOutcome.BUDGET_SPENT: 503,
    RequestOutcome.DRAINING: 503,
    RequestOutcome.UNKNOWN_ROUTE: 404,
}
"""The status a client is told for an outcome that the router answers itself."""


class StartFailure(StrEnum):
    """Why an invocation never became an instance that could serve."""

    REFUSED = "refused"
    """AWS did not accept the call (4xx, 5xx, throttled)."""
    ENDED = "ended"
    """The function ended, failed or crashed before it offered a channel."""
    SILENT = "silent"
    """It did not call back, or offered no channel, within the limit."""


class InstanceFailure(StrEnum):
    """How an instance failed a request that it was given."""

    LOST = "lost"
    """The channel ended before the response did."""
    REFUSED = "refused"
    """It said that it has not touched the request and cannot (a nack)."""
    SLOW = "slow"
    """The response did not begin in time, or stood still."""
