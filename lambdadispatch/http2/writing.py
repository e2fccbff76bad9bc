"""Sending what streams have to send, as their windows and the transport take it.

Theory of operation. A stream that has something to send sends it at once. What does not fit waits
with its stream, and the streams that wait take turns of one frame each when a window opens or the
transport has caught up, so that a large answer does not stand before a small one. While the
transport is slow no DATA is made at all: it would only move octets from one buffer into another.

Rejected: the priorities of RFC 9113 section 5.3, which that document itself gives up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lambdadispatch.http2.exchange import StreamExchange

PIECE_OCTETS: Final = 16384
"""The most that one stream sends at a turn, whatever frames the client would take."""


class Writing:
    """The sending half of one connection. ``state`` is the library's; ``on_sent`` is told of an
    exchange whose response has left whole; ``write`` passes on what is to leave.
    """

    def __init__(
        self,
        state: Any,
        write: Callable[[], None],
        on_data: Callable[[], None],
        on_sent: Callable[[StreamExchange], None],
    ) -> None:
        self._state = state
        self._write = write
        self._on_data = on_data
        self._on_sent = on_sent
        self.waiting: dict[int, StreamExchange] = {}
        self.slow = False

    def send(self, exchange: StreamExchange) -> None:
        """Send all of it that can be sent."""
        if exchange.number not in self.waiting:
            while not self.slow and self._send_frame(exchange):
                pass
            self._settle(exchange)
        self._write()

    def send_waiting(self) -> None:
        """Something may have changed that streams wait for: give them turns."""
        going = bool(self.waiting)
        while going and not self.slow:
            going = False
            for exchange in tuple(self.waiting.values()):
                if not exchange.gone and self._send_frame(exchange):
                    going = True
                    self._settle(exchange)
            self._write()

    def forget(self, exchange: StreamExchange) -> None:
        """Nothing more can be sent of it."""
        self.waiting.pop(exchange.number, None)
        exchange.pending.clear()
        exchange.pairs = None

    def _settle(self, exchange: StreamExchange) -> None:
        """Tell how far it has got."""
        if exchange.gone:
            return
        if exchange.pending or (exchange.ending and not exchange.sent):
            self.waiting[exchange.number] = exchange
            if not exchange.slow:
                exchange.client_slow()
            return
        if exchange.pairs is not None:
            self.waiting[exchange.number] = exchange
            return
        self.waiting.pop(exchange.number, None)
        exchange.emptied += 1
        if exchange.sent:
            self._on_sent(exchange)
        elif exchange.slow:
            exchange.client_ready()

    def _send_frame(self, exchange: StreamExchange) -> bool:
        """Send its next frame, if it has one and may; whether it did."""
        state, number = self._state, exchange.number
        pairs = exchange.pairs
        last = exchange.ending and not exchange.pending and not exchange.trailers
        if pairs is not None:
            exchange.pairs = None
            exchange.sent = last
            state.send_headers(number, pairs, end_stream=last)
            return True
        if exchange.pending:
            return self._send_piece(exchange)
        if not exchange.ending or exchange.sent:
            return False
        exchange.sent = True
        if exchange.trailers:
            state.send_headers(number, exchange.trailers, end_stream=True)
        else:
            state.end_stream(number)
        return True

    def _send_piece(self, exchange: StreamExchange) -> bool:
        state, number = self._state, exchange.number
        window: int = state.local_flow_control_window(number)
        most = min(window, PIECE_OCTETS, int(state.max_outbound_frame_size))
        if most <= 0:
            return False
        pending = exchange.pending
        piece = pending.popleft()
        if len(piece) > most:
            pending.appendleft(piece[most:])
            piece = piece[:most]
        last = exchange.ending and not pending and not exchange.trailers
        exchange.sent = last
        state.send_data(number, piece, end_stream=last)
        self._on_data()
        return True
