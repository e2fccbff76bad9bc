"""Every case of the table of HTTP/2 through the whole front: whole and byte by byte.

What leaves the router on the channel is compared byte for byte; where the stream alone is at fault
a good request behind it, on the same connection, is served.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.hostile.hops import FIELDS_LIMIT, HEAD_LIMIT
from tests.hostile.http2_case import (
    PSEUDO,
    STREAM,
    Case,
    Ended,
    Passed,
    Refused,
    Reset,
    ids,
    post,
    seen,
)
from tests.hostile.http2_frames import (
    GOAWAY,
    PREFACE,
    PROTOCOL_ERROR,
    SETTINGS,
    FrameClient,
    frame,
    headers,
)
from tests.hostile.http2_requests import HTTP2_REQUESTS, SMUGGLED
from tests.hostile.messages import Message
from tests.hostile.rig import Rig
from tests.memory.system import FRONT, WITH_TLS

LEAST_CASES = 120
LAST = 7
LARGEST_BYTEWISE = 20_000


def of(kind: type) -> list[Case]:
    return [case for case in HTTP2_REQUESTS if isinstance(case.expected, kind)]


@pytest.fixture(params=[None, 1], ids=["whole", "byte by byte"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    rig = Rig(request.param, head_limit=HEAD_LIMIT, header_count_limit=FIELDS_LIMIT, **WITH_TLS)
    yield rig
    rig.end()


def client_of(rig: Rig, raw: bytes) -> FrameClient:
    client = FrameClient()
    rig.system.network.connect(client, FRONT, agreed=b"h2")
    if rig.system.network.chunk == 1 and len(raw) > LARGEST_BYTEWISE:
        pytest.skip("too large to be worth it octet by octet")
    client.transport.write(PREFACE + frame(SETTINGS) + raw)
    rig.pump()
    return client


def check_part(parts: list[Message], whole: bytes) -> None:
    """Nothing but a beginning of ``whole`` has left, and as whole at most that."""
    for part in parts:
        assert part.raw == whole if part.whole else whole.startswith(part.raw), part.raw


def check_goes_on(rig: Rig, client: FrameClient) -> None:
    client.transport.write(headers(LAST, *PSEUDO))
    rig.pump()
    assert [message.raw for message in rig.take_seen()] == [seen()]
    assert client.told[LAST].statuses == [204]
    assert client.told[LAST].ended
    assert client.goaway is None
    assert client.lost is None


def test_the_table_is_large_and_its_names_are_different() -> None:
    assert len(HTTP2_REQUESTS) >= LEAST_CASES
    names = [ids(case) for case in HTTP2_REQUESTS]
    assert len(set(names)) == len(names), sorted(n for n in set(names) if names.count(n) > 1)


@pytest.mark.parametrize("case", of(Passed), ids=ids)
def test_passed(rig: Rig, case: Case) -> None:
    assert isinstance(case.expected, Passed)
    client = client_of(rig, case.raw)
    assert [message.raw for message in rig.take_seen()] == [case.expected.seen]
    told = client.told[STREAM]
    assert (told.statuses, told.body, told.ended, told.reset) == ([204], b"", True, None)
    if frame(GOAWAY, 0, 0, bytes(8)) in case.raw:
        assert client.lost is not None
        assert client.told[5].reset == 7
    else:
        check_goes_on(rig, client)
    rig.serve_plain()


@pytest.mark.parametrize("case", of(Refused), ids=ids)
def test_refused(rig: Rig, case: Case) -> None:
    expected = case.expected
    assert isinstance(expected, Refused)
    client = client_of(rig, case.raw)
    check_part(rig.take_seen(), expected.seen)
    told = client.told[STREAM]
    assert told.statuses == [expected.status]
    assert json.loads(told.body) == {"component": "router", "reason": expected.reason}
    assert (told.ended, told.reset) == (True, expected.reset)
    check_goes_on(rig, client)
    rig.serve_plain()


@pytest.mark.parametrize("case", of(Reset), ids=ids)
def test_reset(rig: Rig, case: Case) -> None:
    expected = case.expected
    assert isinstance(expected, Reset)
    client = client_of(rig, case.raw)
    check_part(rig.take_seen(), expected.seen)
    if expected.code >= 0:
        assert client.told[STREAM].reset == expected.code
    check_goes_on(rig, client)
    rig.serve_plain()


@pytest.mark.parametrize("case", of(Ended), ids=ids)
def test_ended(rig: Rig, case: Case) -> None:
    expected = case.expected
    assert isinstance(expected, Ended)
    client = client_of(rig, case.raw + headers(LAST, *PSEUDO))
    check_part(rig.take_seen(), expected.seen)
    assert client.goaway is not None
    assert client.goaway[0] == expected.code
    assert client.lost is not None
    assert LAST not in client.told
    rig.serve_plain()


def test_a_connection_without_the_preface(rig: Rig) -> None:
    client = FrameClient()
    rig.system.network.connect(client, FRONT, agreed=b"h2")
    client.transport.write(b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    rig.pump()
    # It does not speak HTTP/2, so it is told nothing in it (section 3.4).
    assert (client.goaway, client.told) == (None, {})
    assert client.lost is not None
    assert rig.take_seen() == []
    rig.serve_plain()


def test_a_body_where_none_was_declared(rig: Rig) -> None:
    """The request is whole without it, so it may have been answered before; it is not passed on."""
    client = client_of(rig, post((b"content-length", b"0"), body=SMUGGLED, end=False))
    check_part(rig.take_seen(), seen(b"POST /x", b"content-length: 0"))
    told = client.told[STREAM]
    assert told.statuses in ([204], [400])
    assert told.reset == PROTOCOL_ERROR
    check_goes_on(rig, client)
    rig.serve_plain()
