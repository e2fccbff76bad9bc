"""The server's role on one connection of HTTP/2: many exchanges at a time, each on a stream.

Theory of operation. What arrives is cut into frames and given to the library one frame at a time;
each event is dealt with before the next frame is looked at, and what is to be sent because of all
that came together leaves in one write. The streams that are open are ``exchanges``; one is taken
out when both its ends have ended, or it was reset by either side.

A client that does not read what was written is found in two ways. While the transport is slow no
more answers are sent; but each frame that comes may ask for one that goes back (PING, SETTINGS), so
once those come to ``HELD_OCTETS`` nothing more is read either. And the sweep sees how long it has
been so, for the transport and for each stream whose window stays closed.

An end is always announced: GOAWAY names the last stream that was served, and a client may ask for
those behind it elsewhere. What runs is finished first, except when the client has broken the rules.

Rejected: the library's own GOAWAY, which ends what still runs, and its reading of the client's,
which does the same.

Sources: RFC 9113 sections 5.1.2 (limit on streams), 5.4 (errors), 6.8 (GOAWAY), 8.1 (exchanges).
"""

from __future__ import annotations

from typing import Any, Final, cast

from h2 import events
from h2.exceptions import H2Error, StreamClosedError
from twisted.internet.interfaces import IAddress, IProtocol, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import classImplements

from lambdadispatch.http2 import frames
from lambdadispatch.http2.allowances import Allowances
from lambdadispatch.http2.exchange import (
    CANCEL,
    INTERNAL_ERROR,
    NO_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    StreamExchange,
)
from lambdadispatch.http2.frames import Piece
from lambdadispatch.http2.library import Http2State, block_limit, goaway
from lambdadispatch.http2.reading import Reading
from lambdadispatch.http2.rules import BROKEN, TOO_LARGE, UNCALM, Http2Rules
from lambdadispatch.http2.watch import Watch
from lambdadispatch.http2.windows import Windows
from lambdadispatch.http2.writing import Writing
from lambdadispatch.http11.exchange import (
    CLIENT_GONE,
    CLIENT_STALLED,
    ServedConnection,
)
from lambdadispatch.http11.server import HttpServer
from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.request_pairs import request_from, trailers_from

log = Logger()

HELD_OCTETS: Final = 65536

ENHANCE_YOUR_CALM: Final = 0xB


class Http2Connection(ServedConnection):
    """One client connection on which HTTP/2 was agreed. ``drained`` counts how often all that was
    written had left.
    """

    def __init__(self, server: HttpServer, rules: Http2Rules) -> None:
        super().__init__()
        self.server = server
        self.limits = server.limits
        self.exchanges: dict[int, StreamExchange] = {}
        self.idle_since = server.sweeps
        self._rules = rules
        self.reading = Reading(self)
        self._block_limit = block_limit(server.limits)
        self._state: Any = Http2State(rules.streams, server.limits)
        self._allowances = Allowances()
        self.writing = Writing(
            self._state, self.write_out, self._allowances.data_passed, self._response_sent
        )
        self.windows = Windows(self._state, self.write_out)
        self._requests_left = server.connection_limits.requests
        self._closing = False
        self._late = 0
        self.closed = False
        self._unread = 0
        self.drained = 0
        self._watch = Watch(self)

    # -- its ends

    @property
    def peer(self) -> IAddress:
        """The client's address."""
        return cast(IAddress, self.transport.getPeer())

    @property
    def own_address(self) -> IAddress:
        """The address that the client connected to."""
        return cast(IAddress, self.transport.getHost())

    # -- from the transport

    def connectionMade(self) -> None:
        """Twisted: the connection is up, and HTTP/2 agreed on."""
        if self.server.admission is not None and not self.server.admission.opened(self):
            self._abort()
            return
        self.transport.registerProducer(self, True)
        self.server.connections.add(self)
        self.windows.begin()
        self.write_out()

    def dataReceived(self, data: bytes) -> None:
        """Twisted: bytes arrived."""
        if not self.closed:
            self.reading.feed(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Twisted: the connection is gone."""
        self.closed = True
        self.server.closed(self)
        if self.server.admission is not None:
            self.server.admission.closed(self)
        self._lose_exchanges(CLIENT_GONE)

    def pauseProducing(self) -> None:
        """Twisted: the client reads too slowly for what is written; said at each write."""
        self.writing.slow = True

    def resumeProducing(self) -> None:
        """Twisted: what was written has left."""
        self.writing.slow = False
        self.drained += 1
        self._unread = 0
        self.writing.send_waiting()
        if not self.writing.slow:
            self.reading.resume()

    def stopProducing(self) -> None:
        """Twisted: no more can be written; connectionLost follows."""

    def write_out(self) -> None:
        """Pass on what the library has made, unless more may come of what is being read."""
        if self.reading.busy:
            return
        octets: bytes = self._state.data_to_send()
        if not octets or self.transport is None:
            return
        self.transport.write(octets)
        if self.writing.slow and not self.closed:
            self._unread += len(octets)
            if self._unread > HELD_OCTETS:
                self.reading.pause()

    # -- reading

    def take(self, piece: Piece) -> None:
        """The next octets of a frame arrived."""
        if piece.kind == frames.GOAWAY and not self.reading.splitter.in_block:
            if piece.last:
                self._client_leaves()
            return
        if piece.last and not self._allowances.afford(piece, known=piece.stream in self.exchanges):
            self.break_off(UNCALM, ENHANCE_YOUR_CALM)
            return
        if self.reading.splitter.in_block and self.reading.splitter.block > self._block_limit:
            # The library would keep up to 64 frames before it looks at them.
            self.break_off(TOO_LARGE, ENHANCE_YOUR_CALM)
            return
        try:
            came = self._state.receive_data(piece.octets)
        except H2Error as error:
            # The library has made the GOAWAY.
            log.debug("HTTP/2 of {peer} is broken: {error}", peer=self.peer, error=error)
            self.break_off(BROKEN)
            return
        for event in came:
            self._on_event(event)

    def _on_event(self, event: events.Event) -> None:
        if isinstance(event, events.DataReceived):
            self._body_came(event)
        elif isinstance(event, events.RequestReceived):
            self._request_came(event)
        elif isinstance(event, events.WindowUpdated):
            self.writing.send_waiting()
        elif isinstance(event, events.RemoteSettingsChanged):
            self._state.bound_table()
            self.writing.send_waiting()
        elif isinstance(event, events.TrailersReceived):
            self._trailers_came(event)
        elif isinstance(event, events.StreamReset):
            exchange = self.exchanges.get(event.stream_id or 0)
            if exchange is not None:
                self._drop(exchange, CLIENT_GONE if event.remote_reset else BROKEN)

    def _request_came(self, event: events.RequestReceived) -> None:
        number = event.stream_id or 0
        if self._closing or len(self.exchanges) >= self._rules.streams:
            self._refuse_stream(number)
            return
        self._allowances.request_came()
        ended = event.stream_ended is not None
        if self._requests_left:
            self._requests_left -= 1
            if not self._requests_left:
                self._announce_end()
        try:
            head = request_from(
                self._state.pairs_of(event.headers), ended=ended, limits=self.limits
            )
        except RemoteProtocolError as error:
            exchange = StreamExchange(self, number, None, ended=ended)
            self.exchanges[number] = exchange
            self.refuse(exchange, error)
            return
        exchange = self.exchanges[number] = StreamExchange(self, number, head, ended=ended)
        self._rules.on_request(exchange)

    def _refuse_stream(self, number: int) -> None:
        """It may be asked for elsewhere. As many as may be open at once can have been on their way
        when the client was told that there is an end; these say nothing against it.
        """
        self._state.reset_stream(number, REFUSED_STREAM)
        if self._closing and self._late < self._rules.streams:
            self._late += 1
        else:
            self._note_reset()

    def _body_came(self, event: events.DataReceived) -> None:
        size = event.flow_controlled_length or 0
        self.windows.came(size)
        exchange = self.exchanges.get(event.stream_id or 0)
        if exchange is None:
            return
        # First, for the window of a stream that has ended cannot be opened.
        exchange.request_ended = event.stream_ended is not None
        try:
            exchange.body_came(event.data or b"", size)
        except RemoteProtocolError as error:
            self.refuse(exchange, error)
            return
        if exchange.request_ended:
            self._body_ended(exchange, ())

    def _trailers_came(self, event: events.TrailersReceived) -> None:
        exchange = self.exchanges.get(event.stream_id or 0)
        if exchange is None:
            return
        exchange.request_ended = True
        if exchange.head is None:
            self._body_ended(exchange, ())
            return
        try:
            trailers = trailers_from(
                self._state.pairs_of(event.headers), exchange.head, self.limits
            )
        except RemoteProtocolError as error:
            self.refuse(exchange, error)
            return
        self._body_ended(exchange, trailers)

    def _body_ended(
        self, exchange: StreamExchange, trailers: tuple[tuple[bytes, bytes], ...]
    ) -> None:
        try:
            exchange.body_ended(trailers)
        except RemoteProtocolError as error:
            self.refuse(exchange, error)
            return
        if exchange.sent and not exchange.gone:
            self._forget(exchange)

    def refuse(self, exchange: StreamExchange, error: RemoteProtocolError) -> None:
        """Answer what cannot be read, if an answer has not begun, and let go of the stream."""
        exchange.connection_lost(error.reason)
        exchange.on_lost = None
        exchange.drop_body()
        if exchange.gone:
            return
        code = PROTOCOL_ERROR if error.status == 400 else NO_ERROR
        if exchange.answer_begun:
            self.reset(exchange, code if exchange.sent else code or CANCEL)
        else:
            exchange.reset_code = code
            self._rules.on_refused(exchange, error)
        self._note_reset()

    def _note_reset(self) -> None:
        """The client made this side reset a stream."""
        if not self._allowances.resets.spend():
            self.break_off(UNCALM, ENHANCE_YOUR_CALM)

    # -- for exchanges

    def send_interim(self, exchange: StreamExchange, pairs: list[tuple[bytes, bytes]]) -> None:
        """Send a 1xx response."""
        self._state.send_headers(exchange.number, pairs)
        self.write_out()

    def open_window(self, number: int, octets: int) -> int:
        """So many octets of the body on a stream were taken; how many are left to be told."""
        return octets if self.closed else self.windows.taken(number, octets)

    def reset(self, exchange: StreamExchange, code: int) -> None:
        """End the stream alone, with one of the codes of RFC 9113 section 7."""
        if exchange.gone:
            return
        self._forget(exchange, ends=False)
        if self.closed:
            return
        try:
            self._state.reset_stream(exchange.number, code)
        except StreamClosedError:
            return
        finally:
            self._check_end()
        self.write_out()

    def _response_sent(self, exchange: StreamExchange) -> None:
        if exchange.request_ended:
            self._forget(exchange)
        elif exchange.discarding:
            self.reset(exchange, exchange.reset_code)

    def _forget(self, exchange: StreamExchange, *, ends: bool = True) -> None:
        """Nothing more will be read or sent on its stream."""
        exchange.gone = True
        self.writing.forget(exchange)
        self.windows.give_back(exchange.widened)
        exchange.widened = 0
        if self.exchanges.pop(exchange.number, None) is not None:
            self.idle_since = self.server.sweeps
        if ends:
            self._check_end()

    def _drop(self, exchange: StreamExchange, reason: str) -> None:
        """Its client has given it up, or it was lost."""
        self._forget(exchange)
        exchange.drop_body()
        exchange.connection_lost(reason)

    def _lose_exchanges(self, reason: str) -> None:
        for exchange in tuple(self.exchanges.values()):
            self._drop(exchange, reason)

    # -- closing

    @property
    def is_closing(self) -> bool:
        """Whether nothing more is written, and it ends once what was written has left."""
        return self.closed

    def close_when_idle(self) -> None:
        """Take no further request; close once none is being served."""
        self._announce_end()
        self._check_end()

    def _announce_end(self) -> None:
        """GOAWAY: what comes after the last request that was taken is not served."""
        if not (self._closing or self.closed):
            self._closing = True
            self._say_goaway(NO_ERROR)

    def _say_goaway(self, code: int) -> None:
        octets: bytes = self._state.data_to_send() or b""
        self.transport.write(octets + goaway(self._state.highest_inbound_stream_id, code))

    def _client_leaves(self) -> None:
        """GOAWAY of the client: it will ask for nothing more, and still wants what it has asked."""
        self._closing = True
        self._check_end()

    def _check_end(self) -> None:
        if self._closing and not self.exchanges:
            self.lose()

    def break_off(self, reason: str, code: int | None = None) -> None:
        """The client has broken the rules of the connection: tell it, and serve nothing more.
        ``code`` None: the library has made the GOAWAY.
        """
        if self.closed:
            return
        self.reading.busy = False
        self._rules.broken[reason] += 1
        if code is not None:
            self._say_goaway(code)
        self.write_out()
        self.lose()
        self._lose_exchanges(reason)

    def lose(self) -> None:
        """Close once all that was written has left."""
        if self.closed:
            return
        self.reading.busy = False
        self.write_out()
        self.closed = True
        self.idle_since = self.server.sweeps
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def cut(self) -> None:
        """End what runs by resets, so that the client sees what is not whole, and has what is."""
        if self.closed:
            return
        self._state.reset_all(self.exchanges, INTERNAL_ERROR)
        self.lose()
        self._lose_exchanges(CLIENT_GONE)

    def _abort(self) -> None:
        """End the connection at once, for nothing of it is or can be read."""
        self.closed = True
        self.transport.abortConnection()

    def stall(self, exchange: StreamExchange) -> None:
        """Its client does not take its answer: give it up."""
        self._drop(exchange, CLIENT_STALLED)
        if not self.closed:
            self._state.reset_stream(exchange.number, CANCEL)
            self.write_out()

    def stall_all(self) -> None:
        """The client does not read at all: cut the connection."""
        self._abort()
        self._lose_exchanges(CLIENT_STALLED)

    def tire(self) -> None:
        """Nothing has been asked for too long: close."""
        self._announce_end()
        self.lose()

    def sweep(self, sweeps: int, patience: int) -> None:
        """A second has passed."""
        self._allowances.sweep()
        self._watch.sweep(sweeps, patience)


classImplements(Http2Connection, IProtocol, IPushProducer)
