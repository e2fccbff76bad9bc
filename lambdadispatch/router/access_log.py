"""The access log: a line for each request, when it has ended."""

from __future__ import annotations

from typing import Final, cast

from txaio.tx import make_logger

from lambdadispatch.control.channel import Channel
from lambdadispatch.core.outcomes import RequestOutcome
from lambdadispatch.front.request import Request
from lambdadispatch.front.request_ids import id_in
from lambdadispatch.router.invocations import Invocation

log = make_logger()

LINE: Final = (
    "request {method} {target}: {outcome}, arrival {arrival}, assignment {assignment}, "
    "attempts {attempts}, invocation {invocation}, instance {instance}, channel {channel}, "
    "client {client}, id {request_id}"
)
OF_A_POOL: Final = LINE + ", host {host}, pool {pool}"


def log_request(
    request: Request, outcome: RequestOutcome, invocation: Invocation | None, pool: str | None
) -> None:
    """Log one request; ``pool`` is empty if there is but one, None if it has none."""
    head = request.exchange.head
    channel = cast("Channel | None", request.channel)
    hosts = head.fields.hosts if head else ()
    log.info(
        LINE if pool == "" else OF_A_POOL,
        method=head.method.decode() if head else "",
        target=_shown(head.target) if head else "",
        outcome=outcome.value,
        arrival=request.arrival or None,
        assignment=request.assignment or None,
        attempts=request.attempts,
        invocation=invocation.name if invocation else None,
        instance=channel.instance if channel else None,
        channel=channel.name if channel else None,
        client=request.exchange.peer,
        request_id=id_in(request.exchange.own_lines),
        host=hosts[0].decode("ascii", "backslashreplace") if hosts else None,
        pool=pool,
    )


def _shown(target: bytes) -> str:
    """A target, in which a client may have put the ends of lines that Unicode has, and what
    terminals obey: then none of its octets beyond ASCII is shown as a character.
    """
    text = target.decode("utf-8", "backslashreplace")
    return text if text.isprintable() else target.decode("ascii", "backslashreplace")
