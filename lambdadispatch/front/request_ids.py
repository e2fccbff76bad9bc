"""The id of a request: a field line that goes to the application, to the client and to the log.

An id is a random part, made once for the process, and a number. So it costs one formatting a
request, and is unique, not secret: nobody may take the knowledge of an id for a right.
"""

from __future__ import annotations

import re
from typing import Final

from lambdadispatch.wire.fields import Fields, NameSet

_KEPT = re.compile(rb"[!-~]{1,200}")
"""What an id of a trusted proxy may look like; anything else is replaced."""

NO_NAMES: Final = NameSet(())


class RequestIds:
    """Makes the lines of one field ``name``; empty ones if ``name`` is None.

    ``random`` is the part that is made once: a few hexadecimal digits.
    """

    def __init__(self, name: str | None, random: str) -> None:
        self._name = b"" if name is None else name.encode()
        self._line = b"%b: %b-%%x\r\n" % (self._name, random.encode())
        self._number = 0
        self.names = NameSet([self._name.lower()]) if self._name else NO_NAMES

    def next_line(self) -> bytes:
        """The line of the next request."""
        if not self._name:
            return b""
        self._number += 1
        return self._line % self._number

    def line_for(self, fields: Fields) -> bytes:
        """The line of a request of somebody trusted: with its own id if it has one."""
        came = [value for name, value in fields.pairs if name in self.names]
        if len(came) == 1 and _KEPT.fullmatch(came[0]):
            return b"%b: %b\r\n" % (self._name, came[0])
        return self.next_line()


def id_in(line: bytes) -> str | None:
    """The id that such a line gives, for the log."""
    return line[line.find(b":") + 2 : -2].decode("ascii") if line else None
