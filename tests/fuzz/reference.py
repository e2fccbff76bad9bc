"""h11, a second strict parser: what is accepted here it must read as the same, or refuse.

It refuses more in places (bytes it does not want in a target, a 1xx it does not expect); it must
never see other requests, other fields or other bodies in the same bytes.
"""

from __future__ import annotations

from typing import Any

import h11

from lambdadispatch.wire.heads import RequestHead, ResponseHead
from lambdadispatch.wire.reader import End

Messages = list[tuple[RequestHead | ResponseHead, bytes, End]]
MOST = 1 << 20


def pairs_of(fields: Any) -> list[tuple[bytes, bytes]]:
    return sorted((bytes(name).lower(), bytes(value)) for name, value in fields)


def check_fields(head: RequestHead | ResponseHead, event: Any) -> None:
    """The same fields, those that h11 writes in its own way left out."""
    framing = {b"content-length", b"transfer-encoding"}
    ours = [pair for pair in pairs_of(head.fields.pairs) if pair[0] not in framing]
    theirs = [pair for pair in pairs_of(event.headers) if pair[0] not in framing]
    assert theirs == ours or b"host" in set(dict(ours)) ^ set(dict(theirs)), (ours, theirs)


def body_of(connection: h11.Connection) -> bytes | None:
    """The rest of a message; None if it is not whole."""
    body = b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return body
        else:
            return None


def check_requests(data: bytes, messages: Messages) -> None:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST)
    connection.receive_data(data)
    connection.receive_data(b"")
    try:
        for head, body, _ in messages:
            event = connection.next_event()
            assert isinstance(head, RequestHead)
            assert isinstance(event, h11.Request), event
            assert bytes(event.method) == head.method
            if event.target[:1] == b"/":
                assert bytes(event.target) == head.target
            check_fields(head, event)
            assert body_of(connection) == body
            connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is not h11.DONE:
                return
            connection.start_next_cycle()
    except h11.RemoteProtocolError:
        return


def check_responses(data: bytes, messages: Messages) -> None:
    """The first response, to a GET."""
    if not messages:
        return
    head, body, _ = messages[0]
    assert isinstance(head, ResponseHead)
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    connection.receive_data(b"")
    try:
        event = connection.next_event()
        while isinstance(event, h11.InformationalResponse):
            event = connection.next_event()
        if not isinstance(event, h11.Response):
            return
        assert event.status_code == head.status
        check_fields(head, event)
        assert body_of(connection) == body
    except h11.RemoteProtocolError:
        return
