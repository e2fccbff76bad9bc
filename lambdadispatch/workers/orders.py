"""Orders of the parent, and the parent's end, as a worker hears them.

A thread of its own reads them, so that a worker whose reactor is stuck leaves as well when the
parent is gone. It sleeps in a read and costs nothing.
"""

from __future__ import annotations

import pickle
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from threading import Event, Thread
from typing import Protocol

from lambdadispatch.router.tls_files import TlsMaterial
from lambdadispatch.settings import Settings

DRAIN = b"drain\n"
HURRY = b"hurry\n"
_RENEW = b"renew "

ENDING = 15.0
"""Seconds that the end of a worker may take after its requests have had ``drain_timeout``."""


class Obedient(Protocol):
    """Who obeys. Called in the thread that reads; each may come more than once."""

    def drain(self) -> None:
        """Finish what was accepted, and end."""

    def hurry(self) -> None:
        """End without waiting for anything."""

    def renew(self, material: TlsMaterial) -> None:
        """Show new connections these certificates."""

    def leave(self) -> None:
        """End the process at once: it has had its time."""


def renewal(material: TlsMaterial) -> bytes:
    """The order to show these certificates, a line; a pickle within, as the share is."""
    return _RENEW + b64encode(pickle.dumps(material)) + b"\n"


def patience(settings: Settings) -> float:
    """Seconds that a worker may take from the order to drain to its end."""
    return settings.drain_timeout + ENDING


def obey(orders: Iterable[bytes], obedient: Obedient, seconds: float) -> None:
    """Pass orders on until there are no more, which means that the parent is gone: then drain.

    Calls ``leave`` if the process still runs ``seconds`` later.
    """
    for order in orders:
        if order == HURRY:
            obedient.hurry()
        elif order.startswith(_RENEW) and order.endswith(b"\n"):
            obedient.renew(pickle.loads(b64decode(order[len(_RENEW) :])))
        else:
            obedient.drain()
    obedient.drain()
    Event().wait(seconds)
    obedient.leave()


def start(body: Callable[[], None]) -> None:
    """Run ``body`` in a thread that does not keep the process from ending."""
    Thread(target=body, name="orders", daemon=True).start()
