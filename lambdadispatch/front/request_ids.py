"""The id of a request: a field line that goes to the application, to the client and to the log.

An id is a random part, made once for the process, and a number. So it costs one formatting a
request, and is unique, not secret: nobody may take the knowledge of an id for a right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count, repeat
from typing import Final

from lambdadispatch.wire.fields import Fields, NameSet

_KEPT = re.compile(rb"[!-~]{1,200}")
"""What an id of a trusted proxy may look like; anything else is replaced."""

NO_NAMES: Final = NameSet(())


class RequestIds:
    """Makes the lines of one field ``name``; empty ones if ``name`` is None.

    ``random`` is the part that is made once: a few hexadecimal digits. ``next_line()`` is the line
    of the next request.
    """

    def __init__(self, name: str | None, random: str) -> None:
        self._name = b"" if name is None else name.encode()
        begin = b"%b: %b-" % (self._name, random.encode())
        lines: Iterator[bytes] = (begin + b"%x\r\n" % number for number in count(1))
        self.names = NameSet([self._name.lower()]) if self._name else NO_NAMES
        self.next_line = lines.__next__ if self._name else repeat(b"").__next__

    def line_for(self, fields: Fields) -> bytes:
        """The line of a request of somebody trusted: with its own id if it has one."""
        came = [value for name, value in fields.pairs if name in self.names]
        if len(came) == 1 and _KEPT.fullmatch(came[0]):
            return b"%b: %b\r\n" % (self._name, came[0])
        return self.next_line()


def id_in(line: bytes) -> str | None:
    """The id that such a line gives, for the log."""
    return line[line.index(b":") + 2 : -2].decode("ascii") if line else None
