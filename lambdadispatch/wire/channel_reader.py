"""Reading requests on a channel, where the last field of a head differs from one to the next.

The router gives each request an id, in the last line of its head. By itself that would make every
head a new one and the memory of heads worthless. So the head without its last line is looked up,
and the line is read by itself: 3 us in place of 9 for a head of 11 fields and 400 octets.
"""

from __future__ import annotations

import re

from lambdadispatch.wire.fields import TEXT, TOKEN, Fields
from lambdadispatch.wire.heads import RequestHead
from lambdadispatch.wire.request_reader import RequestReader, remembered_whole

_LAST_LINE = re.compile(rb"(" + TOKEN + rb"):[ \t]*+(" + TEXT + rb")\r\n\r\n")


class ChannelReader(RequestReader):
    """Reads what a RequestReader reads, and gives the same."""

    def whole(self, data: bytes) -> RequestHead | None:
        """See ``RequestReader.whole``."""
        if self._buffer or len(data) > self._whole_limit:
            return None
        cut = data.rfind(b"\r\n", 0, len(data) - 4) + 2
        head = remembered_whole(data[:cut] + b"\r\n", self._limits.fields)
        fields = None if head is None else self._followed_by(head.fields, data[cut:])
        if head is None or fields is None:
            return super().whole(data)
        return RequestHead(head.method, head.target, head.minor, fields, 0)

    def _followed_by(self, fields: Fields, line: bytes) -> Fields | None:
        known = fields.longer
        if known is not None and known[0] == line:
            return known[1]
        match = _LAST_LINE.fullmatch(line)
        if match is None or len(fields.pairs) >= self._limits.fields:
            return None
        longer = fields.followed_by(match[1], match[2].rstrip(b" \t"))
        fields.longer = None if longer is None else (line, longer)
        return longer
