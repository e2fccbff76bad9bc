"""The application: the same answers as a Resource, and served by stock twisted.web.

In the Lambda process it is ``--app bench.app:resource``; as a server, ``python -m bench.app PORT``.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from twisted.web.http import Request as HttpRequest
from twisted.web.resource import Resource
from twisted.web.server import Site

SMALL: Final = b"pong"
LARGE: Final = bytes(range(256)) * 256
"""64 KiB."""
ANSWERS: Final = {"small": SMALL, "64k": LARGE}
"""By the last part of the path."""


def make_resource() -> Resource:
    """A tree with one page for each answer."""
    root = Resource()
    for name, body in ANSWERS.items():
        root.putChild(name.encode(), Page(body))
    return root


class Page(Resource):
    """Answers with fixed bytes."""

    isLeaf = True

    def __init__(self, body: bytes) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._body = body

    def render_GET(self, request: Any) -> bytes:
        """The bytes, as text/plain like the nginx backend's."""
        request.setHeader(b"Content-Type", b"text/plain")
        return self._body


class QuietSite(Site):
    """Writes no access log, as the other contenders do not."""

    def log(self, request: HttpRequest) -> None:
        """Write nothing."""


resource: Final = make_resource()


def main(port: int) -> None:
    """Serve on a loopback port until stopped."""
    from twisted.internet import reactor  # noqa: PLC0415

    loop: Any = reactor
    site: Any = QuietSite(resource)  # type: ignore[no-untyped-call]
    loop.listenTCP(port, site, backlog=4096, interface="127.0.0.1")
    loop.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
