"""Every answer of the table through the whole front, whole and byte by byte."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from lambdadispatch.core.resting import REST
from tests.hostile.answer_case import AnswerCase, Broken, Passed, Refused
from tests.hostile.answers import ANSWERS
from tests.hostile.hops import FIELDS_LIMIT, HEAD_LIMIT
from tests.hostile.messages import take
from tests.hostile.rig import RawChannel, Rig, no_content
from tests.memory.system import Client

LEAST_CASES = 100
UPGRADES = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


def ids(case: AnswerCase) -> str:
    return f"{case.name} ({case.section})"


@pytest.fixture(params=[None, 1], ids=["whole", "byte by byte"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    limits = {"head_limit": HEAD_LIMIT, "header_count_limit": FIELDS_LIMIT}
    # Sent once: a case is about one answer, not about what another try would be told.
    rig = Rig(request.param, retry_limit=0, **limits)
    yield rig
    rig.end()


def told(rig: Rig, client: Client, method: bytes) -> bytes:
    """What a client received, chunked bodies as one chunk; the last may be a part."""
    rest, read = client.received, b""
    while rest:
        final = rest[9:10] != b"1"
        bodiless = method == b"HEAD" and final
        message = take(rest, bodiless=bodiless, added=rig.answer_added)
        read += message.raw
        rest = rest[message.used :]
    return read


def test_the_table_is_large_and_its_names_are_different() -> None:
    assert len(ANSWERS) >= LEAST_CASES
    names = [(ids(case), case.raw) for case in ANSWERS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("behind", [False, True], ids=["first", "behind another"])
@pytest.mark.parametrize("case", ANSWERS, ids=ids)
def test_answer(rig: Rig, case: AnswerCase, behind: bool) -> None:
    def answer(channel: RawChannel, request: bytes) -> None:
        if b" /asked " not in request:
            no_content(channel, request)
            return
        channel.transport.write(case.raw)
        if case.ends:
            channel.transport.loseConnection()

    rig.answer = answer
    if behind:
        rig.serve_plain()
    (channel,) = rig.channels
    asks = UPGRADES if case.upgrades else b""
    client = rig.client(case.method + b" /asked HTTP/1.1\r\nHost: a\r\n" + asks + b"\r\n")
    rig.pump()
    expected = case.expected
    if isinstance(expected, Passed):
        assert told(rig, client, case.method) == expected.seen
        assert client.lost is None
        assert (channel in rig.channels) is expected.keeps
    elif isinstance(expected, Refused):
        check_refused(client, case, expected.reason)
        assert channel not in rig.channels
    else:
        part = told(rig, client, case.method)
        assert expected.seen.startswith(part), part
        assert client.lost is not None
        assert channel not in rig.channels
    rig.take_seen()
    # An instance that has lost a request gets none for that long; a tick ends it.
    rig.system.advance(REST + 1)
    rig.serve_plain()


def check_refused(client: Client, case: AnswerCase, reason: str) -> None:
    """502 by the router and nothing else, but for what came before the bad head."""
    interims = case.raw.count(b"HTTP/1.1 100 Continue\r\n\r\n")
    received = client.received
    for _ in range(interims):
        assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        received = received[25:]
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 502 Bad Gateway\r\n"), received
    assert json.loads(body) == {"component": "router", "reason": reason}
    assert (client.lost is not None) is case.upgrades


def test_every_kind_of_end_is_in_the_table() -> None:
    kinds = {type(case.expected) for case in ANSWERS}
    assert kinds == {Passed, Refused, Broken}
