"""The frame of whole-system tests whose clients speak HTTP/2."""

from __future__ import annotations

import json
from typing import Any

from tests.memory.http2_client import Http2Client, Response
from tests.memory.link import Link
from tests.memory.system import FRONT, WITH_TLS, System
from tests.memory.system_case import SystemCase


class Http2Case(SystemCase):
    """``connect`` makes a client with whom HTTP/2 was agreed; ``ask`` has one ask."""

    def build(self, cold_start: float = 0.0, **settings: Any) -> System:
        return super().build(cold_start, **WITH_TLS | settings)

    def connect(self, window: int = 65535, *, takes: bool = True) -> Http2Client:
        client = Http2Client(window, takes=takes)
        self.network.connect(client, FRONT, agreed=b"h2")
        self.network.pump()
        return client

    def begin(
        self, client: Http2Client, *args: Any, served: bool = True, **options: Any
    ) -> Response:
        """Send a request, of which the router hears if it is ``served``."""
        self.sent += served
        response = client.ask(*args, **options)
        self.network.pump()
        return response

    def more(self, client: Http2Client, response: Response, data: bytes, end: bool = False) -> None:
        client.send(response, data, end=end)
        self.network.pump()

    def link_of(self, client: Http2Client) -> Link:
        (link,) = [each for each in self.links_to(FRONT) if each.client is client.transport]
        return link

    def assert_told(self, response: Response, status: int, reason: str) -> None:
        """The router itself answered, with this reason."""
        self.assertEqual(response.status, status)
        self.assertTrue(response.ended)
        self.assertEqual(json.loads(response.body), {"component": "router", "reason": reason})

    def sweep(self, seconds: int) -> None:
        self.advance(seconds)
