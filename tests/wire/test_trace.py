"""Trace context: what is kept and what a new one looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.wire.trace import AMZN_LIMIT, amzn_trace, render_amzn, render_w3c, w3c_trace

ROOT = b"Root=1-67891233-abcdef012345678912345678"
TRACE = b"67891233abcdef012345678912345678"
W3C = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

AMZN_KEPT = [
    ROOT,
    ROOT + b";",
    ROOT + b";Parent=53995c3f42cd8ad8;Sampled=1",
    ROOT + b"; Sampled=?",
    b"Self=1-67891234-12456789abcdef012345678;" + ROOT,
    b"Self=1-67891234-12456789abcdef012345678;" + ROOT + b";Lineage=a87bd80c:1|68fd508a:5",
]
AMZN_BROKEN = [
    b"",
    b"Root=",
    b"Root=1-67891233-abcdef01234567891234567",
    b"Root=2-67891233-abcdef012345678912345678",
    b"Root=1-6789123G-abcdef012345678912345678",
    ROOT.upper(),
    ROOT + b"0",
    ROOT + b",x",
    b"Parent=53995c3f42cd8ad8",
    ROOT + b";Self=" + b"x" * AMZN_LIMIT,
]
W3C_KEPT = [W3C, W3C[:-2] + b"00", b"cc" + W3C[2:], b"cc" + W3C[2:] + b"-what-the-future-brings"]
W3C_BROKEN = [
    b"",
    W3C.upper(),
    W3C[:-1],
    W3C + b"0",
    W3C + b"-more",
    b"ff" + W3C[2:],
    b"cc" + W3C[2:] + b".more",
    b"00-" + b"0" * 32 + W3C[35:],
    W3C[:36] + b"0" * 16 + b"-01",
    W3C.replace(b"-", b" "),
]


@pytest.mark.parametrize("value", AMZN_KEPT)
def test_amzn_kept(value: bytes) -> None:
    assert amzn_trace(value) == TRACE


@pytest.mark.parametrize("value", AMZN_BROKEN)
def test_amzn_broken(value: bytes) -> None:
    assert amzn_trace(value) is None


@pytest.mark.parametrize("value", W3C_KEPT)
def test_w3c_kept(value: bytes) -> None:
    assert w3c_trace(value) == W3C[3:35]


@pytest.mark.parametrize("value", W3C_BROKEN)
def test_w3c_broken(value: bytes) -> None:
    assert w3c_trace(value) is None


@given(st.integers(1, (1 << 128) - 1), st.integers(1, (1 << 64) - 1))
def test_what_is_written_is_read(trace: int, span: int) -> None:
    digits = b"%032x" % trace
    assert amzn_trace(render_amzn(digits)) == digits
    assert w3c_trace(render_w3c(digits, b"%016x" % span)) == digits
