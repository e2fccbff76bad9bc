"""From the command line to the one host it asks for."""

from __future__ import annotations

import os
import shlex
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from lambda_side.hosts.host import Host
from lambda_side.hosts.load import host_for, load_app
from lambdadispatch.transports.endpoints import client_endpoint

CONNECT_TIMEOUT = 5


def make_host(reactor: Any, chosen: Namespace, on_exit: Callable[[str], None]) -> Host:
    """The host for the parsed options (see ``lambda_side.options``); HostError if it cannot be.

    ``on_exit`` is called with a reason when an application that was started as a child ends.
    """
    if chosen.app:
        return host_for(load_app(chosen.app), reactor, threads=chosen.threads)
    # Only now: an application in process pays for neither of these.
    from lambda_side.hosts.child import ChildHost  # noqa: PLC0415
    from lambda_side.hosts.port import PortHost  # noqa: PLC0415

    endpoint = client_endpoint(reactor, "127.0.0.1", chosen.app_port, CONNECT_TIMEOUT)
    port_host = PortHost(
        reactor,
        endpoint,
        chosen.app_port,
        health_path=chosen.health_path,
        ready_limit=chosen.app_start_timeout,
    )
    if not chosen.command:
        return port_host
    return ChildHost(
        reactor,
        _as_text(chosen.command),
        chosen.app_port,
        port_host,
        environ=os.environ,
        on_exit=on_exit,
    )


def _as_text(command: list[str]) -> str:
    return command[0] if len(command) == 1 else shlex.join(command)
