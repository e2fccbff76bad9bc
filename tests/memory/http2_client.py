"""A client of HTTP/2 in memory: the library's own client side over a MemoryTransport.

It reads what it is sent as strictly as the library does, and sends what it is told to.
"""

from __future__ import annotations

from typing import Any

from h2 import events
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.settings import SettingCodes, Settings
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

Pairs = list[tuple[bytes, bytes]]
CONFIG = H2Configuration(
    client_side=True,
    header_encoding=None,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
)
"""It sends what it is told to, malformed or not."""


class Response:
    """What came on one stream."""

    def __init__(self) -> None:
        self.status = 0
        self.fields: Pairs = []
        self.interim: list[tuple[int, Pairs]] = []
        self.body = b""
        self.trailers: Pairs | None = None
        self.ended = False
        self.reset: int | None = None

    def get(self, name: bytes) -> bytes | None:
        return dict(self.fields).get(name)


class Http2Client(Protocol):
    """``takes``: whether windows are opened as data comes; else ``open`` does it.

    ``window``: the initial window of each stream.
    """

    transport: Any

    def __init__(self, window: int = 65535, *, takes: bool = True) -> None:
        self.state = H2Connection(CONFIG)
        self.state.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: window,
                SettingCodes.MAX_HEADER_LIST_SIZE: 65536,
            },
        )
        self.takes = takes
        self.streams: dict[int, Response] = {}
        self.unopened: dict[int, int] = {}
        self.goaway: tuple[int, int] | None = None
        self.pongs = 0
        self.lost: Failure | None = None
        self.pending: dict[int, tuple[bytes, bool]] = {}
        self._early: list[bytes] = []
        self._unread = b""

    def connectionMade(self) -> None:
        self.state.initiate_connection()
        self.flush()

    def flush(self) -> None:
        data = self.state.data_to_send()
        if data and self.transport is not None:
            self.transport.write(data)

    def dataReceived(self, data: bytes) -> None:
        self._unread += data
        while frame := self._whole_frame():
            for event in self.state.receive_data(frame):
                self._on_event(event)
        self._send_pending()
        self.flush()

    def _whole_frame(self) -> bytes:
        """The next one, by itself: after a GOAWAY the library would take no other."""
        size = 9 + int.from_bytes(self._unread[:3], "big")
        if len(self._unread) < size:
            return b""
        frame, self._unread = self._unread[:size], self._unread[size:]
        return frame

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost = reason

    def _on_event(self, event: events.Event) -> None:
        if isinstance(event, events.ConnectionTerminated):
            self.goaway = (int(event.error_code or 0), event.last_stream_id or 0)
            # The library takes it for the end of what runs as well.
            self.state.state_machine.state = ConnectionState.CLIENT_OPEN
        elif isinstance(event, events.PingAckReceived):
            self.pongs += 1
        elif isinstance(
            event,
            events.ResponseReceived
            | events.InformationalResponseReceived
            | events.TrailersReceived
            | events.DataReceived
            | events.StreamEnded
            | events.StreamReset,
        ):
            self._on_stream(event, self.streams[event.stream_id or 0])

    def _on_stream(self, event: Any, response: Response) -> None:
        if isinstance(event, events.ResponseReceived):
            pairs = [(bytes(name), bytes(value)) for name, value in event.headers or ()]
            assert response.status == 0, "a response has one head"
            response.status, response.fields = int(pairs[0][1]), pairs[1:]
        elif isinstance(event, events.InformationalResponseReceived):
            pairs = [(bytes(name), bytes(value)) for name, value in event.headers or ()]
            response.interim.append((int(pairs[0][1]), pairs[1:]))
        elif isinstance(event, events.TrailersReceived):
            response.trailers = [(bytes(n), bytes(v)) for n, v in event.headers or ()]
        elif isinstance(event, events.DataReceived):
            response.body += event.data or b""
            size = event.flow_controlled_length or 0
            self.unopened[event.stream_id] = self.unopened.get(event.stream_id, 0) + size
            if self.takes:
                self.open(event.stream_id)
        elif isinstance(event, events.StreamEnded):
            response.ended = True
        else:
            response.reset = int(event.error_code)

    def open(self, stream: int) -> None:
        """Open the windows by what came on a stream."""
        size = self.unopened.pop(stream, 0)
        if size:
            self.state.acknowledge_received_data(size, stream)
            self.flush()

    # -- asking

    def ask(
        self,
        path: bytes = b"/x",
        *fields: tuple[bytes, bytes],
        method: bytes = b"GET",
        body: bytes | None = None,
        end: bool = True,
    ) -> Response:
        """Begin a request; ``body`` None has none, else it is sent as the windows allow, and ended
        with ``end``.
        """
        stream = self.state.get_next_available_stream_id()
        head = [
            (b":method", method),
            (b":scheme", b"https"),
            (b":authority", b"test"),
            (b":path", path),
        ]
        self.state.send_headers(stream, [*head, *fields], end_stream=body is None)
        response = self.streams[stream] = Response()
        if body is not None:
            self.pending[stream] = (body, end)
        self._send_pending()
        self.flush()
        return response

    def number(self, response: Response) -> int:
        return next(number for number, each in self.streams.items() if each is response)

    def send(self, response: Response, data: bytes, *, end: bool = False) -> None:
        """More of a body."""
        stream = self.number(response)
        before, _ = self.pending.get(stream, (b"", False))
        self.pending[stream] = (before + data, end)
        self._send_pending()
        self.flush()

    def unsent(self, response: Response) -> int:
        """Octets of a body that the windows do not allow."""
        return len(self.pending.get(self.number(response), (b"", False))[0])

    def _send_pending(self) -> None:
        for stream, (data, end) in tuple(self.pending.items()):
            while data:
                try:
                    window = self.state.local_flow_control_window(stream)
                except Exception:
                    self.pending.pop(stream)
                    break
                size = min(window, len(data), self.state.max_outbound_frame_size)
                if size <= 0:
                    break
                self.state.send_data(stream, data[:size], end_stream=end and size == len(data))
                data = data[size:]
                self.pending[stream] = (data, end)
            else:
                response = self.streams[stream]
                if self.pending.pop(stream)[1] and not data and response.reset is None:
                    self._end(stream)

    def _end(self, stream: int) -> None:
        if self.state.streams[stream].state_machine.state.name in {"OPEN", "HALF_CLOSED_REMOTE"}:
            self.state.end_stream(stream)

    def trailers(self, response: Response, *pairs: tuple[bytes, bytes]) -> None:
        """End a request with trailers."""
        self.state.send_headers(self.number(response), list(pairs), end_stream=True)
        self.flush()

    def reset(self, response: Response, code: int = 8) -> None:
        """Give a request up."""
        self.state.reset_stream(self.number(response), code)
        self.flush()
