"""A Resource tree on a streaming server, and the options of a silent connection."""

from __future__ import annotations

import socket

import pytest
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from lambdadispatch.http11.keepalive import KEEP_ALIVE, keep_alive
from lambdadispatch.http11.resource import ResourceRequest, ResourceServer
from lambdadispatch.wire.heads import response
from tests.http11.stage import ServerStage

GET = b"GET %b HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nx-one: 2\r\n\r\n"

CHUNKS = pytest.mark.parametrize("chunk", [None, 1])


class Told(Resource):
    """Tells what it was asked with."""

    isLeaf = True

    def render(self, request: ResourceRequest) -> bytes:
        request.setResponseCode(202)
        request.setHeader("X-Text", "é")
        request.setHeader(b"X-Octets", b"1")
        parts = [request.method, request.uri, request.path, *request.prepath, b"|"]
        one = request.getHeader(b"X-One") or b""
        assert request.getHeader(b"absent") is None
        return b" ".join([*parts, *request.postpath, b"|", one])


class Later(Resource):
    isLeaf = True

    def render(self, request: ResourceRequest) -> int:
        request.exchange.answer(response(200, body=5))
        request.exchange.write(b"later")
        request.exchange.end()
        return NOT_DONE_YET


class Failing(Resource):
    isLeaf = True

    def render(self, request: ResourceRequest) -> bytes:
        if request.postpath == [b"begun"]:
            request.exchange.answer(response(200, body=5))
            request.exchange.write(b"part")
        raise ValueError("a resource that fails")


def tree() -> Resource:
    root, inner = Resource(), Resource()
    root.putChild(b"told", Told())
    root.putChild(b"inner", inner)
    inner.putChild(b"told", Told())
    root.putChild(b"later", Later())
    root.putChild(b"failing", Failing())
    return root


def stage_with(root: Resource, chunk: int | None) -> ServerStage:
    stage = ServerStage(chunk)
    stage.server.on_request = ResourceServer(root).on_request
    return stage


@CHUNKS
@pytest.mark.parametrize(
    ("target", "text"),
    [
        (b"/told", b"GET /told /told told | | 2"),
        (b"/told/a%2Fb//c?d=e%20", b"GET /told/a%2Fb//c?d=e%20 /told/a%2Fb//c told | a/b  c | 2"),
        (b"/inner/told", b"GET /inner/told /inner/told inner told | | 2"),
    ],
)
def test_a_resource_is_found_and_rendered(chunk: int | None, target: bytes, text: bytes) -> None:
    client = stage_with(tree(), chunk).client(GET % target)
    head, body, *rest = client.answers()
    assert str(head).startswith("202 Accepted")
    assert (body, rest) == (text, ["end", "more"])
    assert b"X-Text: \xe9\r\nX-Octets: 1\r\n" in client.received


@CHUNKS
def test_a_leaf_takes_every_path(chunk: int | None) -> None:
    client = stage_with(Told(), chunk).client(GET % b"/any/path")
    assert client.answers()[1] == b"GET /any/path /any/path | any path | 2"


@CHUNKS
def test_a_resource_may_answer_by_itself(chunk: int | None) -> None:
    client = stage_with(tree(), chunk).client(GET % b"/later")
    assert client.answers() == ["200 OK HTTP/1.1 5", b"later", "end", "more"]


@CHUNKS
@pytest.mark.parametrize("path", [b"/failing", b"/failing/begun"])
def test_a_resource_that_fails(chunk: int | None, path: bytes, failures: list[Failure]) -> None:
    """Before the answer the client is told; within it the connection is cut."""
    client = stage_with(tree(), chunk).client(GET % path)
    assert failures.pop().type is ValueError
    if path.endswith(b"begun"):
        assert client.ended == "lost"
    else:
        assert client.answers()[0] == "500 Internal Server Error HTTP/1.1 22"


def test_silent_connections_are_probed() -> None:
    stage = ServerStage()
    client = stage.client()
    keep_alive(client.transport)
    assert client.transport.getTcpKeepAlive()
    handle = client.transport.getHandle()
    kept = [
        handle.getsockopt(socket.IPPROTO_TCP, option)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    ]
    after, every, probes = KEEP_ALIVE.values()
    assert kept == [after, every, probes]
    assert after + probes * every < 350


class Bare:
    """A transport of which no more is known than that options can be set."""

    def __init__(self, handle: object) -> None:
        self.kept = False
        self._handle = handle

    def setTcpKeepAlive(self, kept: bool) -> None:
        self.kept = kept

    def getHandle(self) -> object:
        return self._handle


def test_transports_without_a_socket_are_left_alone() -> None:
    keep_alive(object())
    bare = Bare(None)
    keep_alive(bare)
    assert bare.kept
