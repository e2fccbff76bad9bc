"""Trace context as bytes: what is well formed, and what a new one looks like.

Sources: AWS X-Ray, "Tracing header" (Root=1-{8 hex: epoch seconds}-{24 hex}, then Parent, Sampled,
Self and Lineage in any order); W3C Trace Context sections 3.2 (traceparent) and 3.3 (tracestate).
"""

from __future__ import annotations

import re
from typing import Final

AMZN: Final = b"x-amzn-trace-id"
W3C: Final = b"traceparent"
STATE: Final = b"tracestate"

_AMZN = re.compile(
    rb"(?:[A-Za-z]+=[!-:<-~]*; ?)*Root=1-([0-9a-f]{8})-([0-9a-f]{24})"
    rb"(?:; ?[A-Za-z]+=[!-:<-~]*)*;?"
)
_W3C = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?", re.DOTALL)
AMZN_LIMIT: Final = 512


def amzn_trace(value: bytes) -> bytes | None:
    """The trace id (32 hexadecimal digits) of an X-Amzn-Trace-Id; None if it cannot be read."""
    match = _AMZN.fullmatch(value) if len(value) <= AMZN_LIMIT else None
    return None if match is None else match[1] + match[2]


def w3c_trace(value: bytes) -> bytes | None:
    """The trace id (32 hexadecimal digits) of a traceparent; None if it cannot be used.

    A version above 00 may have more after the flags (W3C Trace Context section 4.3).
    """
    match = _W3C.fullmatch(value)
    if match is None or match[1] == b"ff" or (match[1] == b"00" and match[4]):
        return None
    return match[2] if match[2].strip(b"0") and match[3].strip(b"0") else None


def render_amzn(trace: bytes) -> bytes:
    """An X-Amzn-Trace-Id of this trace id."""
    return b"Root=1-%b-%b" % (trace[:8], trace[8:])


def render_w3c(trace: bytes, span: bytes) -> bytes:
    """A traceparent of version 00. Not sampled: that is for who records traces to decide."""
    return b"00-%b-%b-00" % (trace, span)
