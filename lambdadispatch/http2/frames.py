"""Where frames of HTTP/2 end (RFC 9113 sections 3.4 and 4.1).

Pure: octets in, pieces out. The pieces together are the octets as they came; none reaches over the
end of a frame, and the last of a frame says so. Nothing is kept but the nine octets of a header.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from lambdadispatch.wire.errors import RemoteProtocolError

PREFACE_OCTETS: Final = 24
HEADER_OCTETS: Final = 9
LARGEST_FRAME: Final = 16384
"""Of a payload; what every receiver must take, and no more was allowed (section 6.5.2)."""

DATA: Final = 0x0
HEADERS: Final = 0x1
PRIORITY: Final = 0x2
RST_STREAM: Final = 0x3
SETTINGS: Final = 0x4
PING: Final = 0x6
GOAWAY: Final = 0x7
WINDOW_UPDATE: Final = 0x8
CONTINUATION: Final = 0x9
PREFACE: Final = -1
"""In the place of a type: the fixed octets before the first frame."""

END_HEADERS: Final = 0x4
_OF_BLOCKS: Final = frozenset([HEADERS, CONTINUATION])


class Piece(NamedTuple):
    """Octets of one frame: of ``kind``, with ``length`` octets of payload, on ``stream``; ``last``
    if the frame ends with it.
    """

    octets: bytes
    kind: int
    length: int
    stream: int
    last: bool


class FrameSplitter:
    """Cuts what arrives at the ends of frames.

    ``under_way`` counts the octets of a frame that has begun and not ended; ``in_block`` tells that
    a block of fields has begun and its END_HEADERS has not come; ``block`` is how many octets its
    frames say they have. ``ended`` counts the frames, and whole blocks, that have ended.
    """

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._header = b""
        self._kind = PREFACE
        self._length = PREFACE_OCTETS
        self._stream = 0
        self._flags = 0
        self._left = PREFACE_OCTETS
        self.under_way = 0
        self.in_block = False
        self.block = 0
        self.ended = 0

    @property
    def in_head(self) -> bool:
        """Whether the preface, the header of a frame, or a block of fields has to go on."""
        if self.in_block or self._kind == PREFACE:
            return True
        return self.under_way > 0 and self._kind != DATA

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._data, self._at = (self._data[self._at :] + data if self.has_more else data), 0

    @property
    def has_more(self) -> bool:
        """Whether not all that was fed has been given out."""
        return self._at < len(self._data)

    def next_piece(self) -> Piece | None:
        """The next piece, None when there is no more.

        RemoteProtocolError as soon as a frame says that it is larger than is allowed.
        """
        if self._at == len(self._data):
            return None
        if self._left:
            return self._piece(b"")
        at = self._at
        self._header += self._data[at : at + HEADER_OCTETS - len(self._header)]
        header = self._header
        self._at = at + len(header) - self.under_way
        self.under_way = len(header)
        if len(header) < HEADER_OCTETS:
            self._kind = HEADERS
            return None
        self._begin(header)
        return self._piece(header)

    def _begin(self, header: bytes) -> None:
        self._header = b""
        self.under_way = 0
        self._length = self._left = int.from_bytes(header[:3], "big")
        self._kind, self._flags = header[3], header[4]
        self._stream = int.from_bytes(header[5:], "big") & 0x7FFFFFFF
        self.block = self._length + (self.block if self.in_block else 0)
        if self._length > LARGEST_FRAME:
            raise RemoteProtocolError(
                "frame_too_large", f"a frame of {self._length} octets, {LARGEST_FRAME} are allowed"
            )

    def _piece(self, header: bytes) -> Piece:
        start = self._at
        rest = self._data[start : start + self._left]
        self._at = start + len(rest)
        self._left -= len(rest)
        last = self._left == 0
        self.under_way = 0 if last else self.under_way + len(header) + len(rest)
        kind = self._kind
        if last:
            if kind in _OF_BLOCKS:
                self.in_block = not self._flags & END_HEADERS
            if not self.in_block:
                self.ended += 1
            self._kind = DATA
        return Piece(header + rest, kind, self._length, self._stream, last)
