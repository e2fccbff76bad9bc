"""Several functions behind one front: each request goes to the resource of its pool."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.web.resource import Resource

from lambdadispatch.core.routes import RouteTable
from lambdadispatch.front.resource import FrontResource
from lambdadispatch.http11.resource import ResourceRequest


class RoutedResource(Resource):
    """``fronts`` by the name of their pool; ``unrouted`` takes what no route does.

    The target goes on as it came: a route chooses the function and changes nothing.
    """

    isLeaf = True

    def __init__(
        self, routes: RouteTable, fronts: Mapping[str, FrontResource], unrouted: FrontResource
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._routes = routes
        self._fronts = dict(fronts)
        self._unrouted = unrouted

    def render(self, request: ResourceRequest) -> bytes | int:
        """Have it rendered by the front of its pool."""
        hosts = request.head.fields.hosts
        name = self._routes.find(hosts[0] if hosts else b"", request.head.target)
        front = self._unrouted if name is None else self._fronts[name]
        return front.render(request)
