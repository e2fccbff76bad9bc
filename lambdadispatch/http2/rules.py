"""What the connections of one server have in common beside what HTTP/1.1 has too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from lambdadispatch.http11.exchange import Exchange
from lambdadispatch.wire.errors import RemoteProtocolError

UNCALM: Final = "too_many_frames"
"""Why exchanges end when a client has used up what it may ask for."""
TOO_LARGE: Final = "head_too_large"
"""Why exchanges end when a head was begun that is far over its limit."""
BROKEN: Final = "protocol_error"
"""Why exchanges end when their connection has broken the rules of HTTP/2."""


class Http2Rules(NamedTuple):
    """Who is told of requests, as by HttpServer; how many streams one connection may have open at
    once; what counts the connections that were ended because they broke a rule, by the rule.
    """

    on_request: Callable[[Exchange], None]
    on_refused: Callable[[Exchange, RemoteProtocolError], None]
    streams: int
    broken: Counter[str]
