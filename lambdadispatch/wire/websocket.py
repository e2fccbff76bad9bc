"""Where the frames of a WebSocket end, in one direction, and the Close frames to put between them.

Theory of operation. Whoever wants to put a frame of its own between those of others has to know
where one ends, and cannot learn it later: there is no mark in the bytes. So the headers of frames
are followed from the first octet on. Payloads are passed over by their length, never looked at and
never copied. That control frames may stand between the fragments of a message (RFC 6455 section
5.4) means that nothing has to be known of messages, compression or text.

Nothing is checked. A peer that breaks the rules harms its own connection: the end of its frames is
then found in a wrong place or nowhere, and the other side refuses what it gets.

Rejected: a library that reads frames (it copies and checks what another will check again); to begin
when a Close is wanted (a boundary cannot be told from any other place).

Source: RFC 6455 sections 5.2, 5.3, 5.5.1 and 7.4.
"""

from __future__ import annotations

from typing import Final

SERVICE_RESTART: Final = 1012
"""Close code: the server restarts, come again (IANA registry of WebSocket close codes)."""

_CLOSE: Final = 0x8
_OPCODE: Final = 0x0F
_MASKED: Final = 0x80
_LENGTH: Final = 0x7F
_MASK_OCTETS: Final = 4

_KEY: Final = b"\x5c\xa3\x1e\x97"


def close_frame(code: int) -> bytes:
    """A Close frame as a server sends it."""
    return b"\x88\x02" + code.to_bytes(2, "big")


def masked_close_frame(code: int) -> bytes:
    """A Close frame as a client sends it.

    The key is always the same. It is to be unforeseeable where somebody chooses the payload (RFC
    6455 section 10.3), and nobody does here.
    """
    payload = code.to_bytes(2, "big")
    hidden = bytes([payload[0] ^ _KEY[0], payload[1] ^ _KEY[1]])
    return b"\x88\x82" + _KEY + hidden


class FrameScanner:
    """Follows the frames of one direction; ``closing`` is whether a Close frame has begun."""

    __slots__ = ("_header", "_left", "closing")

    def __init__(self) -> None:
        self._header = b""
        self._left = 0
        self.closing = False

    @property
    def at_boundary(self) -> bool:
        """Whether the last octet that was followed ended a frame, or none has come."""
        return not self._left and not self._header

    @property
    def closed(self) -> bool:
        """Whether a whole Close frame has come."""
        return self.closing and self.at_boundary

    def follow(self, data: bytes) -> None:
        """These octets pass."""
        if self._left >= len(data):
            # In the midst of a frame, as most pieces of a large one are.
            self._left -= len(data)
        else:
            self._run(data, first_only=False)

    def follow_to_boundary(self, data: bytes) -> int:
        """How many of these octets belong to the frame that has begun: the others are not followed.

        0 if none has begun.
        """
        return 0 if self.at_boundary else self._run(data, first_only=True)

    def _run(self, data: bytes, *, first_only: bool) -> int:
        """Follow ``data``, or only to the first boundary; the octets followed."""
        position, size = 0, len(data)
        while position < size:
            if self._left:
                step = min(self._left, size - position)
                self._left -= step
                position += step
            elif self._header:
                position += self._add_to_header(data, position)
            else:
                position = self._read_header(data, position)
            if first_only and self.at_boundary:
                break
        return position

    def _read_header(self, data: bytes, start: int) -> int:
        """A header begins at ``start``; where what was read of it ends."""
        size = len(data)
        if size - start < 2:
            self._header = data[start:]
            return size
        second = data[start + 1]
        length = second & _LENGTH
        end = start + 2
        if length >= 126:
            end += 2 if length == 126 else 8
            if size < end:
                self._header = data[start:]
                return size
            length = int.from_bytes(data[start + 2 : end], "big")
        if data[start] & _OPCODE == _CLOSE:
            self.closing = True
        # The key counts as payload: nobody looks at either.
        self._left = length + _MASK_OCTETS if second & _MASKED else length
        return end

    def _add_to_header(self, data: bytes, start: int) -> int:
        """The octets taken for a header that came in pieces: one, as few are in pieces."""
        header = self._header + data[start : start + 1]
        self._header = b""
        self._read_header(header, 0)
        return 1
