"""The one kind of failure a reader or a writer of this layer has."""

from __future__ import annotations


class ProtocolError(Exception):
    """A message breaks the rules of HTTP/1.1.

    ``reason`` is one word for logs and metrics, ``status`` the HTTP status a server answers it
    with, ``detail`` a sentence for people.
    """

    def __init__(self, reason: str, detail: str, status: int = 400) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.status = status


class RemoteProtocolError(ProtocolError):
    """The peer sent what it must not: answer it with ``status`` and close."""


class LocalProtocolError(ProtocolError):
    """This side was about to send what it must not: a fault of the code or application here."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail, status=500)
