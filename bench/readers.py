"""Readers of HTTP/1.1 heads side by side: this project's, httptools (llhttp in C) and h11.

Each gives what a router needs of a message: method, target or status, and all fields as pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import h11
import httptools

from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.heads import RequestHead
from lambdadispatch.wire.reader import Signal
from lambdadispatch.wire.request_reader import RequestReader
from lambdadispatch.wire.response_reader import ResponseReader

Read = Callable[[bytes], Any]
"""Reads one whole message on a kept connection."""
Count = Callable[[bytes], int | None]
"""How many requests there are in these bytes; None if they are refused."""


@dataclass(frozen=True)
class Reader:
    """``requests`` and ``responses`` give what reads so many messages: a call for each.

    What is prepared there is not timed.
    """

    requests: Callable[[int], Sequence[Read]]
    responses: Callable[[int], Sequence[Read]]
    count: Count


# -- lambdadispatch.wire


def _wire_requests(count: int) -> Sequence[Read]:
    reader = RequestReader()

    def read(data: bytes) -> Any:
        head = reader.whole(data)
        if head is None:
            reader.feed(data)
            head = reader.next_event()  # type: ignore[assignment]
            reader.next_event()
        return head

    return [read] * count


def _wire_responses(count: int) -> Sequence[Read]:
    reader = ResponseReader()

    def read(data: bytes) -> Any:
        reader.expect(b"GET")
        return reader.whole(data)

    return [read] * count


def _wire_count(data: bytes) -> int | None:
    reader, found = RequestReader(), 0
    reader.feed(data)
    try:
        while not isinstance(event := reader.next_event(), Signal):
            found += isinstance(event, RequestHead)
    except RemoteProtocolError:
        return None
    return found


# -- httptools


class _Collected:
    """What httptools calls."""

    def __init__(self) -> None:
        self.target = b""
        self.pairs: list[tuple[bytes, bytes]] = []
        self.requests = 0
        self.ended = 0

    def on_message_begin(self) -> None:
        self.target = b""
        self.pairs = []

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.pairs.append((name, value))

    def on_headers_complete(self) -> None:
        self.requests += 1

    def on_message_complete(self) -> None:
        self.ended += 1


def _httptools_requests(count: int) -> Sequence[Read]:
    collected = _Collected()
    parser = httptools.HttpRequestParser(collected)

    def read(data: bytes) -> Any:
        parser.feed_data(data)
        return parser.get_method(), collected.target, collected.pairs

    return [read] * count


def _httptools_responses(count: int) -> Sequence[Read]:
    collected = _Collected()
    parser = httptools.HttpResponseParser(collected)

    def read(data: bytes) -> Any:
        parser.feed_data(data)
        return parser.get_status_code(), collected.pairs

    return [read] * count


def _httptools_count(data: bytes) -> int | None:
    found = 0
    while data:
        collected = _Collected()
        try:
            httptools.HttpRequestParser(collected).feed_data(data)
            data = b""
        except httptools.HttpParserUpgrade as upgrade:
            # The message has ended for it: what follows is where the next one is looked for.
            data = data[upgrade.args[0] :]
        except httptools.HttpParserError:
            return None
        found += collected.requests
    return found


# -- h11


def _h11_requests(count: int) -> Sequence[Read]:
    return [_h11_read(h11.Connection(h11.SERVER)) for _ in range(count)]


def _h11_responses(count: int) -> Sequence[Read]:
    return [_h11_read(_h11_asked()) for _ in range(count)]


def _h11_asked() -> h11.Connection:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    return connection


def _h11_read(connection: h11.Connection) -> Read:
    def read(data: bytes) -> Any:
        connection.receive_data(data)
        head = connection.next_event()
        while not isinstance(connection.next_event(), h11.EndOfMessage):
            pass
        return head

    return read


def _h11_count(data: bytes) -> int | None:
    connection, found = h11.Connection(h11.SERVER), 0
    connection.receive_data(data)
    try:
        while (event := connection.next_event()) is not h11.NEED_DATA and event is not h11.PAUSED:
            found += isinstance(event, h11.Request)
    except h11.RemoteProtocolError:
        return None
    return found


READERS = {
    "wire": Reader(_wire_requests, _wire_responses, _wire_count),
    "httptools": Reader(_httptools_requests, _httptools_responses, _httptools_count),
    "h11": Reader(_h11_requests, _h11_responses, _h11_count),
}
