"""The receiving half of one connection: what arrives, frame by frame, and when nothing is read.

Theory of operation. What one read brings can be thousands of frames, and each can be a request. So
after ``FRAMES_OF_A_TURN`` the rest waits for the next turn of the loop, and nothing is read
meanwhile: a client that sends many small ones slows down itself and not everybody. (HTTP/1.1 takes
one pipelined request a turn.) Nor is anything read while the client leaves too much unread of what
its frames have asked for. What was read before waits then, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lambdadispatch.http2.frames import FrameSplitter
from lambdadispatch.wire.errors import RemoteProtocolError

if TYPE_CHECKING:
    from lambdadispatch.http2.connection import Http2Connection

FRAMES_OF_A_TURN: Final = 100
FRAME_SIZE_ERROR: Final = 0x6


class Reading:
    """``busy`` is whether frames are being taken, which gather what is to be written; ``paused``
    whether the client has too much unread.
    """

    def __init__(self, connection: Http2Connection) -> None:
        self._connection = connection
        self.splitter = FrameSplitter()
        self.busy = False
        self.paused = False
        self._resting = False

    def feed(self, data: bytes) -> None:
        """These octets arrived."""
        self.splitter.feed(data)
        if not (self._resting or self.paused):
            self._read()

    def pause(self) -> None:
        """Too much is unread."""
        if not self.paused:
            self.paused = True
            self._connection.transport.pauseProducing()

    def resume(self) -> None:
        """All was read."""
        if self.paused:
            self.paused = False
            self._go_on()

    def _rest(self) -> None:
        later = self._connection.server.later
        assert later is not None, "who cannot be called later does not rest"
        self._resting = True
        self._connection.transport.pauseProducing()
        later(0, self._rested)

    def _rested(self) -> None:
        self._resting = False
        self._go_on()

    def _go_on(self) -> None:
        if not (self._resting or self.paused or self._connection.closed):
            self._read()
        if not (self._resting or self.paused or self._connection.closed):
            self._connection.transport.resumeProducing()

    def _read(self) -> None:
        connection = self._connection
        self.busy = True
        try:
            self._take_frames()
        except RemoteProtocolError as error:
            connection.break_off(error.reason, FRAME_SIZE_ERROR)
        finally:
            self.busy = False
        connection.write_out()
        if self.splitter.has_more and not connection.closed:
            self._rest()

    def _take_frames(self) -> None:
        connection, splitter = self._connection, self.splitter
        left = -1 if connection.server.later is None else FRAMES_OF_A_TURN
        while left and not connection.closed:
            piece = splitter.next_piece()
            if piece is None:
                break
            left -= 1
            connection.take(piece)
