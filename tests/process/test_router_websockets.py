"""WebSockets of a real library, client and server, through a real router and Lambda side."""

import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.process.clients import all_at_once, statuses
from tests.process.router import CLEAR, LIMIT, RunningRouter, free_port, serving, until
from tests.process.test_router_hosts import ONE, behind_port

TLS: Sequence[str] = ("--control-port", "off", "--control-tls-port", "0")
WAYS = [("auto", CLEAR), ("auto", TLS), ("twisted", CLEAR), ("twisted", TLS)]
WAY_NAMES = ["uvloop", "uvloop and TLS", "twisted", "twisted and TLS"]


@contextmanager
def chatting(*options: str, control: Sequence[str] = CLEAR) -> Iterator[RunningRouter]:
    """A router whose application is ``websocket_app``."""
    port = free_port()
    app = behind_port(port, "-m", "tests.process.websocket_app", str(port))
    with serving(*ONE, *options, app=app, control=control) as router:
        yield router


def opened(router: RunningRouter, path: str = "/echo", compression: str | None = None) -> Any:
    """A client of the router; to be used in a with statement."""
    return connect(
        f"ws://127.0.0.1:{router.port}{path}",
        compression=compression,
        max_size=None,
        open_timeout=LIMIT,
        close_timeout=LIMIT,
        proxy=None,
        subprotocols=[Subprotocol("first"), Subprotocol("second")],
    )


def closed_with(client: ClientConnection) -> int | None:
    """The code that it was closed with, after all that it was sent before."""
    try:
        while True:
            client.recv(timeout=LIMIT)
    except ConnectionClosed:
        return client.close_code


def check_messages(client: ClientConnection) -> None:
    for message in ("", "text", b"", b"octets", "\u20ac" * 50_000, os.urandom(3_000_000)):
        client.send(message)
        assert client.recv(timeout=LIMIT) == message
    client.send(["in ", "", "three"])
    assert client.recv(timeout=LIMIT) == "in three"
    assert client.ping().wait(LIMIT)


@pytest.mark.parametrize(("transport", "control"), WAYS, ids=WAY_NAMES)
def test_messages_of_every_kind_and_a_router_that_stops(
    transport: str, control: Sequence[str]
) -> None:
    with chatting("--transport", transport, control=control) as router:
        for compression in (None, "deflate"):
            with opened(router, compression=compression) as client:
                assert client.subprotocol == "second"
                check_messages(client)
                assert router.pool()["tunnels"] == router.pool()["running"] == 1
            assert client.close_code == 1000
        until(lambda: router.pool()["running"] == 0, "both are over")
        until(lambda: len(router.find("ENDED /echo 1000")) == 2, "the application knows it")
        assert router.state()["since_start"]["requests"] == {"tunnel_closed": 2}
        with opened(router) as client, opened(router, compression="deflate") as other:
            for each in (client, other):
                each.send("here")
                assert each.recv(timeout=LIMIT) == "here"
            router.send(signal.SIGTERM)
            assert (closed_with(client), closed_with(other)) == (1012, 1012)
            assert router.wait() == 0
        # The log is whole: its processes have ended before the router.
        assert len(router.find("ENDED /echo 1012")) == 2


def test_codes_of_closing_go_through_in_both_directions() -> None:
    with chatting() as router:
        with opened(router, "/bye") as client:
            assert closed_with(client) == 4000
        with opened(router) as client:
            client.close(4321, "enough")
        router.wait_for("ENDED /bye 4000")
        router.wait_for("ENDED /echo 4321")


def test_a_refusal_is_the_applications() -> None:
    with chatting() as router:
        for _ in range(3):
            with pytest.raises(InvalidStatus) as refused, opened(router, "/other"):
                pass
            assert refused.value.response.status_code == 403
            assert refused.value.response.headers["Connection"] == "close"
        until(lambda: router.state()["since_start"]["requests"] == {"answered": 3}, "three answers")


def test_many_at_once_and_requests_among_them() -> None:
    with chatting("--max-concurrent-count", "30") as router:
        clients = [opened(router).__enter__() for _ in range(20)]
        answers = all_at_once(router.port, ["/health"] * 20)
        for number, client in enumerate(clients):
            client.send(f"number {number}")
        assert [client.recv(timeout=LIMIT) for client in clients] == [
            f"number {number}" for number in range(20)
        ]
        assert statuses(answers) == {200: 20}
        assert router.pool()["tunnels"] == 20
        for client in clients:
            client.close()
        until(lambda: router.pool()["running"] == 0, "all are over")
        requests = router.state()["since_start"]["requests"]
        assert requests == {"tunnel_closed": 20, "answered": 20}


def test_a_client_that_vanishes() -> None:
    with chatting() as router, opened(router) as client:
        client.send("here")
        assert client.recv(timeout=LIMIT) == "here"
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.socket.close()
        router.wait_for("ENDED /echo 1006")
        until(lambda: router.pool()["running"] == 0, "it is over")


def test_they_are_told_in_the_midst_of_messages() -> None:
    """What each side reads until then is good, or its library would close with another code."""
    with chatting() as router, opened(router, "/flood") as client:
        sent = 0

        def flood() -> None:
            nonlocal sent
            try:
                while True:
                    client.send(os.urandom(70_000))
                    sent += 1
            except ConnectionClosed:
                pass

        flooding = threading.Thread(target=flood)
        flooding.start()
        for _ in range(200):
            assert len(client.recv(timeout=LIMIT)) == 5000
        router.send(signal.SIGTERM)
        with pytest.raises(ConnectionClosedError):
            while len(client.recv(timeout=LIMIT)) == 5000:
                pass
        flooding.join(LIMIT)
        assert sent
        assert client.close_code == 1012
        assert router.wait() == 0
        assert router.find("ENDED /flood 1012")
