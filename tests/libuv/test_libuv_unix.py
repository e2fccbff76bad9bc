"""Unix sockets by path."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.address import UNIXAddress
from twisted.internet.error import CannotListenError, ConnectError, ConnectionDone
from twisted.internet.protocol import Factory

from lambdadispatch.http11.keepalive import keep_alive
from lambdadispatch.transports.unix import (
    LibuvUnixClientEndpoint,
    LibuvUnixServerEndpoint,
    unix_client_endpoint,
    unix_server_endpoint,
)
from tests.libuv.case import LibuvCase
from tests.memory.cases import Steps, case
from tests.memory.recorders import HalfCloseRecorder, Recorder, pattern

PLAIN = Factory.forProtocol(Recorder)


class UnixTests(LibuvCase):
    def setUp(self) -> None:
        super().setUp()
        # Short: the kernel takes no more than 107 octets.
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        self.path = str(folder / "s")

    def endpoint(self) -> LibuvUnixServerEndpoint:
        return LibuvUnixServerEndpoint(self.loop, self.path, 0o600)

    @case
    def test_bytes_addresses_and_ends(self) -> Steps:
        server, client = HalfCloseRecorder(), HalfCloseRecorder()
        port = yield unix_server_endpoint(reactor, self.path).listen(
            Factory.forProtocol(lambda: server)
        )
        self.assertEqual(port.getHost(), UNIXAddress(self.path))
        endpoint = unix_client_endpoint(reactor, self.path, 5)
        yield endpoint.connect(Factory.forProtocol(lambda: client))
        sent = pattern(300_000)
        yield self.until(lambda: bool(server.events))
        server.on_data = server.transport.write
        client.transport.write(sent)
        yield self.until(lambda: len(client.received) == len(sent))
        self.assertEqual(bytes(client.received), sent)
        self.assertEqual(client.transport.getPeer(), UNIXAddress(self.path))
        self.assertEqual(server.transport.getHost(), UNIXAddress(self.path))
        client.transport.loseWriteConnection()
        yield self.until(lambda: "read ended" in server.events)
        server.transport.loseConnection()
        yield self.until(lambda: "read ended" in client.events)
        client.transport.loseConnection()
        self.assertEqual(client.events[-1], ConnectionDone)
        yield port.stopListening()

    @case
    def test_protocols_made_for_tcp_do_no_harm(self) -> Steps:
        client = Recorder()
        port = yield self.endpoint().listen(PLAIN)
        yield LibuvUnixClientEndpoint(self.loop, self.path).connect(
            Factory.forProtocol(lambda: client)
        )
        client.transport.setTcpNoDelay(True)
        keep_alive(client.transport)
        client.transport.abortConnection()
        yield self.until(lambda: client.lost)
        yield port.stopListening()

    @case
    def test_path_is_there_while_it_listens(self) -> Steps:
        port = yield self.endpoint().listen(PLAIN)
        self.assertEqual(stat.S_IMODE(Path(self.path).stat().st_mode), 0o600)
        yield self.settled()
        yield port.stopListening()
        self.assertFalse(Path(self.path).exists())
        yield port.stopListening()
        yield self.assertFailure(
            LibuvUnixClientEndpoint(self.loop, self.path).connect(PLAIN), ConnectError
        )

    @case
    def test_path_that_another_has_taken_over_is_left(self) -> Steps:
        port = yield self.endpoint().listen(PLAIN)
        yield self.settled()
        Path(self.path).rename(self.path + "old")
        Path(self.path).write_text("another's")
        yield port.stopListening()
        self.assertEqual(Path(self.path).read_text(), "another's")

    @case
    def test_stale_socket_is_replaced_and_a_served_one_is_not(self) -> Steps:
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind(self.path)
        port = yield self.endpoint().listen(PLAIN)
        error = self.failureResultOf(self.endpoint().listen(PLAIN), CannotListenError).value
        self.assertEqual(error.port, self.path)
        yield port.stopListening()

    @case
    def test_file_in_its_place_is_not_removed(self) -> Steps:
        Path(self.path).write_text("kept")
        self.failureResultOf(self.endpoint().listen(PLAIN), CannotListenError)
        self.assertEqual(Path(self.path).read_text(), "kept")
        yield self.settled()
