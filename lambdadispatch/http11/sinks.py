"""Who takes what arrives: the two interfaces between a connection and its user.

All calls are made from the reactor's thread, in the order the bytes came. ``slow`` and ``ready``
come in turn: after ``client_slow`` the answer should pause until ``client_ready``.
"""

from __future__ import annotations

from typing import Protocol

from lambdadispatch.wire.fields import Pairs
from lambdadispatch.wire.heads import ResponseHead


class RequestSink(Protocol):
    """Takes the body of one request at the server's end of a connection.

    A request whose head says that it has no body brings neither data nor end.
    """

    def request_data(self, data: bytes) -> None:
        """A piece of the body."""

    def request_end(self, trailers: Pairs) -> None:
        """The request is complete."""

    def client_lost(self, reason: str) -> None:
        """The connection ended before request and response both had: CLIENT_GONE, or the rule
        that the request broke. Nothing follows.
        """

    def client_slow(self) -> None:
        """The client reads slower than the response is written."""

    def client_ready(self) -> None:
        """The client has caught up."""


class ResponseSink(Protocol):
    """Takes one response at the client's end of a connection."""

    def response_whole(self, head: ResponseHead, body: bytes) -> None:
        """A whole response to a whole request: final head, body of the declared length, end."""

    def response_head(self, head: ResponseHead) -> None:
        """A head; for an interim one (1xx) another head follows."""

    def response_data(self, data: bytes) -> None:
        """A piece of the body."""

    def response_end(self, trailers: Pairs) -> None:
        """The response is complete."""

    def response_flush(self) -> None:
        """All that arrived together has been given; what was held back may be sent."""

    def server_lost(self, reason: str) -> None:
        """The connection failed before request and response both had ended; ``reason`` is
        one word. Nothing follows.
        """

    def server_slow(self) -> None:
        """The server reads slower than the request is written."""

    def server_ready(self) -> None:
        """The server has caught up."""


class TunnelSink(RequestSink, ResponseSink, Protocol):
    """Takes what arrives at both ends of a tunnel: raw octets as ``request_data`` and
    ``response_data``, and an orderly end as ``request_end`` and ``response_end``.
    """


class UpgradeSink(ResponseSink, Protocol):
    """Takes the response to a request that asked for another protocol."""

    def response_switched(self, head: ResponseHead, protocol: bytes) -> TunnelSink:
        """In place of all others: a 101 that changes to this protocol, which was asked for.
        What it returns takes everything that follows.
        """
