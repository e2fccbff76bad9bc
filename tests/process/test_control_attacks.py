"""The TLS control port of a real router against slow and strange peers."""

from __future__ import annotations

import contextlib
import socket
import ssl

import pytest

from tests.process.router import LIMIT, serving, until

TLS = ("--control-tls-port", "0", "--control-port", "off")


def connected(port: int, hello: bytes = b"") -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
    peer.sendall(hello)
    return peer


def over_tls(port: int) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connected(port))


def read_to_end(peer: socket.socket) -> bytes:
    """All until the router closes; fails if it does not."""
    data = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := peer.recv(65536):
            data += piece
    return data


@pytest.mark.parametrize("transport", ["twisted", "uvloop"])
def test_slow_and_strange_peers_are_closed_and_the_router_serves_on(transport: str) -> None:
    with serving("--transport", transport, control=TLS) as router:
        port = router.ports["control-tls-port"]
        silent = [connected(port), connected(port, b"\x16\x03\x01"), connected(port, b"\x16")]
        strange = [connected(port, b"GET / HTTP/1.1\r\n\r\n"), connected(port, b"\x00" * 100)]
        half = over_tls(port)
        half.sendall(b"GET /v1/instances/x/chan")
        denied = over_tls(port)
        denied.sendall(b"GET /v1/instances/x/channel HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"426" in read_to_end(denied)
        for peer in (*strange, *silent, half):
            assert b"HTTP/1.1" not in read_to_end(peer)
            peer.close()
        until(
            lambda: router.state()["since_start"]["denied"].get("too_slow", 0) >= 1,
            "who was too slow is counted",
        )
        counts = router.state()["since_start"]["denied"]
        assert counts["upgrade_required"] == 1
        assert len(router.find(r"upgrade_required")) == 1
        assert len(router.find(r"too_slow")) == counts["too_slow"]
        assert router.get("/fact?n=3").status == 200
        with pytest.raises(ssl.SSLError):
            ssl.create_default_context().wrap_socket(connected(port), server_hostname="router")
