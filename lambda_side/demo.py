"""An application to try things with, and an example of one that streams in both directions.

In the Lambda process it is ``--app lambda_side.demo:resource``; by itself, as an HTTP server on a
loopback port, ``python -m lambda_side.demo --port 3001``.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from html import escape
from typing import Any, Final

from twisted.internet.error import AlreadyCalled, AlreadyCancelled, CannotListenError
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.internet.task import LoopingCall
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from lambda_side.hosts.web import Request, WebHost
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.errors import RemoteProtocolError

STARTED: Final = time.monotonic()
BLOCK: Final = bytes(range(256)) * 256
"""What /bytes repeats: 64 KiB that count from 0 to 255 over and over."""
MOST_BYTES: Final = 1 << 40
MOST_MILLISECONDS: Final = 900_000
PARTS_APART: Final = 5.0
"""Seconds between the two parts of /chunked-response."""

FACTS: Final = (
    "An HTTP/1.1 response can begin, and even end, before its request has been received whole.",
    "The mean number of requests in a system is their rate times the mean time that each spends in "
    "it, whatever the order in which they are served (Little's law).",
    "With one queue before many servers nobody waits while a server is free; with a queue before "
    "each server somebody may.",
    "With random arrivals and service times the mean wait before one server is 9 service times "
    "when it is busy 90 % of the time, and 99 when it is busy 99 %.",
    "A body sent in chunks may be followed by trailers: fields that are known only at its end.",
    "A GET request may have a body, but HTTP gives that body no meaning.",
)

PATHS: Final = (
    ("fact", "a fact, and who tells it, as JSON"),
    ("ping", "pong"),
    ("headers", "the header fields of the request, as JSON"),
    ("delay?ms=1000", f"an answer after a time (0 to {MOST_MILLISECONDS} ms)"),
    ("echo", "the request's body, as it comes"),
    ("bytes?n=1000000", "so many octets that count from 0 to 255 over and over"),
    ("chunked-response", f"two parts, {PARTS_APART:g} seconds apart"),
    ("status?code=404", "an answer with that status (200 to 599)"),
    ("health", "ok"),
)


class BadArgument(Exception):
    """A query argument that cannot be used; the text names it, its value and what is allowed."""


def argument(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number from the query. Raises BadArgument."""
    given = (request.args or {}).get(name.encode(), [b"%d" % default])[-1].decode("latin-1")
    if given.isascii() and given.isdigit() and len(given) < 20 and least <= int(given) <= most:
        return int(given)
    raise BadArgument(f"{name} is {given!r}: a whole number from {least} to {most} is needed")


def text(request: Request, body: str, kind: bytes = b"text/plain; charset=utf-8") -> bytes:
    """An answer that is all there."""
    request.setHeader(b"Content-Type", kind)
    return body.encode()


def as_json(request: Request, value: object) -> bytes:
    """The same, of JSON."""
    return text(request, json.dumps(value, indent=2) + "\n", b"application/json")


class Page(Resource):
    """One path, answered by a function, which returns the body or NOT_DONE_YET."""

    def __init__(self, answer: Callable[[Request], bytes | int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._answer = answer

    def render_GET(self, request: Any) -> bytes | int:
        """Twisted: answer, or say which argument is wrong."""
        try:
            return self._answer(request)
        except BadArgument as error:
            request.setResponseCode(400)
            return text(request, f"{error}\n")


def index(request: Request) -> bytes:
    """``/``."""
    items = "".join(
        f'<li><a href="/{path}">/{path}</a>: {escape(what)}</li>\n' for path, what in PATHS
    )
    title = "lambdadispatch demo"
    page = f"<!doctype html>\n<title>{title}</title>\n<h1>{title}</h1>\n<ul>\n{items}</ul>\n"
    return text(request, page, b"text/html; charset=utf-8")


def ping(request: Request) -> bytes:
    """``/ping``."""
    return text(request, "pong\n")


def health(request: Request) -> bytes:
    """``/health``."""
    return text(request, "ok\n")


def headers(request: Request) -> bytes:
    """``/headers``: the values of each name, joined where a name came more than once."""
    fields = request.requestHeaders.getAllRawHeaders()
    return as_json(
        request, {name.decode(): b", ".join(values).decode("latin-1") for name, values in fields}
    )


def status(request: Request) -> bytes:
    """``/status?code=``."""
    code = argument(request, "code", 200, 200, 599)
    request.setResponseCode(code)
    return text(request, f"status {code}\n")


def delay(request: Request) -> int:
    """``/delay?ms=``."""
    milliseconds = argument(request, "ms", 1000, 0, MOST_MILLISECONDS)
    finish_later(request, milliseconds / 1000, f"waited {milliseconds} ms\n")
    return NOT_DONE_YET


def chunked_response(request: Request) -> int:
    """``/chunked-response``."""
    request.write(text(request, "the first part\n"))
    finish_later(request, PARTS_APART, "the second part\n")
    return NOT_DONE_YET


def finish_later(request: Request, seconds: float, rest: str) -> None:
    """Write ``rest`` and finish after a time, unless the client leaves before."""

    def finish() -> None:
        request.write(text(request, rest))
        request.finish()

    def left(_: object) -> None:
        with contextlib.suppress(AlreadyCalled, AlreadyCancelled):
            call.cancel()

    call = request.site.reactor.callLater(seconds, finish)
    request.notifyFinish().addErrback(left)


def many_bytes(request: Request) -> bytes | int:
    """``/bytes?n=``."""
    count = argument(request, "n", 1_000_000, 0, MOST_BYTES)
    request.setHeader(b"Content-Type", b"application/octet-stream")
    request.setHeader(b"Content-Length", b"%d" % count)
    if not count or request.method == b"HEAD":
        return b""
    request.registerProducer(Blocks(request, count), False)
    return NOT_DONE_YET


@implementer(IPullProducer)
class Blocks:
    """Writes ``left`` octets, a block each time the client has taken what was there."""

    def __init__(self, request: Request, left: int) -> None:
        self._request = request
        self._left = left

    def resumeProducing(self) -> None:
        """Twisted: write a block."""
        block = BLOCK[: self._left]
        self._left -= len(block)
        self._request.write(block)
        if not self._left:
            self._request.unregisterProducer()
            self._request.finish()

    def stopProducing(self) -> None:
        """Twisted: the client is gone."""


class Echo(Resource):
    """``/echo``: each piece of the body is written as it comes."""

    streams_request_body = True

    def render(self, request: Any) -> int:
        """Twisted: begin the answer, whatever the method."""
        kind = request.getHeader(b"Content-Type") or b"application/octet-stream"
        length = request.getHeader(b"Content-Length")
        request.setHeader(b"Content-Type", kind)
        if length is not None:
            request.setHeader(b"Content-Length", length)
        request.registerProducer(EchoFlow(request), True)

        def end() -> None:
            request.unregisterProducer()
            request.finish()

        request.receive_body(request.write, end)
        return NOT_DONE_YET


@implementer(IPushProducer)
class EchoFlow:
    """Holds the sender of a body back while the reader of its echo is slow."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def pauseProducing(self) -> None:
        """Twisted: the reader is slow."""
        self._request.pause_body()

    def resumeProducing(self) -> None:
        """Twisted: it has caught up."""
        self._request.resume_body()

    def stopProducing(self) -> None:
        """Twisted: it is gone."""


class Demo(Resource):
    """The root of the tree; it counts the requests."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._requests = 0
        self._facts = itertools.cycle(FACTS)
        pages: dict[bytes, Callable[[Request], bytes | int]] = {
            b"": index,
            b"fact": self.fact,
            b"ping": ping,
            b"headers": headers,
            b"delay": delay,
            b"bytes": many_bytes,
            b"chunked-response": chunked_response,
            b"status": status,
            b"health": health,
        }
        for path, answer in pages.items():
            self.putChild(path, Page(answer))
        self.putChild(b"echo", Echo())  # type: ignore[no-untyped-call]

    def getChildWithDefault(self, path: bytes, request: Any) -> Any:
        """Twisted: the resource for a path."""
        self._requests += 1
        return super().getChildWithDefault(path, request)  # type: ignore[no-untyped-call]

    def fact(self, request: Request) -> bytes:
        """``/fact``: ``requests`` are those that this process has received."""
        return as_json(
            request,
            {
                "fact": next(self._facts),
                "process": os.getpid(),
                "uptime_seconds": round(time.monotonic() - STARTED, 3),
                "requests": self._requests,
            },
        )


resource: Final = Demo()


def serve(reactor: Any, port: int) -> int:
    """Listen on a loopback port (0: a free one); the port. Raises CannotListenError."""
    host = WebHost(reactor, resource)

    def refused(exchange: ServerExchange, error: RemoteProtocolError) -> None:
        exchange.respond(error.status, body=f"{error}\n".encode())

    server = HttpServer(lambda exchange: host.serve(exchange, lambda: None), refused)
    number: int = reactor.listenTCP(port, server, interface="127.0.0.1").getHost().port
    sweeping = LoopingCall(server.sweep)
    sweeping.clock = reactor
    sweeping.start(1.0, now=False)
    return number


def main(arguments: Sequence[str]) -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser("lambda_side.demo", description="The demo application.")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "3001")))
    options = parser.parse_args(arguments)
    from twisted.internet import reactor  # noqa: PLC0415

    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    try:
        number = serve(reactor, options.port)
    except CannotListenError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"listening on http://127.0.0.1:{number}/", flush=True)
    reactor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
