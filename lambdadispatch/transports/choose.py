"""Which transport a process uses: decided before the reactor is imported for the first time."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any, Final, cast

AUTO: Final = "auto"
UVLOOP: Final = "uvloop"
TWISTED: Final = "twisted"
CHOICES: Final = (AUTO, UVLOOP, TWISTED)

_loops: list[asyncio.AbstractEventLoop] = []
"""The loop under the reactor that ``install`` installed."""


class TransportUnavailable(Exception):
    """The transport that was asked for cannot be had; the text says why."""


def install(choice: str) -> None:
    """Install the reactor for ``choice``: AUTO takes uvloop where it can be had.

    Does nothing if a reactor is there already and it does not have to be another one.
    """
    if choice == TWISTED or (choice == AUTO and not _available()):
        return
    if "twisted.internet.reactor" in sys.modules:
        if choice == UVLOOP and not _loops:
            raise TransportUnavailable("another reactor was chosen already (--reactor)")
        return
    try:
        import uvloop  # noqa: PLC0415
    except ImportError as error:
        raise TransportUnavailable(f"uvloop cannot be imported: {error}") from None
    from twisted.internet import asyncioreactor  # noqa: PLC0415

    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)
    _loops.append(loop)
    _reap_children(loop)


def _reap_children(loop: asyncio.AbstractEventLoop) -> None:
    """Let ended child processes be noticed.

    When it begins to run, uvloop takes the process's one wake-up descriptor for signals, through
    which Twisted's reactor would have heard of SIGCHLD; Python's own handlers it does call.
    """
    from twisted.internet import reactor  # noqa: PLC0415, TID251
    from twisted.internet.process import reapAllProcesses  # noqa: PLC0415

    own = cast(Any, reactor)

    def begin() -> None:
        signal.signal(signal.SIGCHLD, lambda *_: own.callFromThread(reapAllProcesses))
        signal.siginterrupt(signal.SIGCHLD, False)
        reapAllProcesses()
        # A trigger serves once, and each run of the reactor puts Twisted's signals back in place.
        loop.call_soon(watch)

    def watch() -> None:
        own.addSystemEventTrigger("after", "startup", begin)

    watch()


def _available() -> bool:
    try:
        import uvloop  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True


def loop_of(reactor: Any) -> asyncio.AbstractEventLoop | None:
    """The uvloop under ``reactor``, None if it has none and Twisted's own transports serve."""
    return _loops[0] if _loops and reactor is sys.modules.get("twisted.internet.reactor") else None
