"""What the router answers by itself: a status and a machine-readable reason."""

from __future__ import annotations

import json

from lambdadispatch.http11.exchange import Exchange


def answer_reason(exchange: Exchange, status: int, reason: str, retry_after: int = 1) -> None:
    """Answer ``{"component": "router", "reason": ...}``; 503 asks to retry after some seconds."""
    body = json.dumps({"component": "router", "reason": str(reason)}).encode() + b"\n"
    pairs = [(b"Content-Type", b"application/json")]
    if status == 503:
        pairs.append((b"Retry-After", b"%d" % retry_after))
    exchange.respond(status, pairs, body)
