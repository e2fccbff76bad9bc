"""Damaged seeds, drawn by hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.fuzz.seeds import LARGEST, TOKENS

PLACES = st.integers(0, LARGEST)


@st.composite
def inputs(draw: Any, seeds: list[bytes]) -> bytes:
    """One or two seeds joined, with up to five octets or tokens put in, taken out or repeated."""
    data: bytes = draw(st.sampled_from(seeds))
    if draw(st.booleans()):
        other = draw(st.sampled_from(seeds))
        data = data[: draw(PLACES)] + other[draw(PLACES) % (len(other) + 1) :] + data
    for _ in range(draw(st.integers(0, 5))):
        at = draw(PLACES) % (len(data) + 1)
        put = draw(st.one_of(st.sampled_from(TOKENS), st.binary(max_size=3)))
        data = data[:at] + put + data[at + draw(st.integers(0, 4)) :]
    return data[:LARGEST]
