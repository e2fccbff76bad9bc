"""What ended an HTTP call, in words for a message."""

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

CANCELLED = "the call was cancelled"


def what_failed(failure: Failure) -> str:
    """Type and text of the error; those within, where Twisted's HTTP client has wrapped it."""
    reasons = getattr(failure.value, "reasons", None)
    while reasons:
        failure = reasons[0]
        reasons = getattr(failure.value, "reasons", None)
    if isinstance(failure.value, CancelledError):
        return CANCELLED
    return f"{type(failure.value).__name__}: {failure.getErrorMessage()}"
