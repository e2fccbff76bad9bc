"""A request's body between the reactor, which receives it, and the thread that reads it."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable
from threading import Condition
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HELD_OCTETS: Final = 65536
"""A body is held back while more than this is waiting to be read."""


class BodyInput(io.RawIOBase):
    """The body as a file: ``readinto`` waits for data; give it to an ``io.BufferedReader``.

    ``feed``, ``end`` and ``fail`` are called from the reactor's thread. ``wanted`` is called from
    the reading thread before the first wait, ``drained`` from it when the body may come again.
    """

    def __init__(self, wanted: Callable[[], None], drained: Callable[[], None]) -> None:
        self._wanted: Callable[[], None] | None = wanted
        self._drained = drained
        self._changed = Condition()
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._full = False
        self._ended = False
        self._lost = False

    def feed(self, data: bytes) -> bool:
        """Take a piece; whether the sender must now be held back until ``drained``."""
        with self._changed:
            self._pieces.append(data)
            self._held += len(data)
            self._full = self._full or self._held > HELD_OCTETS
            self._changed.notify()
            return self._full

    def end(self) -> None:
        """The body is complete."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def fail(self) -> None:
        """The body will not be complete: reading raises ConnectionResetError from now on."""
        with self._changed:
            self._lost = True
            self._pieces.clear()
            self._changed.notify()

    def readable(self) -> bool:
        """io: yes."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """io: at least one octet, or 0 at the end of the body."""
        view = memoryview(buffer).cast("B")
        with self._changed:
            self._say_wanted()
            while not (self._pieces or self._ended or self._lost):
                self._changed.wait()
            if self._lost:
                raise ConnectionResetError("the request's body was cut short")
            count = self._give(view) if self._pieces else 0
            drained = self._full and self._held <= HELD_OCTETS // 2
            if drained:
                self._full = False
        if drained:
            self._drained()
        return count

    def _say_wanted(self) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is not None and not self._pieces and not self._ended:
            wanted()

    def _give(self, view: memoryview) -> int:
        piece = self._pieces.popleft()
        if len(piece) > len(view):
            self._pieces.appendleft(piece[len(view) :])
            piece = piece[: len(view)]
        view[: len(piece)] = piece
        self._held -= len(piece)
        return len(piece)
