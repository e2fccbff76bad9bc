"""A tree of twisted.web Resources behind a WebHost."""

from __future__ import annotations

from typing import Any

from twisted.web.resource import Resource

from lambda_side.hosts.web import WebHost
from tests.adapters.hosts_rig import HostCase, Rig


class Page(Resource):
    """Answers with whatever a function returns."""

    isLeaf = True

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self._answer = answer

    def render_GET(self, request: Any) -> Any:
        return self._answer(request)

    render_POST = render_GET
    render_PUT = render_GET


class WebCase(HostCase):
    """A tree whose pages are functions."""

    def setUp(self) -> None:
        self.root = Resource()
        self.requests: list[Any] = []
        self.rig = Rig(lambda rig: WebHost(rig.clock, self.root), self.chunk)
        self.successResultOf(self.rig.host.start())

    def page(self, path: str, answer: Any) -> None:
        self.root.putChild(path.encode(), Page(answer))
