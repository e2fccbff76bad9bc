"""TCP keep-alive: silent flows die after 350 s in NAT gateways and network load balancers."""

from __future__ import annotations

import socket
from typing import Any, Final

PROBE_AFTER: Final = 60
PROBE_EVERY: Final = 15
PROBES: Final = 4


def keep_alive(transport: Any) -> None:
    """Probe a silent connection after 60 s, four times 15 s apart; then it counts as lost.

    ``transport`` is a Twisted TCP or TLS transport; one without a socket is left alone.
    """
    set_keep_alive = getattr(transport, "setTcpKeepAlive", None)
    get_socket = getattr(transport, "getHandle", None)
    if set_keep_alive is None or get_socket is None:
        return
    set_keep_alive(True)
    handle = get_socket()
    if not hasattr(handle, "setsockopt"):
        return
    for name, value in (
        ("TCP_KEEPIDLE", PROBE_AFTER),
        ("TCP_KEEPINTVL", PROBE_EVERY),
        ("TCP_KEEPCNT", PROBES),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            handle.setsockopt(socket.IPPROTO_TCP, option, value)
