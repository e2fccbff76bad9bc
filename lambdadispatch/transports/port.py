"""A listening socket of libuv's as Twisted's IListeningPort."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory
from twisted.logger import Logger
from zope.interface import implementer

from lambdadispatch.transports.face import address_of

log = Logger()


@implementer(IListeningPort)
class LibuvPort:
    """Owns ``handle``, which listens already: the kernel takes connections from the beginning.

    They are served once the loop runs. ``closed`` is called when it has been closed.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        handle: socket.socket,
        backlog: int,
        factory: IProtocolFactory,
        closed: Callable[[], None] | None = None,
    ) -> None:
        self._loop = loop
        self._handle = handle
        self._backlog = backlog
        self._factory = factory
        self._closed = closed
        self._address: IAddress = address_of(handle.getsockname())
        self._task: asyncio.Task[asyncio.AbstractServer] | None = None
        self._stopped = False

    def accept(self, build: Callable[[], Any]) -> None:
        """Begin to accept; ``build`` makes the asyncio protocol of each connection."""
        self._factory.doStart()
        making: Coroutine[Any, Any, asyncio.AbstractServer]
        if self._handle.family == socket.AF_UNIX:
            making = self._loop.create_unix_server(build, sock=self._handle, backlog=self._backlog)
        else:
            making = self._loop.create_server(build, sock=self._handle, backlog=self._backlog)
        self._task = self._loop.create_task(making)
        self._task.add_done_callback(self._accepting)

    def _accepting(self, task: asyncio.Task[asyncio.AbstractServer]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("{port} cannot accept: {error}", port=self, error=error)
            self._handle.close()

    def startListening(self) -> None:
        """Twisted: it listens from the beginning."""

    def stopListening(self) -> Deferred[None]:
        """Twisted: accept no more and free the port; fires when that is done, which is at once."""
        if self._stopped:
            return succeed(None)
        self._stopped = True
        task = self._task
        if task is not None and not task.cancel() and task.exception() is None:
            task.result().close()
        # libuv has taken the descriptor over if it came to that; then this does nothing.
        self._handle.close()
        if self._closed is not None:
            self._closed()
        self._factory.doStop()
        return succeed(None)

    def getHost(self) -> IAddress:
        """Twisted: where it listens."""
        return self._address

    def __repr__(self) -> str:
        state = "stopped" if self._stopped else "listening"
        return f"<LibuvPort of {self._factory} at {self._address} {state}>"
