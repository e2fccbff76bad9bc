"""What must hold of the whole front for any bytes behind a client's preface of HTTP/2.

What a client is told can depend on how the bytes arrived, because an application may answer before
the rest has come. What may leave the router on a channel does not: each whole request is one that
HTTP/1.1 reads as such, and nothing hides in it.
"""

from __future__ import annotations

from lambdadispatch.wire.request_reader import RequestReader
from tests.fuzz import reference
from tests.fuzz.readers import SMALL, messages_of, same_for_every_cut
from tests.fuzz.whole import bench
from tests.hostile.http2_frames import PREFACE, SETTINGS, FrameClient, frame
from tests.hostile.rig import Rig
from tests.memory.system import FRONT


def http2(data: bytes) -> None:
    """A client that has agreed on HTTP/2 sends ``data``."""
    try:
        for chunk in [None, 7, 1] if len(data) <= SMALL else [None, 97]:
            _one(bench().rig(chunk), data)
        assert not bench().failures, bench().failures
    except BaseException:
        bench().forget()
        raise


def _one(rig: Rig, data: bytes) -> None:
    client = FrameClient()
    rig.system.network.connect(client, FRONT, agreed=b"h2")
    client.transport.write(PREFACE + frame(SETTINGS) + data)
    rig.pump()
    if client.lost is None:
        client.transport.abortConnection()
        rig.pump()
    for message in rig.take_seen():
        if message.whole:
            _check(message.raw)
    for told in client.told.values():
        assert len(told.statuses) <= 1, "a request is answered once"
    rig.serve_plain()
    assert not rig.system.parts.front.connections, "a connection outlives its client"
    assert len(rig.system.aws.started) == 1, "a client cannot start invocations of an idle pool"


def _check(raw: bytes) -> None:
    left = list(messages_of(same_for_every_cut(RequestReader, raw)))
    assert len(left) == 1, raw
    reference.check_requests(raw, left)
