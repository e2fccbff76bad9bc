"""What reading a head costs: ``python -m bench.parsers READER`` prints JSON."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Sequence

from bench.canned_answers import prepared
from bench.readers import READERS, Read
from bench.smuggling import fooled
from bench.wrk import request_head

MESSAGES = 2000
BATCHES = 9
_ids = iter(range(10**9))


def known_requests(count: int) -> list[bytes]:
    """The load's request, again and again."""
    return [request_head(8080, "/small")] * count


def new_targets(count: int) -> list[bytes]:
    """The same fields, and a target that was never seen."""
    return [request_head(8080, f"/small?n={next(_ids)}") for _ in range(count)]


def new_fields(count: int) -> list[bytes]:
    """The same target, and an X-Request-Id that was never seen."""
    known = request_head(8080, "/small")
    return [known.replace(b"0" * 20, b"%020d" % next(_ids)) for _ in range(count)]


def known_responses(count: int) -> list[bytes]:
    """The same answer again and again."""
    return [prepared(b"pong")] * count


def new_responses(count: int) -> list[bytes]:
    """An answer with a Date of its own: of the same length, and never seen."""
    known = prepared(b"pong")
    return [known.replace(b"Date: Thu", b"Date: %09d" % next(_ids)) for _ in range(count)]


def cost(
    make: Callable[[int], Sequence[Read]], messages: Callable[[int], Sequence[bytes]]
) -> float:
    """Microseconds of CPU for a message: the best of some batches."""
    best = float("inf")
    for _ in range(BATCHES):
        pairs = list(zip(make(MESSAGES), messages(MESSAGES), strict=True))
        gc.collect()
        begun = time.process_time()
        for read, data in pairs:
            read(data)
        best = min(best, time.process_time() - begun)
    return best / MESSAGES * 1e6


def measure(name: str) -> dict[str, float]:
    """All figures of one reader."""
    reader = READERS[name]
    return {
        "known_request_us": cost(reader.requests, known_requests),
        "new_target_us": cost(reader.requests, new_targets),
        "new_fields_us": cost(reader.requests, new_fields),
        "known_response_us": cost(reader.responses, known_responses),
        "new_response_us": cost(reader.responses, new_responses),
        "accepted": fooled(name),
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
