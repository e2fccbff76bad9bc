"""The whole table of requests."""

from __future__ import annotations

from tests.hostile import chunks, codings, fields, hops, lengths, lines, upgrades

REQUESTS = [
    *lengths.CASES,
    *codings.CASES,
    *chunks.CASES,
    *fields.CASES,
    *lines.CASES,
    *hops.CASES,
    *upgrades.CASES,
]
