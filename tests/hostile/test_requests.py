"""Every case of the table through the whole front: whole, byte by byte, and among good requests."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.hostile.case import Accepted, Case, Cut, Rejected, ids
from tests.hostile.hops import FIELDS_LIMIT, HEAD_LIMIT
from tests.hostile.messages import Message, split
from tests.hostile.rig import PLAIN, SERVED, Rig
from tests.hostile.table import REQUESTS
from tests.memory.system import Client

LEAST_CASES = 200
AROUND: list[tuple[list[bytes], list[bytes]]] = [
    ([], []),
    ([PLAIN], []),
    ([], [PLAIN]),
    ([PLAIN], [PLAIN]),
]
"""The good requests that go before a case, and those behind it."""

ACCEPTED = [case for case in REQUESTS if isinstance(case.expected, Accepted)]
REJECTED = [case for case in REQUESTS if isinstance(case.expected, Rejected)]
CUT = [case for case in REQUESTS if isinstance(case.expected, Cut)]


@pytest.fixture(params=[None, 1], ids=["whole", "byte by byte"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    rig = Rig(request.param, head_limit=HEAD_LIMIT, header_count_limit=FIELDS_LIMIT)
    yield rig
    rig.end()


def raws(messages: list[Message]) -> list[bytes]:
    assert all(message.whole for message in messages), messages
    return [message.raw for message in messages]


def answers(client: Client) -> list[Message]:
    """What a client was told; each is whole."""
    found = split(client.received)
    assert all(message.whole for message in found), client.received
    return found


def test_the_table_is_large_and_its_names_are_different() -> None:
    assert len(REQUESTS) >= LEAST_CASES
    names = [ids(case) for case in REQUESTS]
    assert len(set(names)) == len(names), sorted(n for n in set(names) if names.count(n) > 1)


@pytest.mark.parametrize("case", ACCEPTED, ids=ids)
def test_accepted(rig: Rig, case: Case) -> None:
    for before, after in AROUND:
        check_accepted(rig, case, before, after)


def check_accepted(rig: Rig, case: Case, before: list[bytes], after: list[bytes]) -> None:
    expected = case.expected
    assert isinstance(expected, Accepted)
    client = rig.client(b"".join([*before, case.raw, *after]))
    served = [] if expected.closes else after
    seen = [*before, *expected.seen, *served]
    assert raws(rig.take_seen()) == seen
    assert [message.raw[:13] for message in answers(client)] == [SERVED[:13]] * len(seen)
    assert (client.lost is not None) is expected.closes


@pytest.mark.parametrize("case", REJECTED, ids=ids)
def test_rejected(rig: Rig, case: Case) -> None:
    for before, after in AROUND:
        check_rejected(rig, case, before, after)


def check_rejected(rig: Rig, case: Case, before: list[bytes], after: list[bytes]) -> None:
    expected = case.expected
    assert isinstance(expected, Rejected)
    client = rig.client(b"".join([*before, case.raw, *after]))
    seen = rig.take_seen()
    assert raws(seen[: len(before)]) == before
    for part in seen[len(before) :]:
        assert not part.whole
        assert expected.seen.startswith(part.raw), part.raw
    told = answers(client)
    assert [message.raw[:13] for message in told[:-1]] == [SERVED[:13]] * len(before)
    head, _, body = told[-1].raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % expected.status), head
    assert b"\r\nConnection: close" in head
    assert json.loads(body) == {"component": "router", "reason": expected.reason}
    assert client.lost is not None
    rig.serve_plain()


@pytest.mark.parametrize("case", CUT, ids=ids)
def test_cut(rig: Rig, case: Case) -> None:
    for before, after in AROUND:
        if not after:
            check_cut(rig, case, before)


def check_cut(rig: Rig, case: Case, before: list[bytes]) -> None:
    expected = case.expected
    assert isinstance(expected, Cut)
    client = rig.client(b"".join([*before, case.raw]), finish=True)
    seen = rig.take_seen()
    assert raws(seen[: len(before)]) == before
    for part in seen[len(before) :]:
        assert not part.whole
        assert expected.seen.startswith(part.raw), part.raw
    assert b" 200 " not in client.received
    rig.serve_plain()
