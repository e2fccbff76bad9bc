"""A network in memory, on a test clock: whole systems in one process without sockets or sleeping.

Nothing moves by itself. A test sets things going, then calls ``pump`` (deliver whatever can be
delivered now) or ``advance`` (let time pass, delivering on the way)::

    clock = task.Clock()
    network = MemoryNetwork(clock)
    network.listen_endpoint(5002).listen(factory)
    client = network.connect(protocol, 5002)
    client.write(b"hello")
    network.pump()

The transports are Twisted's own; see ``transport.py`` and ``link.py``.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from twisted.internet import defer, task
from twisted.internet.address import IPv4Address
from twisted.internet.error import (
    CannotListenError,
    ConnectingCancelledError,
    ConnectionRefusedError,
    DNSLookupError,
    NoProtocol,
)
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.python import log
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.memory.link import Link, Side
from tests.memory.transport import MemoryTransport, Poller
from tests.memory.turns import ROUNDS, Turns

ANY_HOST = ("", "0.0.0.0")
FIRST_FREE_PORT = 40000
LAST_PORT = 65535


class MemoryNetwork:
    """Listening ports, links and the loop that moves bytes between them.

    ``chunk``: most bytes given to one ``dataReceived`` (1: byte by byte).
    ``latency``: seconds on the clock until bytes, ends, resets and connection attempts arrive.
    ``window``: bytes one direction of a link holds between writer and reader.
    ``links``: the live links, oldest first.
    ``names``: host names that can be connected to, and their addresses.
    """

    def __init__(
        self,
        clock: task.Clock,
        *,
        chunk: int | None = None,
        latency: float = 0.0,
        window: int = 65536,
    ) -> None:
        if chunk is not None and chunk < 1:
            raise ValueError(f"chunk is {chunk!r}: at least 1 byte, or None for no limit")
        if latency < 0:
            raise ValueError(f"latency is {latency!r}: at least 0 seconds")
        if window < 1:
            raise ValueError(f"window is {window!r}: at least 1 byte")
        self.clock = clock
        self.chunk = chunk
        self.latency = latency
        self.window = window
        self.poller = Poller(clock)
        self.links: list[Link] = []
        self.names = {"localhost": "127.0.0.1"}
        self._ports: list[MemoryPort] = []
        self._last_port = FIRST_FREE_PORT - 1
        self._turns = Turns(clock, self.poller)

    # Listening and connecting.

    def listen_endpoint(self, port: int, host: str = "127.0.0.1") -> IStreamServerEndpoint:
        """Name a place to listen on; port 0 stands for a free one. Host "" is every address."""
        return MemoryServerEndpoint(self, host, port)

    def connect_endpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        """Name a place to connect to."""
        return MemoryClientEndpoint(self, host, port)

    def connect(
        self, protocol: IProtocol, port: int, host: str = "127.0.0.1", agreed: bytes | None = None
    ) -> MemoryTransport:
        """Connect ``protocol`` at once, without a pump. Errors as of ``open_link``. ``agreed`` is
        what ALPN would have agreed on over TLS, for the server to see.
        """
        link, listener, addresses = self.open_link(host, port)
        listener.accept(link, addresses, agreed)
        transport = self.attach(link, "client", protocol, addresses, _nothing)
        protocol.makeConnection(transport)
        return transport

    def open_link(self, host: str, port: int) -> tuple[Link, MemoryPort, dict[Side, IPv4Address]]:
        """Make the link of a new connection, with no protocol at either end.

        Raises ``DNSLookupError`` for an unknown name, ``ConnectionRefusedError`` where nobody
        listens.
        """
        address = self._resolve(host)
        for listener in self._ports:
            if listener.accepting and listener.serves(address, port):
                break
        else:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"nobody listens on {host}:{port}")
        link = Link(
            self.clock,
            chunk=self.chunk,
            latency=self.latency,
            window=self.window,
            links=self.links,
        )
        addresses: dict[Side, IPv4Address] = {
            "client": IPv4Address("TCP", "127.0.0.1", self.free_port()),
            "server": IPv4Address("TCP", address, port),
        }
        return link, listener, addresses

    def attach(
        self,
        link: Link,
        side: Side,
        protocol: IProtocol,
        addresses: dict[Side, IPv4Address],
        lost: Callable[[], None],
    ) -> MemoryTransport:
        """Put a reading transport for ``protocol`` at one end of ``link``."""
        other: Side = "server" if side == "client" else "client"
        transport = MemoryTransport(
            link.sockets[side],
            protocol,
            self.poller,
            host=addresses[side],
            peer=addresses[other],
            lost=lost,
        )
        setattr(link, side, transport)
        transport.startReading()
        return transport

    def _resolve(self, host: str) -> str:
        if host in self.names:
            return self.names[host]
        if all(part.isdigit() for part in host.split(".")):
            return host
        raise DNSLookupError(f"no such host: {host!r}; known names: {sorted(self.names)}")

    def free_port(self) -> int:
        """Take the next port number on which nobody listens, starting over at the last one."""
        taken = {port.number for port in self._ports}
        for _ in range(LAST_PORT - FIRST_FREE_PORT + 1):
            self._last_port = max(FIRST_FREE_PORT, (self._last_port + 1) % (LAST_PORT + 1))
            if self._last_port not in taken:
                return self._last_port
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))

    def bind(self, port: MemoryPort) -> None:
        """Enter a port in the table. Raises ``CannotListenError`` if its place is taken."""
        for other in self._ports:
            if other.number == port.number and other.overlaps(port.host):
                in_use = OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
                raise CannotListenError(port.host, port.number, in_use)
        self._ports.append(port)

    def unbind(self, port: MemoryPort) -> None:
        """Free the place of a port."""
        self._ports.remove(port)

    # Letting things happen.

    def pump(self, rounds: int = ROUNDS) -> None:
        """Deliver until nothing moves and no delayed call is due; see ``Turns.pump``."""
        self._turns.pump(rounds)

    def advance(self, seconds: float, step: float | None = None, rounds: int = ROUNDS) -> None:
        """Let time pass, pumping at each delayed call on the way; see ``Turns.advance``."""
        self._turns.advance(seconds, step, rounds)


def _nothing() -> None:
    """Stand for a callback that nobody needs."""


@implementer(IListeningPort)
class MemoryPort:
    """A listening port."""

    def __init__(
        self, network: MemoryNetwork, host: str, port: int, factory: IProtocolFactory
    ) -> None:
        self._network = network
        self._factory = factory
        self._wanted = port
        self.host = host
        self.number = port
        self.accepting = False

    def startListening(self) -> None:
        self.number = self._wanted or self._network.free_port()
        self._network.bind(self)
        self._factory.doStart()
        self.accepting = True

    def stopListening(self) -> defer.Deferred[None] | None:
        """Refuse connections from now on; the port is free when the Deferred fires."""
        if not self.accepting:
            return None
        self.accepting = False
        return task.deferLater(self._network.clock, 0, self._stopped)

    def _stopped(self) -> None:
        self._network.unbind(self)
        self._factory.doStop()

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", self.host or "0.0.0.0", self.number)

    def serves(self, address: str, port: int) -> bool:
        """Tell whether a connection to this address and port comes here."""
        return port == self.number and self.host in (address, *ANY_HOST)

    def overlaps(self, host: str) -> bool:
        """Tell whether ``host`` shares an address with this port."""
        return host == self.host or host in ANY_HOST or self.host in ANY_HOST

    def accept(
        self, link: Link, addresses: dict[Side, IPv4Address], agreed: bytes | None = None
    ) -> None:
        """Build the server's protocol; errors in it are logged, as ``tcp.Port`` does."""
        protocol: IProtocol | None = None
        try:
            protocol = self._factory.buildProtocol(addresses["client"])
            if protocol is not None:
                transport = self._network.attach(link, "server", protocol, addresses, _nothing)
                transport.negotiatedProtocol = agreed
                protocol.makeConnection(transport)
        except Exception:
            log.err()
        if protocol is None:
            link.sockets["server"].close()


@implementer(IStreamServerEndpoint)
class MemoryServerEndpoint:
    """Listens on a MemoryNetwork."""

    def __init__(self, network: MemoryNetwork, host: str, port: int) -> None:
        self._network = network
        self._host = host
        self._port = port

    def listen(self, protocolFactory: IProtocolFactory) -> defer.Deferred[IListeningPort]:
        """Fire with the port, or fail with ``CannotListenError``."""
        port = MemoryPort(self._network, self._host, self._port, protocolFactory)
        return defer.execute(port.startListening).addCallback(lambda _: port)


@implementer(IStreamClientEndpoint)
class MemoryClientEndpoint:
    """Connects over a MemoryNetwork, after its latency and never inside ``connect``."""

    def __init__(self, network: MemoryNetwork, host: str, port: int) -> None:
        self._network = network
        self._host = host
        self._port = port

    def connect(self, protocolFactory: IProtocolFactory) -> defer.Deferred[IProtocol]:
        """Fire with the protocol once connected.

        Fails with ``ConnectionRefusedError``, ``DNSLookupError``, ``NoProtocol`` (the factory gave
        none), ``ConnectingCancelledError``, or what the factory raised.
        """
        network = self._network

        def cancelled(connected: defer.Deferred[IProtocol]) -> None:
            attempt.cancel()
            protocolFactory.doStop()
            address = IPv4Address("TCP", self._host, self._port)
            connected.errback(ConnectingCancelledError(address))

        connected: defer.Deferred[IProtocol] = defer.Deferred(cancelled)
        protocolFactory.doStart()
        attempt = network.clock.callLater(
            network.latency, self._attempt, protocolFactory, connected
        )
        return connected

    def _attempt(self, factory: IProtocolFactory, connected: defer.Deferred[IProtocol]) -> None:
        network = self._network
        try:
            link, listener, addresses = network.open_link(self._host, self._port)
        except Exception:
            factory.doStop()
            connected.errback(Failure())
            return
        listener.accept(link, addresses)
        try:
            protocol = factory.buildProtocol(addresses["server"])
            if protocol is None:
                raise NoProtocol
        except Exception:
            link.sockets["client"].close()
            factory.doStop()
            connected.errback(Failure())
            return
        transport = network.attach(link, "client", protocol, addresses, factory.doStop)
        try:
            protocol.makeConnection(transport)
        except Exception as error:
            # The Deferred stays silent, as that of a real TCP endpoint does.
            log.err()
            transport.connectionLost(Failure(error))
            return
        connected.callback(protocol)
