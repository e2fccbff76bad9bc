"""The whole front in memory, with the far side of the channel recorded as raw bytes.

The router is the real one, on the in-memory network. The instance is played here: it proves itself
as the Lambda side does, opens channels and keeps every byte that leaves the router on them.

Fields that the router adds to every request and every answer by itself are found out by a plain
request at the start and left out of what is compared; a case is about what becomes of the bytes
that the two sides send.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from lambdadispatch.wire.control import upgrade_request
from lambdadispatch.wire.heads import render_own
from lambdadispatch.wire.proof import CHANNEL, SESSION
from tests.hostile.messages import Message, field_lines, take
from tests.memory.stage_host import StageHost
from tests.memory.system import CONTROL, Client, Running, System

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
SERVED = NO_CONTENT[:-2]
"""How an answer begins to a request that was served."""
PLAIN = b"GET /plain HTTP/1.1\r\nHost: plain\r\n\r\n"

Answer = Callable[["RawChannel", bytes], None]
"""Answers a whole request on a channel."""


def no_content(channel: RawChannel, request: bytes) -> None:
    """204, whatever was asked."""
    channel.transport.write(NO_CONTENT)


class RawChannel(Protocol):
    """The instance's end of one channel: keeps what comes and answers each whole request."""

    transport: Any

    def __init__(self, rig: Rig, opening: bytes) -> None:
        self.rig = rig
        self._opening = opening
        self._data = b""
        self.admitted = False

    def connectionMade(self) -> None:
        self.transport.write(self._opening)

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        if not self.admitted:
            head, found, rest = self._data.partition(b"\r\n\r\n")
            if not found:
                return
            assert head.startswith(b"HTTP/1.1 101 "), head
            self.admitted, self._data = True, rest
        while self._data:
            message = take(self._data, added=self.rig.added)
            if not message.whole:
                break
            self._data = self._data[message.used :]
            self.rig.seen.append(message)
            self.rig.answer(self, message.raw)

    @property
    def unfinished(self) -> list[Message]:
        """The part of a request that has come."""
        return [take(self._data, added=self.rig.added)] if self._data else []

    def connectionLost(self, reason: Failure | None = None) -> None:
        if self.admitted:
            self.rig.seen += self.unfinished
            self.rig.channel_lost(self)


class Rig:
    """A router with one instance. ``chunk``: octets that arrive at a time; None for all."""

    def __init__(self, chunk: int | None = None, **settings: Any) -> None:
        self.answer: Answer = no_content
        self.seen: list[Message] = []
        self.added: frozenset[bytes] = frozenset()
        self.channels: list[RawChannel] = []
        self._nonces = (f"{number:032x}" for number in itertools.count(1))
        self._held: list[Running] = []
        self._ended = False
        settings = {"max_concurrent_count": 1, "max_instances": 1, "instance_idle": 60} | settings
        self.system = System(StageHost, chunk=chunk, **settings)
        self.system.aws.on_start = self._held.append
        plain = self.system.ask(PLAIN)
        self.session = Client()
        self.system.network.connect(self.session, CONTROL)
        self.system.send(self.session, self._opening(SESSION))
        assert b" 101 " in self.session.received, self.session.received
        self._open_channel()
        self.pump()
        assert plain.received.startswith(SERVED), plain.received
        self.answer_added = frozenset(name for name, _ in field_lines(plain.received))
        names = {name for name, _ in field_lines(self.seen.pop().raw)}
        self.added = frozenset(names - {b"host"})
        assert plain.transport is not None
        plain.transport.loseConnection()
        self.pump()

    @property
    def clock(self) -> Clock:
        return self.system.clock

    @property
    def running(self) -> Running:
        """The one invocation."""
        return self._held[0]

    def pump(self) -> None:
        self.system.network.pump()

    def channel_lost(self, channel: RawChannel) -> None:
        """Replace it, as the Lambda side does."""
        self.channels.remove(channel)
        if not self._ended:
            self._open_channel()

    def _open_channel(self) -> None:
        channel = RawChannel(self, self._opening(CHANNEL))
        self.channels.append(channel)
        self.system.network.connect(channel, CONTROL)

    def _opening(self, purpose: str) -> bytes:
        payload = self._held[0].payload
        return render_own(
            upgrade_request(
                "127.0.0.1", payload.instance, purpose, payload.secret, next(self._nonces)
            )
        )

    def client(self, data: bytes, *, finish: bool = False) -> Client:
        """A new client that has sent ``data`` and, with ``finish``, ended its side."""
        client = self.system.client()
        assert client.transport is not None
        client.transport.write(data)
        if finish:
            client.transport.loseConnection()
        self.pump()
        return client

    def serve_plain(self) -> None:
        """A plain request of a new client is served, and leaves nothing behind."""
        client = self.client(PLAIN)
        assert client.received.startswith(SERVED), client.received
        assert [message.raw for message in self.take_seen()] == [PLAIN]
        assert client.transport is not None
        client.transport.loseConnection()
        self.pump()

    def take_seen(self) -> list[Message]:
        """What has left the router on channels since the last time, parts too."""
        seen, self.seen = self.seen, []
        return seen + [part for channel in self.channels for part in channel.unfinished]

    def end(self) -> None:
        """Close everything."""
        self._ended = True
        self.system.service.stopService()
        self.system.advance(60)


def statuses(messages: list[Message]) -> Iterator[int]:
    """The statuses of responses."""
    return (int(message.raw[9:12]) for message in messages)
