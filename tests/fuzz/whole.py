"""What must hold of the whole front, and of the control port, for any bytes of a client."""

from __future__ import annotations

import json
from typing import Any

from twisted.logger import LogEvent, LogLevel, globalLogPublisher

from lambdadispatch.wire.heads import RequestHead
from lambdadispatch.wire.proof import CHANNEL, SESSION
from lambdadispatch.wire.request_reader import RequestReader
from tests.fuzz import reference
from tests.fuzz.readers import LIMITS, SMALL, messages_of, same_for_every_cut
from tests.hostile.messages import Message, split
from tests.hostile.rig import Rig
from tests.memory.system import CONTROL, WITH_TLS, Client

USES = 200
"""A system serves so many inputs before it makes room for a new one."""


class Bench:
    """Systems, one for each way in which bytes arrive, used again and again."""

    def __init__(self) -> None:
        self._rigs: dict[int | None, tuple[Rig, int]] = {}
        self.failures: list[LogEvent] = []
        globalLogPublisher.addObserver(self._observe)

    def _observe(self, event: LogEvent) -> None:
        if event.get("log_level") in {LogLevel.critical, LogLevel.error} or "log_failure" in event:
            self.failures.append(event)

    def rig(self, chunk: int | None) -> Rig:
        rig, uses = self._rigs.get(chunk, (None, USES))
        if rig is None or uses >= USES:
            if rig is not None:
                rig.end()
            rig, uses = (
                Rig(chunk, head_limit=LIMITS.head_octets, header_count_limit=24, **WITH_TLS),
                0,
            )
        self._rigs[chunk] = (rig, uses + 1)
        return rig

    def forget(self) -> None:
        """After a failure nothing is used again."""
        self._rigs.clear()
        self.failures.clear()


_bench: list[Bench] = []


def bench() -> Bench:
    """The one bench, made when it is first needed."""
    if not _bench:
        _bench.append(Bench())
    return _bench[0]


def front(data: bytes) -> None:
    """A client sends ``data``: what the application and the client see follows the readers' rules
    and does not depend on how the bytes arrive.
    """
    try:
        results = [_one(bench().rig(chunk), data) for chunk in _chunks(data)]
        assert all(result == results[0] for result in results), results
        assert not bench().failures, bench().failures
    except BaseException:
        bench().forget()
        raise


def _chunks(data: bytes) -> list[int | None]:
    return [None, 7, 1] if len(data) <= SMALL else [None, 97]


def _one(rig: Rig, data: bytes) -> tuple[list[bytes], list[int]]:
    client = rig.client(data)
    seen = rig.take_seen()
    whole = [message.raw for message in seen if message.whole]
    assert all(message.whole for message in seen[: len(whole)]), "a part stands before a whole"
    statuses = [int(message.raw[9:12]) for message in _answers(client, data)]
    if client.lost is None:
        client.transport.abortConnection()
        rig.pump()
        rig.take_seen()
    assert statuses[: len(whole)] == [204] * len(whole), statuses
    assert len(statuses) <= len(whole) + 1
    _agree(data, whole)
    rig.serve_plain()
    assert not rig.system.parts.front.connections, "a connection outlives its client"
    assert len(rig.system.aws.started) == 1, "a client cannot start invocations of an idle pool"
    return whole, statuses


def _answers(client: Client, data: bytes) -> list[Message]:
    heads = [each for each in same_for_every_cut(RequestReader, data) if isinstance(each, tuple)]
    asked = [each for each in heads if isinstance(each, RequestHead)]
    answers = split(client.received, iter([head.method == b"HEAD" for head in asked]))
    assert all(message.whole for message in answers), client.received
    return answers


def _agree(data: bytes, whole: list[bytes]) -> None:
    """The requests that left are those that the reader finds, and h11 reads them as such."""
    found = list(messages_of(same_for_every_cut(RequestReader, data)))
    assert len(whole) <= len(found)
    for raw, (head, body, _) in zip(whole, found, strict=False):
        assert raw.startswith(b"%b %b HTTP/1.1\r\n" % (head[0], head[1])), raw
        left = list(messages_of(same_for_every_cut(RequestReader, raw)))
        assert [message[1] for message in left] == [body]
        reference.check_requests(raw, left)


def control(data: bytes) -> None:
    """Somebody who has no secret sends ``data`` to the control port, after a prefix of a right
    request that the first octet chooses.
    """
    rig = bench().rig(None)
    try:
        _attack(rig, data)
        assert not bench().failures, bench().failures
    except BaseException:
        bench().forget()
        raise


def _attack(rig: Rig, data: bytes) -> None:
    instance = rig.running.payload.instance.encode()
    starts = (
        b"",
        b"GET /v1/instances/%b/%b HTTP/1.1\r\nHost: a\r\n" % (instance, CHANNEL.encode()),
        b"GET /v1/instances/%b/%b HTTP/1.1\r\nHost: a\r\n" % (instance, SESSION.encode()),
        b"GET /v1/instances/%b/channel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
        b"Upgrade: PTTH/1.0\r\nLambda-Dispatch-Nonce: " % instance,
        b"GET /v1/instances/%b/channel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
        b"Upgrade: PTTH/1.0\r\nLambda-Dispatch-Nonce: %b\r\nLambda-Dispatch-Proof: "
        % (instance, b"0" * 32),
    )
    before = _state(rig)
    client = Client()
    rig.system.network.connect(client, CONTROL)
    raw = starts[data[0] % len(starts)] + data[1:] if data else b""
    rig.system.send(client, raw)
    for message in _answers(client, raw):
        assert not message.raw.startswith(
            (b"HTTP/1.1 1", b"HTTP/1.1 2", b"HTTP/1.1 5")
        ) or message.raw.startswith((b"HTTP/1.1 501", b"HTTP/1.1 505")), message
        _, _, body = message.raw.partition(b"\r\n\r\n")
        assert not body or json.loads(body)["component"] == "router"
    assert _state(rig) == before
    rig.system.clock.advance(0)
    for _ in range(10):
        rig.system.parts.control.sweep()
        rig.pump()
    assert client.lost is not None, "the control port keeps who has proved nothing"


def _state(rig: Rig) -> Any:
    state = rig.system.parts.fleet.state()
    return [(each["instance"], each["channels"], each["leaving"]) for each in state]
