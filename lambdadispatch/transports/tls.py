"""TLS, by the ssl module, between libuv's TCP stream and a face.

Theory of operation. ``TlsLayer`` is the asyncio protocol of the TCP stream, and the stream of the
face. The face hears of the connection when the handshake is over. While the face has paused, what
has arrived stays encrypted here and TCP is not read, so that the peer's end cannot overtake it:
uvloop's own TLS closes on a TCP end whatever its reader has not taken yet, which loses the rest of
a response; that is why it is not used.

Ends: close_notify from the peer ends the connection as TCP's end does; a TCP end without it is a
lost connection (RFC 8446 section 6.1). Closing sends close_notify and reads on, for at most
``CLOSE_TIME`` seconds, until the peer has closed too: closing TCP with unread bytes (session
tickets, in TLS 1.3) resets it, and the peer would lose what was sent last. TLS is not closed in
one direction only.

Memory: OpenSSL's buffers grow to the largest piece that has passed and never shrink. So pieces are
encrypted ``SEALED`` octets at a time, else every client that took one large answer would cost
hundreds of KiB for as long as its connection is kept. And once the connection is gone the layer
lets go of OpenSSL, and of the face, which holds the layer: a ring, this one or one of a protocol,
keeps what it holds until the garbage collector looks, which counts objects and not their size.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any, Final

from twisted.internet.error import ConnectionDone, SSLError
from twisted.internet.interfaces import IHandshakeListener, INegotiated
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import classImplements

from lambdadispatch.transports.arrivals import reason_of
from lambdadispatch.transports.face import PIECE, FaceTransport, TcpTransport

log = Logger()

HANDSHAKE_TIME: Final = 30.0
CLOSE_TIME: Final = 10.0
SEALED: Final = 65536
"""The most octets that are encrypted at once: an answer of 64 KiB whole, but for its head."""


class TlsTransport(TcpTransport):
    """A TLS connection over TCP, as TCP but for half closing, and with ISSLTransport.

    As with Twisted's TLS, either end's close_notify ends both directions, whether or not the
    protocol can be half closed.
    """

    __slots__ = ()

    def connection_made(self, stream: Any) -> None:
        """asyncio: the handshake is over."""
        super().connection_made(stream)
        if self.connected and IHandshakeListener.providedBy(self.protocol):
            try:
                self.protocol.handshakeCompleted()
            except Exception:
                self.fail(Failure())

    def loseWriteConnection(self) -> None:
        """Twisted: TLS ends in both directions."""
        self.loseConnection()

    def _pass_end(self) -> None:
        # The peer takes what the kernel takes now, and nothing else is promised to it.
        self.flush()
        self.end(Failure(ConnectionDone()))

    def getPeerCertificate(self) -> Any:
        """Twisted: the peer's certificate as an OpenSSL.crypto.X509, None if it showed none, or the
        connection is gone.
        """
        # Only now: nothing else here needs OpenSSL's second binding.
        from OpenSSL.crypto import FILETYPE_ASN1, load_certificate  # noqa: PLC0415

        agreed = self._stream.get_extra_info("ssl_object")
        encoded = None if agreed is None else agreed.getpeercert(True)
        return None if encoded is None else load_certificate(FILETYPE_ASN1, encoded)

    @property
    def negotiatedProtocol(self) -> bytes | None:
        """Twisted: what ALPN settled on; None if on nothing, or the connection is gone."""
        agreed = self._stream.get_extra_info("ssl_object")
        name = None if agreed is None else agreed.selected_alpn_protocol()
        return None if name is None else name.encode("ascii")


classImplements(TlsTransport, INegotiated)


class TlsLayer(asyncio.Protocol):
    """One end of a TLS connection; a server's if ``name`` is None, else the name is verified.

    The handshake may take ``patience`` seconds. ``arrivals``, if there are any, are asked before it
    and hear how it ended (``transports.arrivals``).

    It is closed or aborted once only: the face sees to it.
    """

    __slots__ = (
        "_arrivals",
        "_closing",
        "_face",
        "_incoming",
        "_loop",
        "_lost_by",
        "_outgoing",
        "_patience",
        "_peer",
        "_peer_ended",
        "_reading",
        "_ready",
        "_ssl",
        "_stream",
        "_timer",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        face: FaceTransport,
        context: ssl.SSLContext,
        name: str | None = None,
        patience: float = HANDSHAKE_TIME,
        arrivals: Any = None,
    ) -> None:
        self._arrivals = arrivals
        self._peer: Any = None
        self._loop = loop
        # None once the connection is gone.
        self._face: FaceTransport | None = face
        self._stream: Any = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        # None, too, once it is gone.
        self._ssl: Any = context.wrap_bio(self._incoming, self._outgoing, name is None, name)
        self._patience = patience
        self._timer: asyncio.TimerHandle | None = None
        self._reading = True
        self._ready = False
        self._closing = False
        self._peer_ended = False
        self._lost_by: BaseException | None = None

    # -- from TCP

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: TCP is up."""
        self._stream = transport
        if self._arrivals is not None:
            # It has none if it is gone already; the number tells it from another with its address.
            host, port = (transport.get_extra_info("peername") or ("unknown", 0))[:2]
            self._peer = (host, port, id(self))
            if not self._arrivals.arriving(self._peer):
                self._arrivals = None
                self.give_up()
                return
        self._timer = self._loop.call_later(self._patience, self._handshake_too_slow)
        self._shake_hands()

    def data_received(self, data: bytes) -> None:
        """asyncio: encrypted bytes arrived."""
        self._incoming.write(data)
        if not self._ready:
            self._shake_hands()
        elif self._closing:
            self._pass_over()
            if self._peer_ended:
                self._stream.close()
        elif self._reading:
            self._deliver()

    def eof_received(self) -> bool:
        """asyncio: the peer has closed TCP."""
        if not self._ready:
            self._refuse(ConnectionResetError("the peer closed during the TLS handshake"))
        elif self._closing or self._peer_ended:
            self._stream.close()
        else:
            self._lose(ConnectionResetError("the peer closed TCP without ending TLS"))
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: TCP is gone."""
        self._stop_timer()
        if not self._ready:
            self._refuse(exc or ConnectionResetError("the connection was lost"))
        elif self._face is not None:
            self._face.connection_lost(self._lost_by or exc)
        self._let_go()

    def pause_writing(self) -> None:
        """asyncio: more is held than the kernel takes."""
        if self._face is not None:
            self._face.pause_writing()

    def resume_writing(self) -> None:
        """asyncio: all has been sent."""
        if self._face is not None:
            self._face.resume_writing()

    # -- from the face: the part of asyncio.Transport that it uses

    def write(self, data: bytes) -> None:
        """Encrypt and send."""
        if len(data) <= SEALED:
            self._seal(memoryview(data))
            self._send()
            return
        sealed = []
        rest = memoryview(data)
        while rest and self._lost_by is None:
            self._seal(rest[:SEALED])
            rest = rest[SEALED:]
            sealed.append(self._outgoing.read())
        if self._lost_by is None:
            self._stream.writelines(sealed)

    def _seal(self, rest: memoryview) -> None:
        try:
            while rest:
                # By itself: in an index, mypyc would do it twice.
                sent = self._ssl.write(rest)
                rest = rest[sent:]
        except ssl.SSLError as error:
            self._lose(error)

    def writelines(self, pieces: Iterable[bytes]) -> None:
        """Encrypt and send; joined, for each piece would be a record of its own."""
        self.write(b"".join(pieces))

    def set_write_buffer_limits(self, high: int) -> None:
        """Of the octets that are encrypted already."""
        self._stream.set_write_buffer_limits(high)

    def get_write_buffer_size(self) -> int:
        """Encrypted octets that wait to be sent."""
        return int(self._stream.get_write_buffer_size())

    def get_extra_info(self, name: str) -> Any:
        """About TLS and TCP."""
        return self._ssl if name == "ssl_object" else self._stream.get_extra_info(name)

    def is_closing(self) -> bool:
        """Whether it has been closed, by the face or because it was lost."""
        return bool(self._closing or self._stream.is_closing())

    def pause_reading(self) -> None:
        """Deliver no more for now."""
        self._reading = False
        self._stream.pause_reading()

    def resume_reading(self) -> None:
        """Deliver on: first what is here."""
        self._reading = True
        self._loop.call_soon(self._deliver_on)

    def close(self) -> None:
        """End TLS, then TCP once the peer has ended it too."""
        self._closing = True
        # First what is here: OpenSSL cannot end a connection while it holds unread data.
        self._pass_over()
        self._say_goodbye()
        if self._peer_ended:
            self._stream.close()
        else:
            self._timer = self._loop.call_later(CLOSE_TIME, self._stream.abort)
            self._stream.resume_reading()

    def give_up(self) -> None:
        """Nobody waits for the handshake any more."""
        self._closing = True
        self._tell_arrived()
        if self._stream is not None:
            self._stream.abort()

    def abort(self) -> None:
        """End TCP at once; TLS only if the peer has: what is cut short must not look whole."""
        if self._peer_ended and not self._closing:
            self._say_goodbye()
        self._closing = True
        self._stream.abort()

    # -- the handshake

    def _shake_hands(self) -> None:
        try:
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            self._send()
        except (ssl.SSLError, ValueError) as error:
            # What tells the peer why.
            self._send()
            self._refuse(error)
        else:
            self._send()
            self._stop_timer()
            self._ready = True
            self._tell_arrived()
            if self._face is not None:
                self._face.connection_made(self)
            if self._reading and not self._closing:
                self._deliver()

    def _handshake_too_slow(self) -> None:
        self._refuse(TimeoutError(f"the TLS handshake took longer than {self._patience:g} s"))

    def _refuse(self, error: BaseException) -> None:
        if self._closing:
            return
        log.debug("TLS handshake failed: {error}", error=error)
        self._closing = True
        self._stop_timer()
        arrivals = self._tell_arrived()
        reason = None if arrivals is None else reason_of(error)
        if reason is not None:
            arrivals.handshake_failed(self._peer, reason)
        if self._face is not None:
            self._face.refused(Failure(SSLError(str(error))))
        self._stream.close()

    def _tell_arrived(self) -> Any:
        """Once: the handshake is over. Returns who was told, if anybody."""
        arrivals, self._arrivals = self._arrivals, None
        if arrivals is not None:
            arrivals.arrived(self._peer)
        return arrivals

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    # -- records

    def _send(self) -> None:
        if self._outgoing.pending:
            self._stream.write(self._outgoing.read())

    def _deliver_on(self) -> None:
        if self._reading and not self._closing:
            self._deliver()
        if self._reading and not self._closing:
            self._stream.resume_reading()

    def _deliver(self) -> None:
        """Decrypt and pass on what has arrived, for as long as the face reads."""
        face = self._face
        while face is not None and self._reading and not self._closing:
            data = self._decrypt(PIECE)
            if not data:
                break
            face.data_received(data)
        self._send()
        if face is not None and self._peer_ended and self._reading and not self._closing:
            face.eof_received()

    def _decrypt(self, most: int) -> bytes:
        """Up to ``most`` octets; none if a record is not whole yet, or TLS is at its end."""
        pieces = []
        try:
            # The check spares an exception, which costs more than a small record.
            while most and (self._incoming.pending or self._ssl.pending()):
                piece = self._ssl.read(most)
                if not piece:
                    self._peer_ended = True
                    break
                pieces.append(piece)
                most -= len(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._peer_ended = True
        except ssl.SSLError as error:
            self._lose(error)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _pass_over(self) -> None:
        """Closing: only the peer's end matters, whatever else it sends."""
        while self._decrypt(PIECE):
            pass

    # -- ends

    def _let_go(self) -> None:
        self._closing = True
        self._face = self._ssl = None
        self._incoming = self._outgoing = ssl.MemoryBIO()

    def _say_goodbye(self) -> None:
        try:
            self._ssl.unwrap()
        except ssl.SSLError:
            # Sent, but the peer's own is not here yet.
            pass
        else:
            self._peer_ended = True
        self._send()

    def _lose(self, error: BaseException) -> None:
        if self._lost_by is None:
            self._lost_by = error
            self._send()
            self._stream.abort()
