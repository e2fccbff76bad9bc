"""Trace context for applications: passed on as it came, or made where there is none.

A trace id tells nothing about who asks, so a well-formed one is kept whoever sent it. Where both
fields are wanted and one came, the other is made with the same trace id, so that both lead to the
same trace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lambdadispatch.wire.fields import Fields, NameSet
from lambdadispatch.wire.trace import (
    AMZN,
    STATE,
    W3C,
    amzn_trace,
    render_amzn,
    render_w3c,
    w3c_trace,
)

_WHOLE: Final = NameSet(())
_WITHOUT: Final = {
    (False, False): _WHOLE,
    (True, False): NameSet([AMZN]),
    (False, True): NameSet([W3C, STATE]),
    (True, True): NameSet([AMZN, W3C, STATE]),
}
"""What is taken away when (X-Amzn-Trace-Id, traceparent) is made anew. A tracestate means nothing
without the traceparent it came with (W3C Trace Context section 3.3.1).
"""


class Traces:
    """Makes what is missing of X-Amzn-Trace-Id (``amzn``) and of traceparent (``w3c``).

    ``bits`` gives so many random bits, ``epoch`` the time in seconds since 1970.
    """

    def __init__(
        self, *, amzn: bool, w3c: bool, bits: Callable[[int], int], epoch: Callable[[], float]
    ) -> None:
        self._amzn = amzn
        self._w3c = w3c
        self._bits = bits
        self._epoch = epoch

    def lines(self, fields: Fields) -> tuple[NameSet, bytes]:
        """What to take away from a request with these fields, and the lines to add to it."""
        amzn = amzn_trace(_only(fields, AMZN)) if self._amzn else None
        w3c = w3c_trace(_only(fields, W3C)) if self._w3c else None
        make_amzn, make_w3c = self._amzn and amzn is None, self._w3c and w3c is None
        lines = b""
        if make_amzn or make_w3c:
            trace = amzn or w3c or b"%08x%024x" % (int(self._epoch()), self._bits(96))
            if make_amzn:
                lines = b"X-Amzn-Trace-Id: %b\r\n" % render_amzn(trace)
            if make_w3c:
                span = b"%016x" % (self._bits(64) or 1)
                lines += b"traceparent: %b\r\n" % render_w3c(trace, span)
        return _WITHOUT[make_amzn, make_w3c], lines


def _only(fields: Fields, name: bytes) -> bytes:
    """The value of a field that must be there once; empty if it is not, or more than once."""
    values = fields.get_all(name)
    return values[0] if len(values) == 1 else b""
