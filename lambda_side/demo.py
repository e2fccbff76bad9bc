"""An application to try things with, and an example of one that streams in both directions.

In the Lambda process it is ``--app lambda_side.demo:resource``; by itself, as an HTTP server on a
loopback port, ``python -m lambda_side.demo --port 3001``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IPushProducer
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from lambda_side.hosts.web import Request, WebHost
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.errors import RemoteProtocolError

BLOCK: Final = bytes(range(256)) * 256
"""What /bytes repeats: 64 KiB that count from 0 to 255 over and over."""
MOST_BYTES: Final = 1 << 40
MOST_MILLISECONDS: Final = 900_000
PARTS_APART: Final = 5.0
"""Seconds between the two parts of /chunked-response."""

FACTS: Final = (
    "An HTTP/1.1 response can begin, and even end, before its request has been received whole.",
    "On average the number of requests in a system is their rate times their time in it, whatever "
    "the order in which they are served (Little's law).",
    "One queue before many servers makes no one wait while a server is free; a queue before each "
    "server does.",
    "The closer a server is to being always busy, the faster its queue grows: at 90 % the mean "
    "wait is nine service times, at 99 % it is ninety-nine.",
    "A body sent in chunks may be followed by trailers: fields that are known only at its end.",
    "HTTP status 418 stands for an April joke of 1998 and is reserved because so much software "
    "has kept it.",
)

_Value = TypeVar("_Value", int, float)


class BadArgument(Exception):
    """A query argument that cannot be used; the text names it, its value and what is allowed."""


def argument(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number from the query. Raises BadArgument."""
    text = (request.args or {}).get(name.encode(), [b"%d" % default])[-1].decode("latin-1")
    if text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most:
        return int(text)
    raise BadArgument(f"{name} is {text!r}: a whole number from {least} to {most} is needed")


class Page(Resource):
    """A path that has no paths below it."""

    isLeaf = True

    def getChild(self, path: bytes, request: Any) -> Resource:
        """Twisted: there is none."""
        return NOT_FOUND

    def render(self, request: Any) -> Any:
        """Twisted: answer, or say what is wrong with the request."""
        if request.postpath and request.postpath != [b""]:
            return NOT_FOUND.render(request)
        try:
            return super().render(request)  # type: ignore[no-untyped-call]
        except BadArgument as error:
            return text(request, f"{error}\n", 400)


def text(request: Request, body: str, status: int = 200) -> bytes:
    """A plain text answer."""
    request.setResponseCode(status)
    request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
    return body.encode()
