"""The session's lines: what router and instance tell each other beside the channels.

After the upgrade each message is one JSON object on a line of at most LINE_LIMIT octets that
ends in LF. ``kind`` says what it is; a kind that is not known is passed over, so that either
side may learn new ones first.

===========  ==================  ==================================================
kind         sent by             fields
===========  ==================  ==================================================
ready        instance            environment: text; its application takes requests;
                                 leaves_in: seconds until it will say ``leaving``
idle         instance            it has had no work for its idle time
leaving      instance            reason: text; give it nothing new
nack         instance            reason: text; channel: the nonce it was opened with; the
                                 request on it was not touched, and is not answered
pong         instance            answers a ping
ping         router              asks for a pong
drain        router              reason: text; finish what runs, then leave
retire       router              reason: text; nothing runs any more: leave now
===========  ==================  ==================================================
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final, NamedTuple

from lambdadispatch.wire.errors import LocalProtocolError, RemoteProtocolError

LINE_LIMIT: Final = 4096
LONGEST: Final = 86400
"""Seconds: no invocation lasts longer than a day."""

READY: Final = "ready"
IDLE: Final = "idle"
LEAVING: Final = "leaving"
PING: Final = "ping"
PONG: Final = "pong"
DRAIN: Final = "drain"
RETIRE: Final = "retire"
NACK: Final = "nack"

TEXT_OF: Final = {
    READY: "environment",
    IDLE: None,
    LEAVING: "reason",
    NACK: "reason",
    PING: None,
    PONG: None,
    DRAIN: "reason",
    RETIRE: "reason",
}
"""The one text each kind carries, by its key."""


class Message(NamedTuple):
    """One line; ``text`` is the value of the kind's one text, empty where it has none.

    ``channel`` is that of a nack; ``leaves_in`` the seconds of a ready, 0 if they are not known.
    """

    kind: str
    text: str = ""
    channel: str = ""
    leaves_in: float = 0.0


def encode_message(message: Message) -> bytes:
    """The message as a line; LocalProtocolError if its kind is not in the table, or too long."""
    if message.kind not in TEXT_OF:
        raise LocalProtocolError("bad_session_kind", f"{message.kind!r} is not in the table")
    key = TEXT_OF[message.kind]
    values: dict[str, object] = {"kind": message.kind}
    if key is not None:
        values[key] = message.text
    if message.kind == NACK:
        values["channel"] = message.channel
    if message.leaves_in:
        values["leaves_in"] = message.leaves_in
    line = json.dumps(values).encode()
    if len(line) > LINE_LIMIT:
        raise LocalProtocolError("bad_session_line", f"{len(line)} octets are over {LINE_LIMIT}")
    return line + b"\n"


class SessionReader:
    """Bytes to messages."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that ``data`` completes, one after another; RemoteProtocolError at the
        first line that is not one, so that it does not matter what arrived together.
        """
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            message = _decode(line)
            if message.kind in TEXT_OF:
                yield message
        if len(self._buffer) > LINE_LIMIT:
            raise _too_long()

    @property
    def buffered(self) -> int:
        """Octets of a line whose end has not come."""
        return len(self._buffer)


def _too_long() -> RemoteProtocolError:
    return RemoteProtocolError("bad_session_line", f"a line is over {LINE_LIMIT} octets")


def _decode(line: bytes) -> Message:
    if len(line) > LINE_LIMIT:
        raise _too_long()
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not isinstance(values.get("kind"), str):
        raise RemoteProtocolError("bad_session_line", f"{line[:80]!r} is not a message")
    key = TEXT_OF.get(values["kind"])
    text = values.get(key, "") if key else ""
    channel = values.get("channel", "") if values["kind"] == NACK else ""
    if not isinstance(text, str) or not isinstance(channel, str):
        raise RemoteProtocolError("bad_session_line", f"{key} in {line[:80]!r} is not a text")
    leaves_in = values.get("leaves_in", 0) if values["kind"] == READY else 0
    if type(leaves_in) not in {int, float} or not 0 <= leaves_in <= LONGEST:
        raise RemoteProtocolError("bad_session_line", f"leaves_in in {line[:80]!r} is no time")
    return Message(values["kind"], text, channel, float(leaves_in))
