"""How connections come to be: cases for each kind of network."""

from __future__ import annotations

import socket

from twisted.internet.error import (
    CannotListenError,
    ConnectingCancelledError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    NoProtocol,
)
from twisted.internet.interfaces import IConsumer, IPushProducer, ITCPTransport
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from tests.memory.cases import Cases, Steps, case
from tests.memory.recorders import Recorder


class ConnectingCases(Cases):
    """Addresses, options, listening and connecting."""

    @case
    def test_interfaces_and_addresses(self) -> Steps:
        yield self.connected()
        client, server = self.client.transport, self.server.transport
        for transport in (client, server):
            for interface in (ITCPTransport, IConsumer, IPushProducer):
                verifyObject(interface, transport)
            self.assertEqual(transport.getHost().type, "TCP")
        self.assertEqual(client.getPeer(), server.getHost())
        self.assertEqual(client.getHost(), server.getPeer())
        self.assertEqual(server.getHost(), self.port.getHost())

    @case
    def test_options_are_kept(self) -> Steps:
        yield self.connected()
        transport = self.client.transport
        for enabled in (True, False):
            transport.setTcpNoDelay(enabled)
            transport.setTcpKeepAlive(enabled)
            self.assertEqual(transport.getTcpNoDelay(), enabled)
            self.assertEqual(transport.getTcpKeepAlive(), enabled)
        transport.getHandle().setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 200)
        kept = transport.getHandle().getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        self.assertEqual(kept, 200)

    @case
    def test_refused_where_nobody_listens(self) -> Steps:
        yield self.listening(Recorder)
        yield self.port.stopListening()
        try:
            yield self.joined(Recorder())
        except ConnectionRefusedError:
            return
        raise AssertionError("connected to a port on which nobody listens")

    @case
    def test_port_in_use_then_freed(self) -> Steps:
        yield self.listening(Recorder)
        number = self.number
        try:
            yield self.server_endpoint(number).listen(Factory.forProtocol(Recorder))
        except CannotListenError as error:
            self.assertEqual(error.port, number)
        else:
            raise AssertionError("listened twice on one port")
        yield self.port.stopListening()
        again = yield self.server_endpoint(number).listen(Factory.forProtocol(Recorder))
        self.assertEqual(again.getHost().port, number)
        yield again.stopListening()

    @case
    def test_stop_listening_keeps_connections(self) -> Steps:
        yield self.connected()
        yield self.port.stopListening()
        self.client.transport.write(b"still here")
        yield self.until(lambda: self.server.received == b"still here")

    @case
    def test_server_factory_gives_no_protocol(self) -> Steps:
        client = Recorder()
        yield self.listening(lambda: None)
        yield self.joined(client)
        yield self.until(lambda: client.lost)
        self.assertEqual(client.events, ["made", ConnectionDone])

    @case
    def test_client_factory_gives_no_protocol(self) -> Steps:
        server = Recorder()
        yield self.listening(lambda: server)
        try:
            yield self.joined(None)
        except NoProtocol:
            pass
        else:
            raise AssertionError("connected without a protocol")
        yield self.until(lambda: bool(server.events) and server.lost)
        self.assertEqual(server.events, ["made", ConnectionDone])

    @case
    def test_connecting_can_be_cancelled(self) -> Steps:
        yield self.listening(Recorder)
        connecting = self.client_endpoint(self.number).connect(Factory.forProtocol(Recorder))
        connecting.cancel()
        try:
            yield connecting
        except ConnectingCancelledError as error:
            self.assertEqual(error.address, self.port.getHost())
        else:
            raise AssertionError("connected though cancelled")

    @case
    def test_error_in_connection_made(self) -> Steps:
        class Failing(Recorder):
            def connectionMade(self) -> None:
                super().connectionMade()
                raise ZeroDivisionError("in connectionMade")

        # The server's connection lives on, that of the client ends.
        yield self.connected(Failing())
        self.client.transport.write(b"heard")
        yield self.until(lambda: self.server.received == b"heard")
        client = Failing()
        self.client_endpoint(self.number).connect(Factory.forProtocol(lambda: client))
        yield self.until(lambda: client.lost if client.events else False)
        self.assertEqual(client.events, ["made", ZeroDivisionError])
        yield self.settled()
        self.assertGreater(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    @case
    def test_error_in_connection_lost(self) -> Steps:
        class Failing(Recorder):
            def connectionLost(self, reason: Failure = Recorder.NO_REASON) -> None:
                super().connectionLost(reason)
                raise ZeroDivisionError("in connectionLost")

        yield self.connected(Failing(), Failing())
        self.client.transport.abortConnection()
        yield self.until(self.both_lost)
        yield self.settled()
        self.assertEqual(self.client.events, ["made", ConnectionAborted])
        self.assertEqual(self.server.events, ["made", ConnectionLost])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
