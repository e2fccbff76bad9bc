"""The listening sockets of all places, opened by the parent and inherited by the workers."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from lambdadispatch.router.ports import CannotListen, cannot_listen
from lambdadispatch.settings import Settings
from lambdadispatch.transports.endpoints import BACKLOG

Sockets: TypeAlias = dict[str, socket.socket]
"""The sockets of one place by the name of their setting."""

FRONT, CLEAR, TLS, ADMIN = "port", "control-port", "control-tls-port", "admin-port"
FRONT_TLS = "tls-port"
SHARED = (FRONT, FRONT_TLS)
"""The clients' ports: one number for all workers, a socket of each in one group."""
LOOPBACK = "127.0.0.1"


def open_sockets(settings: Settings, platform: str = sys.platform) -> list[Sockets]:
    """Open those of all places, listening, or none: CannotListen names the first that cannot be.

    Worker i has the control ports of the settings plus i (0 stays 0: a free one). Its admin port
    is a free one of the loopback, for the parent alone to ask.
    """
    if not platform.startswith("linux"):
        raise CannotListen(
            f"--workers {settings.workers}: needs Linux, where the kernel spreads connections over "
            "the sockets of one port; elsewhere only 1 is allowed"
        )
    places: list[Sockets] = [{} for _ in range(settings.workers)]
    try:
        _open_all(places, settings)
    except CannotListen:
        for sockets in places:
            close_sockets(sockets)
        raise
    return places


def _open_all(places: Sequence[Sockets], settings: Settings) -> None:
    for name, number in _fronts(settings):
        if number:
            _check_free(name, number, settings.interface)
    wanted = [
        (place, name, number, interface)
        for place in range(len(places))
        for name, number, interface in _wanted(settings, place)
    ]
    # What is to be free comes last, or it could be one that is wanted by its number.
    for place, name, number, interface in sorted(wanted, key=lambda each: each[2] == 0):
        if name in SHARED:
            first = places[0].get(name)
            number = number_of(first) if first else number
        _add(places[place], name, number, interface)


def _fronts(settings: Settings) -> list[tuple[str, int]]:
    both = ((FRONT, settings.port), (FRONT_TLS, settings.tls_port))
    return [(name, number) for name, number in both if number is not None]


def _wanted(settings: Settings, worker: int) -> Iterator[tuple[str, int, str]]:
    for name, number in _fronts(settings):
        yield name, number, settings.interface
    for name, first in ((CLEAR, settings.control_port), (TLS, settings.control_tls_port)):
        if first is not None:
            yield name, first + worker if first else 0, settings.interface
    if settings.admin_port is not None:
        yield ADMIN, 0, LOOPBACK


def close_sockets(sockets: Sockets) -> None:
    """Close the parent's copies: what no worker holds as well stops to listen."""
    for each in sockets.values():
        each.close()


def number_of(each: socket.socket) -> int:
    """The number of its port."""
    number: int = each.getsockname()[1]
    return number


def listens(each: socket.socket) -> bool:
    """Whether it still does: a worker may have shut it down for the parent's copy as well."""
    return bool(each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def renew(sockets: Sockets, name: str) -> None:
    """Replace one by a socket on the same port that does not listen yet: its worker lets it.

    So the kernel gives all connections to the others of the group until there is somebody to serve
    them. What waits in the queue of the old one is lost. CannotListen if it cannot be, for example
    a port below 1024 after the process has given up its privileges; the old one then stays.
    """
    old = sockets[name]
    interface, number = old.getsockname()[:2]
    fresh = _told(name, number, lambda: _bound(number, interface, shared=name in SHARED))
    sockets[name] = fresh
    old.close()


def _add(sockets: Sockets, name: str, number: int, interface: str) -> None:
    def listening() -> socket.socket:
        made = _bound(number, interface, shared=name in SHARED)
        try:
            made.listen(BACKLOG)
        except OSError:
            made.close()
            raise
        return made

    sockets[name] = _told(name, number, listening)


def _check_free(name: str, number: int, interface: str) -> None:
    """A group takes in every socket of the same user: two routers would share the port unseen."""
    _told(name, number, lambda: _bound(number, interface, shared=False)).close()


def _told(name: str, number: int, make: Callable[[], socket.socket]) -> socket.socket:
    try:
        return make()
    except OSError as error:
        raise cannot_listen(name, number, error) from None


def _bound(number: int, interface: str, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in interface else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((interface, number))
    except BaseException:
        made.close()
        raise
    return made
