"""How what nginx and HAProxy make of a case differs from what must come of it here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import NamedTuple

from tests.hostile.case import Accepted, Case, Rejected
from tests.hostile.proxies import Lane, Seen

OWN_FIELDS = frozenset([b"connection", b"x-forwarded-for"])
"""Fields that a proxy writes by itself."""


class Difference(NamedTuple):
    case: Case
    kind: str
    detail: str


def parts(request: bytes) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
    """Request line, fields sorted by name and without the proxy's own, body; chunked or not."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    pairs = [
        (name.lower(), value.strip()) for name, _, value in (ln.partition(b":") for ln in lines)
    ]
    coded = any(name == b"transfer-encoding" for name, _ in pairs)
    left_out = OWN_FIELDS | {b"transfer-encoding", b"content-length"}
    kept = sorted(pair for pair in pairs if pair[0] not in left_out)
    return first, kept, _data(body) if coded else body


def _data(body: bytes) -> bytes:
    """The data of a chunked body in the one form of ``messages``, with its trailers."""
    line, _, rest = body.partition(b"\r\n")
    size = int(line, 16)
    trailers = rest[size + 2 :].removeprefix(b"0\r\n") if size else rest
    lines = [each.partition(b":") for each in trailers.split(b"\r\n") if each]
    return rest[:size] + b"".join(b"\r\n%b:%b" % (name.lower(), value) for name, _, value in lines)


def difference(case: Case, seen: Seen) -> Difference | None:
    """None if the proxy did what must come of the case here."""
    expected = case.expected
    refused = [status for status in seen.statuses if status >= 400 or status == 9]
    if isinstance(expected, Accepted):
        if refused or not seen.requests:
            return Difference(case, "refused there", f"{refused or 'no answer'}")
        ours = [parts(request) for request in expected.seen]
        theirs = [parts(request) for request in seen.requests]
        if ours != theirs:
            return Difference(case, "seen otherwise", _first(ours, theirs))
        return None
    if isinstance(expected, Rejected) and seen.requests:
        return Difference(case, "accepted there", " | ".join(map(repr, seen.requests))[:400])
    return None


def _first(ours: list[object] | list[tuple], theirs: list[tuple]) -> str:  # type: ignore[type-arg]
    if len(ours) != len(theirs):
        return f"{len(theirs)} requests, not {len(ours)}: {theirs}"[:400]
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b]
    told = [
        f"{b!r} for {a!r}"
        for one, other in pairs
        for a, b in zip(one, other, strict=True)
        if a != b
    ]
    return "; ".join(told)[:400]


def differences(cases: list[Case], lanes: list[Lane]) -> list[Difference]:
    """All of them, in the order of the cases."""
    free: SimpleQueue[Lane] = SimpleQueue()
    for lane in lanes:
        free.put(lane)

    def run(case: Case) -> Difference | None:
        lane = free.get()
        try:
            return difference(case, lane.ask(case.raw))
        finally:
            free.put(lane)

    with ThreadPoolExecutor(len(lanes)) as pool:
        return [found for found in pool.map(run, cases) if found is not None]
