"""TCP keep-alive: silent flows die after 350 s in NAT gateways and network load balancers."""

from __future__ import annotations

import socket
from typing import Any, Final

KEEP_ALIVE: Final = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 4}
"""Seconds of silence before the first probe, seconds between probes, probes before giving up."""


def keep_alive(transport: Any) -> None:
    """Turn on TCP keep-alive with the times of KEEP_ALIVE, as far as the transport allows.

    ``transport`` is Twisted's, or one with its face; where it has no socket only Twisted's own
    switch is set.
    """
    if hasattr(transport, "setTcpKeepAlive"):
        transport.setTcpKeepAlive(True)
    handle: Any = transport.getHandle() if hasattr(transport, "getHandle") else None
    if not hasattr(handle, "setsockopt") or getattr(handle, "family", None) == socket.AF_UNIX:
        return
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        option = getattr(socket, name, None)
        if option is not None:
            handle.setsockopt(socket.IPPROTO_TCP, option, value)
